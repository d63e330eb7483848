"""One text, one language for each reader."""

import asyncio

import pytest
from babel import Locale
from babel.numbers import format_decimal

from moorage.texts import again, decimal, later, preferred, speak, speaking, t, tn
from moorage.texts.catalogue import Pattern, read
from moorage.texts.pages import texts

POLISH = r"""msgid ""
msgstr ""
"X-Name: Polski\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\n"

#: web/nodes.js
msgid "{count} node"
msgid_plural "{count} nodes"
msgstr[0] "{count} węzeł"
msgstr[1] "{count} węzły"
msgstr[2] "{count} węzłów"

#, fuzzy
msgid "Stop"
msgstr "?"

msgid "Free right "
"now"
msgstr "Wolne \"teraz\""
"!"

msgid "Not translated"
msgstr ""
"""


def test_english_is_its_own_key_and_a_language_has_its_own_words() -> None:
    assert t("Fits on {nodes} right now.", nodes="{atlas}") == "Fits on {atlas} right now."
    with speaking("de"):
        assert t("Fits on {nodes} right now.", nodes="{atlas}") == "Passt gerade auf {atlas}."
        assert t("None of {whose}", whose="ours") == "None of ours"


def test_so_many_have_their_form() -> None:
    one, many = "and {count} more node", "and {count} more nodes"

    assert [tn(one, many, count) for count in (0, 1, 2)] == [
        "and 0 more nodes",
        "and 1 more node",
        "and 2 more nodes",
    ]
    with speaking("de"):
        assert [tn(one, many, count) for count in (1, 2)] == ["und 1 weiterer Knoten", "und 2 weitere Knoten"]


def test_a_catalogue_is_read_as_gettext_writes_it(tmp_path) -> None:
    file = tmp_path / "pl.po"
    file.write_text(POLISH, encoding="utf-8")
    babel = Locale.parse("pl").plural_form

    found = read(file)

    forms = found.forms("{count} node")
    assert forms is not None
    index = {"one": "{count} węzeł", "few": "{count} węzły", "many": "{count} węzłów"}
    assert [forms(count) for count in range(200)] == [index[babel(count)] for count in range(200)]
    assert found.texts == {"Free right now": 'Wolne "teraz"!'}
    assert found.name == "Polski"
    assert list(found.page["texts"]) == ["{count} node"]


@pytest.mark.parametrize(
    ("accepted", "chosen", "language"),
    [
        (None, None, "en"),
        ("de-AT,de;q=0.9,en;q=0.5", None, "de"),
        ("fr, en;q=0.8, de;q=0.9", None, "de"),
        ("en-GB,de", None, "en"),
        ("de;q=0, en", None, "en"),
        ("xx;q=banana,,;q=1,de", None, "de"),
        ("en", "de", "de"),
        ("de", "../../etc", "de"),
        ("de" * 5000, None, "en"),
    ],
)
def test_the_browser_says_which_language_and_a_choice_comes_first(accepted, chosen, language) -> None:
    assert preferred(accepted, chosen=chosen) == language


def test_what_was_said_to_everybody_is_said_again_to_each() -> None:
    said = later("{name} (not offered)", name=later("gone"))

    assert again(said) == said == "gone (not offered)"
    with speaking("de"):
        assert again("and 1 more node") == "und 1 weiterer Knoten"
        assert again("and 12 more nodes") == "und 12 weitere Knoten"
        assert again(said) == "nicht mehr da (nicht im Angebot)"
        assert again("a name of somebody's") == "a name of somebody's"


def test_what_somebody_says_is_told_with_their_name() -> None:
    said = "exec: not answering since 14:02 UTC (nvidia-smi said nothing); dcgm: no answer yet"

    with speaking("de"):
        assert again(said) == (
            "exec: antwortet seit 14:02 UTC nicht (nvidia-smi hat nichts gemeldet); dcgm: noch keine Antwort"
        )
        assert again("not a text: of ours") == "not a text: of ours"


def test_numbers_have_the_mark_that_babel_knows() -> None:
    for language in ("en", "de"):
        with speaking(language):
            assert decimal("1.5") == format_decimal(1.5, locale=language)


async def test_tasks_speak_the_language_of_who_started_them() -> None:
    async def answer(language: str) -> str:
        speak(language)
        await asyncio.sleep(0)
        return await asyncio.create_task(stop())

    async def stop() -> str:
        return t("Stop")

    assert await asyncio.gather(answer("de"), answer("en")) == ["Stoppen", "Stop"]
    assert t("Stop") == "Stop"


def test_a_page_gets_the_texts_of_its_scripts_alone_and_nothing_breaks_out() -> None:
    with speaking("de"):
        page = texts()

    assert page["language"] == "de"
    assert "Passt gerade" in page["island"]
    assert "springen" not in page["island"]
    assert not set("<>&") & set(page["island"])


def test_a_text_that_was_made_to_be_hard_to_recognise_takes_no_longer_than_another() -> None:
    hard = "a, b and c of d, reached by (" * 5000

    with speaking("de"):
        assert again(hard).endswith("reached by (")


def test_fields_take_what_they_can_and_a_name_that_comes_twice_has_one_value() -> None:
    values = Pattern("{first} and {last}").values

    assert values("a and b and c") == {"first": "a and b", "last": "c"}
    assert values(" and c") is None
    assert Pattern("{a} is {a}").values("x is y") is None
    assert Pattern("{count} nodes").values("many nodes") is None

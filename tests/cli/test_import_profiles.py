"""`moorage import-profiles`: a list of profiles as images and presets, and nothing dropped in silence."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

FILE = Path(__file__).with_name("profiles.yaml")
NODES = "singleuser.profileList[{}].{}"


def options(printed):
    """What the printed Python sets."""
    spawner = SimpleNamespace(images=[], presets=[], presets_only=False, cpu_guarantee_ratio=None)
    exec(printed, {"c": SimpleNamespace(MoorageSpawner=spawner)})
    return spawner


def notes(told):
    """(line, path, text) of what could not be turned."""
    rows = [line.partition(":")[2] for line in told.splitlines() if not line.startswith("moorage: ")]
    return [(int(line), path, text) for line, path, text in (row.split(":", 2) for row in rows)]


def line_of(words):
    return next(number for number, line in enumerate(FILE.read_text().splitlines(), 1) if words in line)


@pytest.fixture
async def imported(moorage):
    ended = await moorage("import-profiles", str(FILE))
    assert ended.status == 0
    return options(ended.out), notes(ended.err)


async def test_the_images_of_choices_and_of_profiles_are_the_catalogue(imported):
    made, _ = imported

    assert [(image["name"], image["reference"], image.get("default", False)) for image in made.images] == [
        ("scipy", "quay.io/jupyter/scipy-notebook:2025-01-06", False),
        ("r", "quay.io/jupyter/r-notebook:2025-01-06", True),
        ("gpu", "quay.io/jupyter/pytorch-notebook:cuda12-2025-01-06", False),
    ]
    assert made.images[0]["description"] == "Python for science"


async def test_each_size_is_a_preset_with_amounts_nodes_and_groups(imported):
    made, _ = imported

    assert made.presets == [
        {
            "name": "cpu-small",
            "display_name": "CPU: Small",
            "description": "A part of a shared machine",
            "default": True,
            "cpu": "2",
            "memory": "4Gi",
            "nodes": "pool=cpu",
            "allowed_groups": ["lab-a", "lab-b"],
        },
        {
            "name": "cpu-large",
            "display_name": "CPU: Large",
            "description": "A part of a shared machine",
            "cpu": "8",
            "memory": "8Gi",
            "nodes": "pool=large,zone=a",
            "allowed_groups": ["lab-b"],
        },
        {
            "name": "t4",
            "display_name": "GPU",
            "cpu": "3651m",
            "memory": "1951419879",
            "gpu": 1,
            "gpu_resource": "nvidia.com/gpu",
            "image": "gpu",
        },
    ]
    assert made.presets_only


async def test_a_share_of_the_cpu_that_all_profiles_request_is_the_hubs(imported):
    made, _ = imported

    assert made.cpu_guarantee_ratio == 0.25


@pytest.mark.parametrize(
    ("words", "path", "text"),
    [
        ("default_url", "kubespawner_override.default_url", "is no part of a preset"),
        ("enabled: true", "profile_options.image.unlisted_choice", "can't name what no list has"),
        ("[lab-b, lab-c]", "choices.large.allowed_groups", "only members of a group that both lists name"),
        ("mem_guarantee: 7.5G", "kubespawner_override.mem_guarantee", "7680Mi was requested"),
        ("mem_guarantee: 1951419879", "kubespawner_override.mem_guarantee", "had no limit"),
        ("example.org/fuse", "kubespawner_override.extra_resource_limits", "example.org/fuse is no GPU"),
        ("tolerations", "kubespawner_override.tolerations", "c.KubeSpawner.tolerations sets it for everybody"),
        ("environment", "kubespawner_override.environment", "is no part of a preset"),
        ("display_name: CPU", "profileList[0]", "offered 2 of the 3 images"),
    ],
)
async def test_what_can_not_be_turned_is_told_with_its_line(imported, words, path, text):
    _, told = imported

    assert [note for note in told if note[0] == line_of(words) and note[1].endswith(path) and text in note[2]]


async def test_only_what_can_not_be_turned_is_told(imported):
    _, told = imported

    assert len(told) == 9


async def test_values_for_the_chart_empty_the_list_that_they_replace(moorage):
    ended = await moorage("import-profiles", str(FILE), "-o", "values")

    made = yaml.safe_load(ended.out)
    assert made["singleuser"]["profileList"] == []
    [code] = made["hub"]["extraConfig"].values()
    assert len(options(code).presets) == 3


async def test_shares_that_differ_are_told_and_none_is_chosen(moorage):
    profiles = [
        {"display_name": "A", "kubespawner_override": {"cpu_limit": 4, "cpu_guarantee": 1}},
        {"display_name": "B", "kubespawner_override": {"cpu_limit": 4}},
    ]

    ended = await moorage("import-profiles", "-", stdin=json.dumps(profiles))

    assert options(ended.out).cpu_guarantee_ratio is None
    assert [text.split()[0] for _, _, text in notes(ended.err)] == ["0.25", "1"]


async def test_names_stay_apart(moorage):
    profiles = [{"display_name": "Same", "kubespawner_override": {"cpu_limit": n}} for n in (1, 2)]

    ended = await moorage("import-profiles", "-", stdin=json.dumps(profiles))

    assert [preset["name"] for preset in options(ended.out).presets] == ["same", "same-2"]


async def test_nebaris_profiles_have_groups_and_say_who_else_may(moorage):
    text = """
profiles:
  jupyterlab:
    - display_name: Small
      access: yaml
      groups: [analysts]
      users: [ana]
      kubespawner_override: {cpu_limit: 2, cpu_guarantee: 1, mem_limit: 8G, mem_guarantee: 8G}
"""
    ended = await moorage("import-profiles", "-", stdin=text)

    [preset] = options(ended.out).presets
    assert preset["allowed_groups"] == ["analysts"]
    assert [path.rpartition(".")[2] for _, path, _ in notes(ended.err)] == ["access", "users"]


async def test_text_in_a_list_is_no_code(moorage):
    nasty = '"]\nimport os\nos._exit(9) # \x1b[31m'

    ended = await moorage(
        "import-profiles",
        "-",
        stdin=json.dumps([{"display_name": nasty, "surprise": 1, "kubespawner_override": {"cpu_limit": 1}}]),
    )

    assert ended.status == 0
    assert options(ended.out).presets[0]["display_name"] == " ".join(nasty.split())
    assert "\x1b" not in ended.out + ended.err


async def test_choices_that_make_too_many_presets_are_cut_and_told(moorage):
    choices = {f"c{n}": {"kubespawner_override": {"cpu_limit": n + 1}} for n in range(11)}
    profile = {"display_name": "A", "profile_options": {name: {"choices": choices} for name in "xy"}}

    ended = await moorage("import-profiles", "-", stdin=json.dumps([profile]))

    assert len(options(ended.out).presets) == 100
    assert "its choices make 121 presets; the first 100 are here" in ended.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1", "has no list of profiles; give the hub's values with singleuser.profileList"),
        ("", "has no list of profiles"),
        ("[1]", "a profile is a map, and this is a single value"),
        ("singleuser: {profileList: [[]]}", "line 1: a profile is a map, and this is a list"),
        ("a: [", "is not YAML"),
    ],
)
async def test_a_file_without_profiles_gets_a_sentence(moorage, text, words):
    ended = await moorage("import-profiles", "-", stdin=text)

    assert ended.status == 2
    assert words in ended.err
    assert not ended.out


@pytest.mark.parametrize("amount", ["lots", "-1", "0", "1e99", [1], {"a": 1}, True])
async def test_an_amount_that_can_not_be_read_is_told_and_left_out(moorage, amount):
    settings = {"mem_limit": amount, "cpu_limit": amount, "cpu_guarantee": None}

    ended = await moorage(
        "import-profiles", "-", stdin=json.dumps([{"display_name": "A", "kubespawner_override": settings}])
    )

    assert ended.status == 0
    assert not {"cpu", "memory"} & set(options(ended.out).presets[0] if options(ended.out).presets else ())
    assert ended.err.count("is no amount that can be read") == 2

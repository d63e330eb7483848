"""`moorage hub-values`: a person's values and moorage's in one file, of which nothing of theirs is lost in silence."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moorage.cli.hub_values.documents import UnfitValues, read, write
from moorage.cli.hub_values.fit import IMAGE, fit, moorages
from moorage.cli.hub_values.overlay import overlay

FILE = Path(__file__).parents[2] / "deploy/zero-to-jupyterhub/values.yaml"
OURS = yaml.safe_load(FILE.read_text())


def fitted(theirs, *, image=None, namespace="moorage"):
    """(merged values, what was told) of values as a dict or as text."""
    found = read(theirs if isinstance(theirs, str) else yaml.safe_dump(theirs, sort_keys=False), name="theirs")
    told = fit(found, moorages(image=image, namespace=namespace))
    return yaml.safe_load(write(found)), told


def keys(told):
    return {sentence.partition(":")[0] for sentence in told}


async def test_the_merged_file_goes_to_standard_output_and_what_was_changed_to_standard_error(moorage, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("hub: {extraVolumes: [{name: a, emptyDir: {}}]}\ncull: {enabled: true}\n")

    ended = await moorage("hub-values", str(mine), "--image", "r.example.org/moorage:9", "--service-namespace", "spawn")

    assert ended.status == 0
    made = yaml.safe_load(ended.out)
    assert made["cull"] == {"enabled": True}
    assert [volume["name"] for volume in made["hub"]["extraVolumes"]] == ["a", "moorage"]
    assert made["hub"]["initContainers"][0]["image"] == "r.example.org/moorage:9"
    assert "http://moorage.spawn:8000" in made["hub"]["extraConfig"]["50-moorage"]
    assert "kubernetes.io/metadata.name: spawn" in ended.out
    assert "moorage: hub.extraVolumes: 1 added after your 1, since Helm replaces lists as a whole\n" in ended.err


async def test_standard_input_may_be_what_helm_get_values_prints(moorage):
    ended = await moorage("hub-values", "-", stdin="null\n")

    assert yaml.safe_load(ended.out) == OURS


async def test_values_of_a_chart_that_has_the_hub_as_a_part_stay_below_their_key(moorage):
    ended = await moorage(
        "hub-values", "-", "--under", "jupyterhub", stdin="other: 1\njupyterhub: {cull: {every: 5}}\n"
    )

    assert yaml.safe_load(ended.out) == {"other": 1, "jupyterhub": {"cull": {"every": 5}, **OURS}}
    assert all(line.startswith("moorage: jupyterhub.hub.") for line in ended.err.splitlines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\npassword: [hush", "is not YAML, line 2: expected"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
        ("- a", "it holds a list, not a map"),
        ("hub: [a]", "hub is a list; the chart takes a map there"),
        ("hub: {extraVolumes: {a: b}}", "hub.extraVolumes is a map; the chart takes a list there"),
        ("hub: {extraEnv: text}", "hub.extraEnv is a single value"),
        ("hub: {extraConfig: text}", "hub.extraConfig is a single value"),
        ("hub: {extraEnv: {PYTHONPATH: {valueFrom: {}}}}", "comes from elsewhere"),
        ("sops: {mac: x}", "is encrypted"),
        ("a: &a [*a]", "nested too deeply"),
        (
            "a: &a [x, x, x, x, x, x]\n"
            + "".join(f"{b}: &{b} [{f'*{a}, ' * 6}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
            "too large",
        ),
        ("a: " + "[" * 5000, "nested too deeply"),
    ],
)
async def test_what_is_no_values_file_is_refused_in_a_sentence(moorage, text, words):
    ended = await moorage("hub-values", "-", stdin=text)

    assert (ended.status, ended.out) == (2, "")
    assert words in ended.err
    assert "hush" not in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_file_for_doing_it_by_hand_is_the_one_that_the_command_uses():
    used = moorages(image=None, namespace="moorage")

    assert yaml.safe_load(write(used)) == OURS
    assert IMAGE in FILE.read_text()


@pytest.mark.parametrize("form", ["list", "map"])
def test_the_environment_keeps_its_form(form):
    theirs = {"SECRET": "y", "PYTHONPATH": "/srv"}
    given = theirs if form == "map" else [{"name": key, "value": value} for key, value in theirs.items()]

    made, told = fitted({"hub": {"extraEnv": given}})

    env = made["hub"]["extraEnv"]
    if form == "list":
        env = {one.pop("name"): one.get("value", one) for one in env}
    assert env["SECRET"] == "y"
    assert env["PYTHONPATH"] == "/opt/moorage-hub:/srv"
    assert env["MOORAGE_SERVICE_TOKEN"] == OURS["hub"]["extraEnv"]["MOORAGE_SERVICE_TOKEN"]
    assert "hub.extraEnv" in keys(told)


def test_a_list_in_one_file_and_a_map_in_another_are_both_kept():
    below = read("hub: {extraEnv: [{name: A, value: a}, {name: B, value: b}]}", name="one.yaml")

    told = overlay(below, read("hub: {extraEnv: {B: new, C: {valueFrom: {x: y}}}}", name="two.yaml"), name="two.yaml")

    assert yaml.safe_load(write(below))["hub"]["extraEnv"] == [
        {"name": "A", "value": "a"},
        {"name": "B", "value": "new"},
        {"name": "C", "valueFrom": {"x": "y"}},
    ]
    assert keys(told) == {"hub.extraEnv"}


def test_other_lists_of_several_files_are_replaced_as_helm_does_and_that_is_told():
    below = read("hub: {tolerations: [{key: a}]}\nsame: [1]", name="one.yaml")

    told = overlay(below, read("hub: {tolerations: [{key: b}]}\nsame: [1]", name="two.yaml"), name="two.yaml")

    assert yaml.safe_load(write(below))["hub"]["tolerations"] == [{"key": "b"}]
    assert keys(told) == {"hub.tolerations"}


def read_by_the_hub(extra_config):
    """`c` after all of `hub.extraConfig`, as the hub reads it."""
    from traitlets.config import Config

    c = Config()
    for key in sorted(extra_config):
        exec(compile(extra_config[key], key, "exec"), {"c": c})
    return c


@pytest.mark.parametrize("key", ["10-spawner", "60-spawner", "zz", "50-moorage", "Ä"])
def test_moorage_comes_after_whoever_else_sets_the_spawner(key):
    code = 'c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"\nc.KubeSpawner.cpu_limit = 2\n'

    made, told = fitted({"hub": {"extraConfig": {key: code}}})

    config = read_by_the_hub(made["hub"]["extraConfig"])
    assert config.JupyterHub.spawner_class == "moorage"
    assert config.KubeSpawner.cpu_limit == 2
    assert any("takes its place" in sentence for sentence in told)


def test_an_address_of_the_service_that_is_set_already_is_kept():
    code = 'c.MoorageSpawner.service_url = "http://elsewhere:1"\n'

    made, told = fitted({"hub": {"extraConfig": {"10": code}}})

    assert read_by_the_hub(made["hub"]["extraConfig"]).MoorageSpawner.service_url == "http://elsewhere:1"
    assert any("your service_url is kept" in sentence for sentence in told)


def test_what_stays_and_matters_is_told():
    theirs = {
        "nameOverride": "lab",
        "singleuser": {"cpu": {"limit": 2}, "profileList": [{"display_name": "Big"}]},
        "hub": {"extraConfig": {"form": "c.KubeSpawner.options_form = 'mine'"}},
    }

    made, told = fitted(theirs)

    assert made["singleuser"] == theirs["singleuser"]
    assert {"nameOverride", "singleuser.profileList", "singleuser.cpu.limit"} <= keys(told)
    assert "form sets options_form" in str(told)
    assert made["hub"]["labels"] == {"moorage.io/client": "true"}


# Words that Python and Go read as different things: they have to come out as they were written, or as texts that both read.
WORDS = "a: y\nb: 'y'\nc: 1e3\nd: '1e3'\ne: 0644\nf: ~\ng:\nh: yes\ni: |\n  x\n   y\nj: \"a: b\"\nk: 1_000\n"


def test_words_mean_the_same_to_helm_afterwards():
    found = write(read(WORDS, name="theirs"))

    assert found == WORDS.replace("g:\n", "g: null\n")


def test_times_and_dates_come_out_as_the_texts_that_helm_reads():
    assert write(read("{a: 12:30, b: 2024-01-01, c: 12:30:45.5}", name="theirs")) == (
        '{a: "12:30", b: "2024-01-01", c: "12:30:45.5"}\n'
    )


def test_aliases_and_merge_keys_are_written_out_and_do_not_share():
    text = "x: &x {hub: &hub {extraEnv: {A: a}, db: {type: t}}}\n<<: *x\ny: {<<: *hub, db: {type: mine}}\n"

    made, _ = fitted(text)

    assert made["x"] == {"hub": {"extraEnv": {"A": "a"}, "db": {"type": "t"}}}
    assert made["hub"]["extraEnv"]["A"] == "a"
    assert "PYTHONPATH" in made["hub"]["extraEnv"]
    assert made["y"] == {"extraEnv": {"A": "a"}, "db": {"type": "mine"}}


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | words
trees = st.recursive(scalars, lambda t: st.lists(t, max_size=3) | st.dictionaries(words, t, max_size=3), max_leaves=8)
names = st.sampled_from(["A", "B", "PYTHONPATH", "MOORAGE_SERVICE_TOKEN", "moorage", "x"])
envs = st.dictionaries(names, words | st.fixed_dictionaries({"value": words}), max_size=3)
entries = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"mountPath": names, "value": words, "other": trees}), max_size=3
)
hubs = st.fixed_dictionaries(
    {},
    optional={
        "extraEnv": envs | entries | st.none(),
        "initContainers": entries,
        "extraVolumes": entries | st.none(),
        "extraVolumeMounts": entries,
        "networkPolicy": st.none() | st.fixed_dictionaries({}, optional={"egress": entries, "enabled": st.booleans()}),
        "labels": st.dictionaries(words, words, max_size=2),
        "extraConfig": st.dictionaries(
            names,
            st.sampled_from(['c.JupyterHub.spawner_class = "x"\n', "x = 1", "c.MoorageSpawner.service_url = 'u'"]),
        ),
        "db": trees,
    },
)
values = st.fixed_dictionaries({}, optional={"hub": hubs, "singleuser": trees, "cull": trees, "nameOverride": words})


def leaves(tree, path=()):
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*path, str(key)))
    else:
        yield path, tree


def kept(value, place):
    """Whether a leaf is at its place: as it was, or a list whose entries are all still there, in their order."""
    if isinstance(value, list) and isinstance(place, list):
        rest = iter(place)
        return all(any(one == other for other in rest) for one in value)
    return value == place or (value in (None, {}) and place is not None)


@given(theirs=values)
def test_every_leaf_of_theirs_is_in_the_result_or_told_and_a_second_run_changes_nothing(theirs):
    try:
        made, told = fitted(copy.deepcopy(theirs))
    except UnfitValues:
        assert "PYTHONPATH" in str(theirs)
        return

    lost = []
    for path, value in leaves(theirs):
        place = made
        for key in path:
            place = place.get(key) if isinstance(place, dict) else None
        if not kept(value, place):
            lost.append(".".join(path))
    # An entry of moorage's own replaces one of the same name, and its folder comes before theirs in PYTHONPATH.
    changed = keys(one for one in told if "is replaced by" in one or "in front of your" in one)
    assert [path for path in lost if not any(path == key or path.startswith(f"{key}.") for key in changed)] == []
    again, told_again = fitted(made)
    assert again == made
    assert not [sentence for sentence in told_again if "added" in sentence or "replaced" in sentence]

"""A choice against an offer, without a hub."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.hub.choice.fields import from_form, refuse_empty
from moorage.hub.choice.offered.offer import Bounds, Defaults, Offer
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.hub.view.facts import Amounts, NodeFacts, Units
from moorage.hub.view.images import ImageFacts

GI = 1 << 30
MINIMAL = ImageFacts("minimal", "registry.example/minimal:1", "Minimal", default=True)


def node(name, *, cpu=16, memory=64, gpus=(), hostname="same", closed=None):
    amounts = Amounts(cpu=cpu * 1000, memory=memory * GI)
    return NodeFacts(
        name, name if hostname == "same" else hostname, amounts, amounts, amounts, tuple(gpus), closed=closed
    )


def offer(**more):
    nodes = [
        node("atlas", gpus=[Units("nvidia.com/gpu", 1, 1, 1)]),
        node("small", cpu=4, memory=16, gpus=[Units("nvidia.com/mig-1g.5gb", 7, 7, 7)]),
        node("shut", closed="cordoned"),
        node("nameless", hostname=None),
    ]
    values = {
        "nodes": {each.name: each for each in nodes},
        "images": (MINIMAL, ImageFacts("torch", "registry.example/torch:2", "PyTorch")),
        "gpu_resources": ("nvidia.com/gpu", "nvidia.com/mig-1g.5gb"),
        **more,
    }
    return Offer(**values)


def choose(offered=None, **options):
    return decide({"moorage": 1, **options}, offered or offer())


def test_what_would_work_instead_of_too_much_is_what_is_free_and_not_what_the_largest_node_has():
    sizes, left = Amounts(32000, 512 * GI), Amounts(4000, 428 * GI + 1)
    large = NodeFacts("large", "large", sizes, sizes, left, (Units("nvidia.com/gpu", 8, 8, 3),))
    offered = offer(nodes={"large": large, "small": node("small", cpu=4, memory=16)})

    for asked, use in (
        ({"memory": "900Gi"}, {"memory": "428 GiB"}),
        ({"cpu": "64"}, {"cpu": "8"}),
        ({"gpu": 9}, {"gpu": "3"}),
    ):
        with pytest.raises(Refusal) as refused:
            choose(offered, **asked)
        assert refused.value.ways[0][1] == use


def test_a_whole_choice_is_taken_to_the_letter():
    choice = choose(node="atlas", cpu="2", memory="3Gi", gpu=1, gpu_resource="nvidia.com/gpu", image="torch")

    assert choice.as_options() == {
        "moorage": 1, "node": "atlas", "cpu": "2", "memory": "3Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu", "image": "torch",
    }  # fmt: skip


def test_what_is_missing_takes_the_default():
    offered = offer(defaults=Defaults(node="small", cpu=500, memory=GI, gpu=0, image="torch"))

    choice = choose(offered)

    assert (choice.node.name, choice.cpu_milli, choice.memory_bytes, choice.gpu, choice.image.name) == (
        "small",
        500,
        GI,
        0,
        "torch",
    )


def test_a_node_of_null_is_automatic_whatever_the_default():
    offered = offer(defaults=Defaults(node="small"))

    assert choose(offered, node=None).node is None


@pytest.mark.parametrize(
    ("ratio", "cpu", "request_milli"),
    [("0.5", "3", 1500), ("0.25", "0.5", 125), ("0.1", "5m", 1), ("1", "2", 2000), ("0.333", "1", 333)],
)
def test_the_request_is_the_ratio_exactly_and_rounded_up(ratio, cpu, request_milli):
    assert choose(offer(cpu_guarantee_ratio=Fraction(ratio)), cpu=cpu).cpu_request_milli == request_milli


def test_an_image_is_found_by_its_reference_too():
    assert choose(image="registry.example/torch:2").image.name == "torch"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"node": "gone"}, "no node “gone”"),
        ({"node": "shut"}, "cordoned"),
        ({"node": "nameless"}, "no hostname label"),
        ({"node": ["atlas"]}, "must be a name"),
        ({"node": "x" * 10000}, "no node"),
        ({"cpu": "many"}, "CPU: “many” is not a valid amount"),
        ({"cpu": {"a": 1}}, "an object is not a valid amount"),
        ({"cpu": "17"}, "17 CPU is too much: the largest node has 16"),
        ({"cpu": "5", "node": "small"}, "small has 4"),
        ({"memory": "65Gi"}, "65 GiB memory is too much"),
        ({"memory": "512m"}, "write 512Mi"),
        ({"memory": 3}, "too little. The minimum is 128 MiB"),
        ({"memory": "0"}, "too little"),
        ({"cpu": 0}, "too little"),
        ({"gpu": 2}, "2 GPU is too much: the largest node has 1"),
        ({"gpu": 1, "node": "small"}, "small has none"),
        ({"gpu": "1.5"}, "not a whole number"),
        ({"gpu": True}, "not a whole number"),
        ({"gpu": -1}, "not a whole number"),
        ({"gpu": 1, "gpu_resource": "amd.com/gpu"}, "“amd.com/gpu” is not offered"),
        ({"gpu": 1, "gpu_resource": 7}, "must be text"),
        ({"image": "nope"}, "not offered"),
        ({"image": {"name": "x"}}, "must be text"),
        ({"gpu": 1, "gpu_resource": "nvidia.com/mig-1g.5gb", "memory": "60Gi"}, "No node is large enough"),
    ],
)  # fmt: skip
def test_what_can_not_be_had_is_refused_with_a_sentence(options, words):
    with pytest.raises(Refusal, match=words.replace("(", r"\(")) as caught:
        choose(**options)

    assert len(caught.value.message) < 300


@pytest.mark.parametrize("version", [99, "1", None, True, 1.5, [], {}, 10**30])
def test_another_version_is_refused(version):
    with pytest.raises(Refusal, match="version"):
        decide({"moorage": version}, offer())


def test_only_listed_amounts_may_be_chosen_where_there_is_a_list():
    offered = offer(cpu=Bounds(choices=(1000, 4000)))

    with pytest.raises(Refusal, match="Choose one of: 1, 4"):
        choose(offered, cpu="2")


def test_steps_and_ends_hold():
    offered = offer(memory=Bounds(least=GI, most=8 * GI, step=GI))

    for asked, words in (
        ("1.5Gi", "multiple of 1 GiB"),
        ("9Gi", "too much. The maximum is 8 GiB"),
        ("512Mi", "too little"),
    ):
        with pytest.raises(Refusal, match=words):
            choose(offered, memory=asked)
    assert choose(offered, memory="8Gi").memory_bytes == 8 * GI


def test_nothing_is_too_large_where_nodes_are_added_on_demand():
    assert choose(offer(refuse_too_large=False), cpu="500").cpu_milli == 500000


def test_an_unknown_size_refuses_nothing():
    unknown = NodeFacts("vague", "vague", Amounts(), Amounts(), Amounts())

    assert choose(offer(nodes={"vague": unknown}), cpu="500", memory="9Ti").cpu_milli == 500000


def test_while_the_cluster_is_unknown_the_defaults_can_be_had_and_a_node_can_not():
    offered = offer(nodes=None, images=None)

    assert choose(offered).image is None
    with pytest.raises(Refusal, match="unavailable right now"):
        choose(offered, node="atlas")
    with pytest.raises(Refusal, match="unavailable right now"):
        choose(offered, image="torch")


def test_a_default_image_that_is_a_whole_reference_needs_no_catalogue():
    offered = offer(images=None, defaults=Defaults(image="registry.example/own:1"))

    assert choose(offered).image.reference == "registry.example/own:1"


@pytest.mark.parametrize(
    ("typed", "memory"), [("3", "3Gi"), ("1.5", "1.5Gi"), ("3Gi", "3Gi"), ("3221225472", "3221225472"), (" 3 ", "3Gi")]
)
def test_a_bare_number_in_the_form_is_gibibytes(typed, memory):
    assert from_form({"memory": [typed]})["memory"] == memory


def test_an_empty_field_of_the_form_is_no_choice():
    assert from_form({"node": [""], "cpu": ["  "], "other": ["x"]}) == {"moorage": 1, "node": None, "cpu": None}


def test_a_field_that_comes_twice_is_refused():
    with pytest.raises(Refusal, match="more than once"):
        from_form({"node": ["atlas", "small"]})


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text()
    | st.sampled_from(["atlas", "1", "3Gi", "minimal", "nvidia.com/gpu"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"moorage": st.just(1) | ANYTHING},
        optional=dict.fromkeys(["node", "cpu", "memory", "gpu", "gpu_resource", "image"], ANYTHING),
    )
)
def test_whatever_comes_by_rest_is_taken_or_refused(options):
    try:
        choice = decide(options, offer())
    except Refusal:
        return
    assert choice.cpu_milli > 0
    assert decide(choice.as_options(), offer()) == choice


OWN = ImageFacts("registry.example/own:1", "registry.example/own:1", "registry.example/own:1", own=True)


@pytest.mark.parametrize("images", [None, ()])
def test_without_a_list_the_configured_image_is_the_list_and_may_be_named(images):
    offered = offer(images=images, own_image=OWN)

    for choice in (choose(offered), choose(offered, image="registry.example/own:1")):
        assert choice.image == OWN
        assert choice.as_options()["image"] is None  # whatever is configured at the next start
    assert offered.shown_images() == (OWN,)
    with pytest.raises(Refusal, match="unavailable right now" if images is None else "not offered"):
        choose(offered, image="torch")


def test_the_configured_image_may_be_named_though_no_list_holds_it_and_is_saved_by_that_name():
    choice = choose(offer(own_image=OWN, names_own=True), image=OWN.reference)

    assert choice.image.reference == choice.as_options()["image"] == OWN.reference


def test_where_there_is_no_list_nobody_is_sent_to_it():
    with pytest.raises(Refusal, match=r"not offered by this hub\. The only one is “registry\.example/own:1”\."):
        choose(offer(images=(), own_image=OWN), image="torch")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("gpus", "Did you mean “gpu”?"),
        ("GPU", "Did you mean “gpu”?"),
        ("mem", "Did you mean “memory”?"),
        ("ram", "Did you mean “memory”?"),
        ("cpus", "Did you mean “cpu”?"),
        ("gpu-resource", "Did you mean “gpu_resource”?"),
        ("images", "Did you mean “image”?"),
        ("colour", "The options are “moorage”, “preset”, “node”"),
        ("x" * 9999, "The options are"),
    ],
)
def test_an_option_that_nobody_knows_is_refused_with_the_nearest_known_one(key, words):
    with pytest.raises(Refusal) as caught:
        choose(**{key: 1})

    assert words in caught.value.message
    assert len(caught.value.message) < 300


def test_an_amount_that_was_deleted_on_the_form_is_refused_with_the_usual_one():
    with pytest.raises(Refusal, match=r"Memory is empty\. Enter an amount, such as 2 GiB") as caught:
        refuse_empty(from_form({"cpu": ["2"], "memory": [" "], "node": [""]}), offer())

    assert (caught.value.field, caught.value.ways) == ("memory", [("2 GiB", {"memory": "2 GiB"})])


def test_the_configured_image_may_not_be_named_where_a_list_says_what_is_offered():
    offered = offer(own_image=OWN)

    assert offered.shown_images() == offered.images
    with pytest.raises(Refusal, match="not offered"):
        choose(offered, image="registry.example/own:1")


def test_a_list_without_a_default_leaves_the_configured_image_as_the_first():
    torch = ImageFacts("torch", "registry.example/torch:2", "PyTorch")
    offered = offer(images=(torch,), own_image=OWN)

    assert offered.shown_images() == (OWN, torch)
    assert choose(offered, image="registry.example/own:1").image == OWN

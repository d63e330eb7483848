"""Label selectors: Kubernetes' own text, and the pod that is bound by one."""

import pytest
from kubernetes_asyncio import client

from moorage.hub.selector import InvalidSelector, Requirement, read, unmet
from moorage.hub.start.affinity import bind

FAST, SLOW = {"pool": "gpu", "zone": "a", "disk": "ssd"}, {"zone": "c"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("pool=gpu", (Requirement("pool", "In", ("gpu",)),)),
        (" pool == gpu ", (Requirement("pool", "In", ("gpu",)),)),
        ("pool!=gpu", (Requirement("pool", "NotIn", ("gpu",)),)),
        ("pool=", (Requirement("pool", "In", ("",)),)),
        ("example.com/pool,!spot", (Requirement("example.com/pool", "Exists"), Requirement("spot", "DoesNotExist"))),
        (
            "zone in (a, b),tier notin (x)",
            (Requirement("zone", "In", ("a", "b")), Requirement("tier", "NotIn", ("x",))),
        ),
        ("in in (in)", (Requirement("in", "In", ("in",)),)),
    ],
)
def test_a_selector_is_read_as_kubernetes_reads_it(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [",", "pool=gpu,", "pool=a b", "in (a)", "zone in a", "zone in (a", "=x", "-pool=x", "pool=-x", "a/b/c", "!"],
)
def test_what_is_no_selector_is_no_selector_for_everything(text):
    with pytest.raises(InvalidSelector):
        read(text)


@pytest.mark.parametrize(
    ("text", "fast", "slow"),
    [
        ("pool=gpu", True, False),
        ("pool!=gpu", False, True),
        ("zone in (a,b)", True, False),
        ("zone notin (a,b)", False, True),
        ("disk", True, False),
        ("!disk", False, True),
        ("zone,disk notin (hdd)", True, True),
    ],
)
def test_labels_meet_a_selector_or_not(text, fast, slow):
    shown = {"pool", "zone", "disk"}

    assert (not unmet(read(text), FAST, shown=shown), not unmet(read(text), SLOW, shown=shown)) == (fast, slow)


def test_of_a_label_that_is_not_shown_nothing_is_known():
    assert not unmet(read("secret=yes"), FAST, shown={"pool"})


def required(pod):
    plain = client.ApiClient.sanitize_for_serialization(client.ApiClient.__new__(client.ApiClient), pod)
    affinity = plain["spec"]["affinity"]
    return affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"], affinity


GPU = {"key": "pool", "operator": "In", "values": ["gpu"]}
USER = {"key": "purpose", "operator": "In", "values": ["user"]}
NEVER = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}


def pod_with(affinity):
    return client.V1Pod(spec=client.V1PodSpec(containers=[], affinity=affinity))


def test_a_pod_without_an_affinity_gets_one():
    assert required(bind(pod_with(None), read("pool=gpu")))[0] == [{"matchExpressions": [GPU]}]


def test_every_alternative_that_is_there_is_narrowed_and_the_rest_stays():
    theirs = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [USER]}, NEVER, {}]
            },
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [USER]}}
            ],
        },
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
    }
    before = repr(theirs)

    terms, affinity = required(bind(pod_with(theirs), read("pool=gpu")))

    assert terms == [
        {"matchExpressions": [USER, GPU]},
        {**NEVER, "matchExpressions": [GPU]},
        {},  # without anything of its own it matches no node, and must not begin to
    ]
    assert affinity["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]["weight"] == 1
    assert affinity["podAntiAffinity"] == theirs["podAntiAffinity"]
    assert repr(theirs) == before


def test_without_a_selector_a_pod_is_left_alone():
    assert bind(pod_with(None), ()).spec.affinity is None

"""A scheduler's configuration decides which of its plugins are asked; what changes scores alone changes nothing."""

from __future__ import annotations

import pytest

from moorage import Cluster
from moorage.errors import InvalidObject
from moorage.scheduling.profiles import profiles

NAME = "lab-scheduler"
GPU = "nvidia.com/gpu"
TAINT = [{"key": "lab", "value": "x", "effect": "NoSchedule"}]
HOST = "kubernetes.io/hostname"


def configuration(*, name=NAME, extenders=None, **profile):
    made = {"kind": "KubeSchedulerConfiguration", "profiles": [{"schedulerName": name, **profile}]}
    return {**made, "extenders": extenders} if extenders else made


def plugins(*, point="filter", disabled=(), enabled=()):
    return {point: {"disabled": [{"name": name} for name in disabled], "enabled": [{"name": name} for name in enabled]}}


def arguments(plugin, **args):
    return [{"name": plugin, "args": args}]


@pytest.fixture
def ask(a_pod):
    def make(name="ask", **pod):
        pod["spec"] = {"schedulerName": NAME, **pod.get("spec", {})}
        return a_pod(name, **pod)

    return make


def cluster_of(configured, **objects):
    cluster = Cluster.from_objects(**objects)
    cluster.profiles = {profile.name: profile for profile in profiles(configured)}
    return cluster


def test_other_scores_are_the_same_verdict_and_nothing_is_left_undecided(a_node, ask):
    scores = {
        "score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeAffinity", "weight": 3}, {"name": "Own"}]}
    }
    fullest = {"scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 1}]}}
    configured = configuration(plugins=scores, pluginConfig=arguments("NodeResourcesFit", **fullest))
    nodes = [a_node("n1", cpu="1"), a_node("n2"), a_node("n3", taints=TAINT)]

    verdict = cluster_of(configured, nodes=nodes).fit(ask(cpu="2"))

    usual = Cluster.from_objects(nodes=nodes).fit(ask(cpu="2", spec={"schedulerName": "default-scheduler"}))
    assert verdict == usual
    assert verdict.fitting == ["n2"]


def test_a_configuration_without_profiles_is_the_default_schedulers(a_node, a_pod):
    cluster = cluster_of({"kind": "KubeSchedulerConfiguration"}, nodes=[a_node(taints=TAINT)])

    assert list(cluster.profiles) == ["default-scheduler"]
    assert not cluster.fit(a_pod()).fits


@pytest.mark.parametrize(
    "switches",
    [
        plugins(disabled=["TaintToleration"]),
        plugins(point="multiPoint", disabled=["TaintToleration"]),
        plugins(disabled=["*"], enabled=["NodeResourcesFit"]) | plugins(point="preFilter", disabled=["NodePorts"]),
        plugins(point="multiPoint", disabled=["*"], enabled=["NodeResourcesFit", "DefaultBinder"]),
    ],
    ids=["at filter", "at all points", "all at filter but one", "all but one"],
)
def test_a_filter_that_is_switched_off_refuses_nobody(a_node, ask, switches):
    cluster = cluster_of(configuration(plugins=switches), nodes=[a_node(taints=TAINT), a_node("n2", cpu="1")])

    verdict = cluster.fit(ask(cpu="2"))

    assert verdict.fitting == ["n1"]
    assert verdict.nodes["n2"].plugin == "NodeResourcesFit"


def test_a_filter_that_is_switched_off_and_on_again_runs_after_the_others(a_node, ask):
    switches = plugins(disabled=["TaintToleration"], enabled=["TaintToleration"])
    cluster = cluster_of(
        configuration(plugins=switches), nodes=[a_node(taints=TAINT, cpu="1"), a_node("n2", taints=TAINT)]
    )

    verdict = cluster.fit(ask(cpu="2"))

    assert [node.plugin for node in verdict.nodes.values()] == ["NodeResourcesFit", "TaintToleration"]


def test_a_filter_that_is_named_goes_first(a_node, ask):
    switches = plugins(enabled=["NodeResourcesFit"])
    cluster = cluster_of(configuration(plugins=switches), nodes=[a_node(taints=TAINT, cpu="1")])

    assert cluster.fit(ask(cpu="2")).nodes["n1"].plugin == "NodeResourcesFit"


def test_a_filter_that_is_switched_off_may_still_refuse_the_pod_as_a_whole(a_node, ask):
    gone = 'persistentvolumeclaim "home" not found'
    at_filter = plugins(disabled=["VolumeBinding"])
    at_both = at_filter | plugins(point="preFilter", disabled=["VolumeBinding", "VolumeRestrictions", "VolumeZone"])

    refused = cluster_of(configuration(plugins=at_filter), nodes=[a_node()]).fit(ask(claims=["home"]))
    rest = plugins(
        point="multiPoint", disabled=["VolumeBinding", "VolumeRestrictions", "VolumeZone", "NodeVolumeLimits"]
    )
    taken = cluster_of(configuration(plugins=rest), nodes=[a_node()]).fit(ask(claims=["home"]))

    assert refused.prefilter is not None
    assert gone in refused.prefilter.reasons[0]
    assert taken.fits
    assert "runs VolumeRestrictions, VolumeZone at filter" in " ".join(
        cluster_of(configuration(plugins=at_both), nodes=[a_node()]).fit(ask()).undecided
    )


def test_nodes_that_affinity_names_are_not_the_only_ones_where_affinity_is_switched_off(a_node, ask):
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    off = configuration(plugins=plugins(point="multiPoint", disabled=["NodeAffinity"]))

    verdict = cluster_of(off, nodes=[a_node("n1"), a_node("n2")]).fit(ask(spec={"affinity": affinity}))

    assert verdict.fitting == ["n1", "n2"]
    assert verdict.undecided == (
        "The scheduler lab-scheduler does not check NodeAffinity, but the node does, and may refuse the pod.",
    )


@pytest.mark.parametrize(
    ("configured", "undecided"),
    [
        (
            configuration(plugins=plugins(point="multiPoint", enabled=["Coscheduling"])),
            "runs plugins that are not known here (Coscheduling) and may decide otherwise",
        ),
        (configuration(plugins=plugins(point="permit", enabled=["Coscheduling"])), "(Coscheduling)"),
        (configuration(extenders=[{"filterVerb": "filter"}]), "also asks an extender"),
        (configuration(extenders=[{"filterVerb": "f", "managedResources": [{"name": GPU}]}]), "also asks an extender"),
        (
            configuration(
                pluginConfig=arguments(
                    "PodTopologySpread",
                    defaultingType="List",
                    defaultConstraints=[{"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule"}],
                )
            ),
            "spreads pods that say nothing of it",
        ),
    ],
    ids=["a plugin at all points", "a plugin at one", "an extender", "an extender for it", "default constraints"],
)
def test_what_can_not_be_honoured_is_said(a_node, ask, configured, undecided):
    (told,) = cluster_of(configured, nodes=[a_node(gpu="1")]).fit(ask(gpu=1)).undecided

    assert undecided in told


@pytest.mark.parametrize(
    "configured",
    [
        configuration(plugins=plugins(point="score", enabled=["Own"])),
        configuration(extenders=[{"prioritizeVerb": "score"}]),
        configuration(extenders=[{"filterVerb": "f", "managedResources": [{"name": "other.example/card"}]}]),
        configuration(pluginConfig=arguments("PodTopologySpread", defaultingType="System")),
        configuration(pluginConfig=arguments("InterPodAffinity", hardPodAffinityWeight=5)),
    ],
)
def test_what_does_not_concern_the_pod_is_not_said(a_node, ask, configured):
    assert cluster_of(configured, nodes=[a_node(gpu="1")]).fit(ask(gpu=1)).undecided == ()


@pytest.mark.parametrize(
    "configured",
    [
        configuration(pluginConfig=arguments("NodeResourcesFit", ignoredResources=[GPU])),
        configuration(pluginConfig=arguments("NodeResourcesFit", ignoredResourceGroups=["nvidia.com"])),
        configuration(
            extenders=[{"bindVerb": "bind", "managedResources": [{"name": GPU, "ignoredByScheduler": True}]}]
        ),
    ],
    ids=["by name", "by group", "by an extender"],
)
def test_resources_that_the_configuration_leaves_to_others_are_not_counted(a_node, a_pod, ask, configured):
    low = a_pod("low", on="n1", cpu="8", priority=-10)
    cluster = cluster_of(configured, nodes=[a_node(), a_node("n2", cpu="1")], pods=[low])

    verdict = cluster.fit(ask(cpu="2", gpu=1))

    assert {name: node.reasons for name, node in verdict.nodes.items()} == {
        "n1": ("Insufficient cpu",),
        "n2": ("Insufficient cpu",),
    }
    assert cluster.evictions(ask(cpu="2", gpu=1)).nodes["n1"].victims == ("default/low",)


def test_an_affinity_that_the_configuration_adds_holds_for_all_pods(a_node, ask):
    term = {"matchExpressions": [{"key": "lab", "operator": "Exists"}]}
    added = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    configured = configuration(pluginConfig=arguments("NodeAffinity", addedAffinity=added))

    verdict = cluster_of(configured, nodes=[a_node("n1", labels={"lab": "x"}), a_node("n2")]).fit(ask())

    assert verdict.fitting == ["n1"]
    assert verdict.nodes["n2"].reasons == ("node(s) didn't match scheduler-enforced node affinity",)


def test_a_scheduler_whose_preemption_is_off_evicts_nobody(a_node, a_pod, ask):
    off = configuration(plugins=plugins(point="postFilter", disabled=["DefaultPreemption"]))
    low = a_pod("low", on="n1", cpu="8", priority=-10)

    made = cluster_of(off, nodes=[a_node()], pods=[low]).evictions(ask(cpu="2"))

    assert made.not_eligible == "not eligible because the scheduler lab-scheduler evicts nobody."
    assert made.nodes == {}


@pytest.mark.parametrize(("least", "chosen"), [(2, ("n1",)), (1, ("n0", "n1"))])
def test_which_node_is_taken_is_told_where_the_scheduler_looks_at_all_candidates(a_node, a_pod, ask, least, chosen):
    args = {"minCandidateNodesPercentage": 0, "minCandidateNodesAbsolute": least}
    pods = [a_pod(f"low-{i}", on=f"n{i}", cpu="8", priority=-10 - i) for i in range(2)]
    configured = configuration(pluginConfig=arguments("DefaultPreemption", **args))

    cluster = cluster_of(configured, nodes=[a_node("n0"), a_node("n1")], pods=pods)

    assert cluster.evictions(ask(cpu="2")).chosen == chosen


@pytest.mark.parametrize(("theirs", "fits"), [(NAME, False), ("beside", False), ("default-scheduler", True)])
def test_promises_of_the_same_process_count_and_those_of_others_do_not(a_node, a_pod, ask, theirs, fits):
    configured = configuration()
    configured["profiles"].append({"schedulerName": "beside"})
    waiting = a_pod("waiting", cpu="3", nominated="n1", spec={"schedulerName": theirs})

    cluster = cluster_of(configured, nodes=[a_node(cpu="4")], pods=[waiting])

    assert cluster.fit(ask(cpu="2")).fits is fits


@pytest.mark.parametrize(
    "configured",
    [{"kind": "ConfigMap"}, [], {"kind": "KubeSchedulerConfiguration", "profiles": {}}, configuration(plugins=[])],
)
def test_what_is_no_configuration_is_refused(configured):
    with pytest.raises(InvalidObject):
        profiles(configured)

"""What would work instead."""

from __future__ import annotations

import copy

from moorage import Cluster
from moorage.scheduling.alternatives.advice import advise, holders

GI = 2**30


def test_a_node_that_lacks_room_says_how_much_it_has(a_node, a_pod):
    cluster = Cluster.from_objects(
        nodes=[a_node(cpu="8", memory="32Gi", gpu="2")], pods=[a_pod(on="n1", cpu="3", gpu="1")]
    )
    ask = a_pod("ask", cpu="6", memory="4Gi", gpu="2")

    advice = advise(cluster, ask, cluster.fit(ask))

    room = advice.nodes["n1"]
    assert (room.cpu_millicores, room.memory_bytes, room.extended) == (5000, 32 * GI, {"nvidia.com/gpu": 1})
    assert advice.closest.node == "n1"
    assert (advice.closest.cpu_millicores, advice.closest.memory_bytes) == (5000, 4 * GI)
    assert advice.closest.extended == {"nvidia.com/gpu": 1}
    assert advice.sentences == ("The most that fits now, on n1: 5 CPU, 4 GiB of memory, 1 GPU.",)


def test_the_offered_room_is_the_most_that_the_filters_let_through(vectors):
    for case in vectors("vectors/fit"):
        kinds = ("persistentvolumeclaims", "persistentvolumes", "storageclasses", "csinodes", "namespaces")
        cluster = Cluster.from_objects(nodes=case["nodes"], pods=case["pods"], **{k: case.get(k) for k in kinds})
        advice = advise(cluster, case["ask"], cluster.fit(case["ask"]))
        for name, room in advice.nodes.items():
            exact = {
                "cpu": f"{room.cpu_millicores}m",
                "memory": str(room.memory_bytes),
                "ephemeral-storage": str(room.ephemeral_storage_bytes),
                **{resource: str(amount) for resource, amount in room.extended.items()},
            }
            ask = copy.deepcopy(case["ask"])
            ask["spec"]["initContainers"] = []
            ask["spec"]["containers"][0]["resources"] = {"requests": exact}
            assert cluster.fit(ask).nodes[name].fits, (name, room, ask)

            for resource, amount in exact.items():
                one_more = f"{room.cpu_millicores + 1}m" if resource == "cpu" else str(int(amount) + 1)
                ask["spec"]["containers"][0]["resources"] = {"requests": {**exact, resource: one_more}}
                assert not cluster.fit(ask).nodes[name].fits, (name, resource, room)


def test_asking_less_is_not_offered_where_it_would_not_help(a_node, a_pod):
    taint = {"key": "dedicated", "value": "batch", "effect": "NoSchedule"}
    cluster = Cluster.from_objects(nodes=[a_node("n1", cpu="1", taints=[taint])])
    ask = a_pod("ask", cpu="6")

    advice = advise(cluster, ask, cluster.fit(ask))

    assert advice.nodes == {}
    assert advice.closest is None
    assert advice.sentences == ("Asking for less would not help: every node refuses for another reason.",)


def test_what_no_node_has_is_offered_to_be_left_out(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node(cpu="8")])
    several, alone = a_pod("ask", cpu="6", gpu="1"), a_pod("ask", gpu="1")

    assert advise(cluster, several, cluster.fit(several)).sentences == (
        "The most that fits now, on n1: 6 CPU, no GPU.",
    )
    assert advise(cluster, alone, cluster.fit(alone)).sentences == ("The most that fits now, on n1: no GPU.",)


def test_a_node_without_any_cpu_left_is_no_way_out(a_node, a_pod):
    full = [a_pod("full", on="n1", cpu="8")]
    ask = a_pod("ask", cpu="6", memory="4Gi")
    alone = Cluster.from_objects(nodes=[a_node("n1", cpu="8")], pods=full)
    other = Cluster.from_objects(nodes=[a_node("n1", cpu="8"), a_node("n2", cpu="1", memory="1Gi")], pods=full)

    assert advise(alone, ask, alone.fit(ask)).closest is None
    assert advise(alone, ask, alone.fit(ask)).sentences == (
        "Asking for less would not help: no node has any CPU or memory left.",
    )
    assert advise(other, ask, other.fit(ask)).closest.node == "n2"


def test_a_node_whose_later_filters_refuse_is_not_offered(a_node, a_pod):
    pod = a_pod(on="n1", labels={"app": "x"})
    cluster = Cluster.from_objects(nodes=[a_node("n1", cpu="1")], pods=[pod])
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
    away = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    ask = a_pod("ask", cpu="6", spec=away)

    advice = advise(cluster, ask, cluster.fit(ask))

    assert advice.nodes == {}


def test_other_nodes_where_the_ask_fits_are_named(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node(f"n{i}", cpu="8" if i else "1") for i in range(6)])
    ask = a_pod("ask", cpu="6")

    advice = advise(cluster, ask, cluster.fit(ask))

    assert advice.fits_on == ("n1", "n2", "n3", "n4", "n5")
    assert advice.sentences == ("Fits on n1, n2, n3 and 2 more.",)
    assert list(advice.nodes) == ["n0"]


def test_the_largest_of_one_resource_leaves_the_others_as_asked(a_node, a_pod):
    cluster = Cluster.from_objects(
        nodes=[a_node("small", cpu="4", memory="64Gi"), a_node("big", cpu="16", memory="8Gi")]
    )
    ask = a_pod("ask", cpu="8", memory="16Gi")

    advice = advise(cluster, ask, cluster.fit(ask))

    assert (advice.largest["cpu"].amount, advice.largest["cpu"].node) == (4000, "small")
    assert (advice.largest["memory"].amount, advice.largest["memory"].node) == (8 * GI, "big")


def test_pods_that_wait_for_room_take_their_share_first(a_node, a_pod):
    waiting = a_pod("waiting", cpu="3", nominated="n1", priority=10)
    cluster = Cluster.from_objects(nodes=[a_node(cpu="8")], pods=[waiting])
    ask = a_pod("ask", cpu="6", priority=5)

    advice = advise(cluster, ask, cluster.fit(ask))

    assert advice.nodes["n1"].cpu_millicores == 5000


def test_a_full_node_has_no_room_for_even_the_smallest_pod(a_node, a_pod):
    cluster = Cluster.from_objects(nodes=[a_node(pods="1")], pods=[a_pod(on="n1")])
    ask = a_pod("ask", cpu="1")

    advice = advise(cluster, ask, cluster.fit(ask))

    assert advice.nodes == {}


def test_what_holds_a_node_comes_largest_first(a_node, a_pod):
    pods = [a_pod("small", on="n1", gpu="1"), a_pod("large", on="n1", gpu="3"), a_pod("none", on="n1")]
    cluster = Cluster.from_objects(nodes=[a_node(gpu="4")], pods=pods)

    held = holders(cluster, "n1", "nvidia.com/gpu")

    assert [(holder.name, holder.amount) for holder in held] == [("large", 3), ("small", 1)]

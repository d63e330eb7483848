"""The ledger after any sequence of events equals a count from scratch."""

import json

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from moorage import Cluster
from moorage.cluster.ledger import drift
from moorage.cluster.store import Store
from moorage.kube.following.feed import Feed
from moorage.kube.following.pages import read_page
from moorage.kube.following.sink import take_page
from moorage.kube.resources import NODES, PODS

NODE_NAMES = ["a", "b", "c"]


def node(name, cpu):
    amounts = {"cpu": cpu, "memory": "64Gi", "pods": "110"}
    return {"metadata": {"name": name, "uid": f"node-{name}"}, "status": {"capacity": amounts, "allocatable": amounts}}


def pod(uid, *, on, nominated, cpu, gpu, allocated, phase):
    requests = {"cpu": cpu, "memory": "1Gi", **({"nvidia.com/gpu": gpu} if gpu else {})}
    status = {"phase": phase}
    if nominated:
        status["nominatedNodeName"] = nominated
    if allocated:
        seen = {**requests, "cpu": allocated}
        status["containerStatuses"] = [{"name": "c", "resources": {"requests": seen}, "allocatedResources": seen}]
    spec = {"containers": [{"name": "c", "resources": {"requests": requests}}]}
    if on:
        spec["nodeName"] = on
    return {"metadata": {"name": uid, "namespace": "default", "uid": uid}, "spec": spec, "status": status}


cores = st.sampled_from(["100m", "1", "1500m", "2", "0.1m", "garbage"])
nodes = st.builds(node, st.sampled_from(NODE_NAMES), st.sampled_from(["8", "16", "some"]))
pods = st.builds(
    pod,
    st.sampled_from([f"pod-{number}" for number in range(6)]),
    on=st.one_of(st.none(), st.sampled_from([*NODE_NAMES, "unknown"])),
    nominated=st.one_of(st.none(), st.sampled_from(NODE_NAMES)),
    cpu=cores,
    gpu=st.sampled_from([None, "1", "2"]),
    allocated=st.one_of(st.none(), cores),
    phase=st.sampled_from(["Pending", "Running", "Running", "Succeeded", "Failed"]),
)
events = st.one_of(
    st.tuples(st.just("put"), st.one_of(nodes, pods)),
    st.tuples(st.just("put twice"), pods),
    st.tuples(st.just("delete"), st.one_of(nodes, pods)),
    st.tuples(st.sampled_from(["relist pods", "relist nodes"]), st.none()),
    # A list that was begun and never came to its end, as when the connection breaks.
    st.tuples(st.sampled_from(["half a list of pods"]), st.none()),
)


class Followed:
    """A store that is fed by watch lines and lists, beside the plain truth."""

    def __init__(self):
        self.store = Store()
        self.truth = {"nodes": {}, "pods": {}}
        self.feeds = {kind.name: Feed(kind, client=None, sink=self.store) for kind in (NODES, PODS)}

    def do(self, action, item):
        if action.startswith("relist"):
            self.relist(NODES if action.endswith("nodes") else PODS)
        elif action.startswith("half"):
            self.store.begin(PODS)
            take_page(self.store, PODS, read_page(PODS.kind, self.page(list(self.truth["pods"].values())[:1])))
        else:
            kind = "pods" if "spec" in item else "nodes"
            uid = item["metadata"]["uid"]
            held = self.truth[kind]
            if action == "delete":
                if uid not in held:
                    return
                item = held.pop(uid)
                self.tell(kind, "DELETED", item)
            else:
                for _ in range(2 if action == "put twice" else 1):
                    self.tell(kind, "MODIFIED" if uid in held else "ADDED", item)
                held[uid] = item

    def tell(self, kind, event, item):
        self.feeds[kind]._take(json.dumps({"type": event, "object": item}).encode())

    def relist(self, resource):
        self.store.begin(resource)
        take_page(self.store, resource, read_page(resource.kind, self.page(self.truth[resource.name].values())))
        self.store.end(resource)

    @staticmethod
    def page(items):
        return json.dumps({"metadata": {"resourceVersion": "1"}, "items": list(items)}).encode()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events, max_size=40), st.booleans())
def test_the_ledger_equals_a_recount_after_any_sequence_of_events(sequence, start_listed):
    followed = Followed()
    if start_listed:
        followed.relist(NODES)
        followed.relist(PODS)

    for action, item in sequence:
        followed.do(action, item)

    kept = followed.store.cluster
    fresh = Cluster.from_objects(nodes=followed.truth["nodes"].values(), pods=followed.truth["pods"].values())
    assert set(fresh.nodes) <= set(kept.nodes)
    # A node that became unreadable keeps its former facts; one that never was readable is nowhere.
    assert set(kept.nodes) <= {item["metadata"]["name"] for item in followed.truth["nodes"].values()}
    for name, info in fresh.nodes.items():
        assert kept.nodes[name].requested == info.requested
        assert kept.nodes[name].nominated.keys() == info.nominated.keys()
        assert kept.nodes[name].unreadable.keys() == info.unreadable.keys()
    assert kept.pods == fresh.pods
    assert kept.unreadable_objects.keys() == fresh.unreadable_objects.keys()
    assert not any(drift(info) for info in kept.nodes.values())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events, max_size=30))
def test_every_node_that_reads_differently_is_marked(sequence):
    from moorage.cluster.node_json import NodeJson

    followed = Followed()
    shown = NodeJson(followed.store.cluster)
    before = {}
    for action, item in sequence:
        followed.store.changed.clear()
        followed.do(action, item)
        after = {name: shown.of(name) for name in followed.store.cluster.nodes}
        different = {name for name in before | after if before.get(name) != after.get(name)}
        assert different <= followed.store.changed
        before = after

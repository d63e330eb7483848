"""Whatever happens to nodes, pods and devices: the nodes that read differently are marked, and so encoded anew."""

import random

import pytest

from moorage.cluster.node_json import NodeJson
from moorage.cluster.store import Store
from moorage.gpus.cards import Cards
from moorage.gpus.sources.dra import Dra
from moorage.kube.resources import FOLLOWED, NODES, PODS
from moorage.objects import DeviceClass, Node, Pod, ResourceClaim, ResourceSlice, decode

NAMES, POOLS, DRIVERS = ("n1", "n2", "n3"), ("p1", "p2"), ("gpu.nvidia.com", "other")
ASKED = ("nvidia.com/gpu", "example.com/card", "deviceclass.resource.kubernetes.io/g")


@pytest.mark.parametrize("seed", range(4))
def test_every_node_that_reads_differently_is_marked(seed):
    chance = random.Random(seed)
    store, shown = Store(followed=FOLLOWED), {}
    told = _encoder(store)
    kinds = {resource.name: resource for resource in (*FOLLOWED, NODES, PODS)}

    for _ in range(600):
        item = chance.choice((_node, _pod, _pod, _slice, _slice, _claim, _claim, _class))(chance)
        (store.drop if chance.random() < 0.3 else store.put)(kinds[item.PLURAL], item)
        marked, store.changed = store.changed, set()
        shown.update({name: told.both(name) for name in marked})

        fresh = _encoder(store)
        assert {name: shown.get(name) for name in store.cluster.nodes} == {
            name: fresh.both(name) for name in store.cluster.nodes
        }, f"after {item}"


def _encoder(store: Store) -> NodeJson:
    cards = Cards([Dra(lambda: store.cluster.devices)])
    return NodeJson(store.cluster, gpu_details=cards.details, gpu_more=cards.more, gpu_named=cards.named)


def _node(chance: random.Random) -> Node:
    name, amounts = chance.choice(NAMES), {"cpu": "8", "memory": "32Gi", "pods": "110"}
    if chance.random() < 0.3:
        amounts["nvidia.com/gpu"] = chance.choice("02")
    labels = {"kubernetes.io/hostname": name, "zone": chance.choice("ab")}
    return decode(Node, {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": amounts}})


def _pod(chance: random.Random) -> Pod:
    number = chance.randrange(6)
    requests = {"cpu": "1"} | ({chance.choice(ASKED): "1"} if chance.random() < 0.6 else {})
    body = {
        "metadata": {"name": f"p{number}", "namespace": "ns", "uid": f"u{number}"},
        "spec": {"containers": [{"name": "main", "resources": {"requests": requests}}]},
        "status": {"phase": "Running"},
    }
    if chance.random() < 0.8:
        body["spec"]["nodeName"] = chance.choice(NAMES)
    else:
        body["status"]["nominatedNodeName"] = chance.choice(NAMES)
    return decode(Pod, body)


def _slice(chance: random.Random) -> ResourceSlice:
    devices = [
        {
            "name": f"d{number}",
            "attributes": {"uuid": {"string": f"GPU-{chance.randrange(9)}"}},
            "taints": [{"key": "sick", "effect": "NoSchedule"}] if chance.random() < 0.2 else [],
            "consumesCounters": [{"counterSet": "c", "counters": {"n": {"value": "1"}}}]
            if chance.random() < 0.2
            else [],
        }
        for number in range(chance.randrange(4))
    ]
    pool = {
        "name": chance.choice(POOLS),
        "generation": chance.choice((1, 2)),
        "resourceSliceCount": chance.choice((1, 2)),
    }
    spec = {"driver": chance.choice(DRIVERS), "pool": pool, "devices": devices}
    match chance.randrange(8):
        case 0:
            spec["allNodes"] = True
        case 1:
            expression = {"key": "zone", "operator": "In", "values": ["a"]}
            spec["nodeSelector"] = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
        case 2:
            spec["perDeviceNodeSelection"] = True
            for device in devices:
                device["nodeName"] = chance.choice(NAMES)
        case 3:
            counters = [{"name": "c", "counters": {"n": {"value": "2"}}}]
            spec |= {"nodeName": chance.choice(NAMES), "devices": None, "sharedCounters": counters}
        case _:
            spec["nodeName"] = chance.choice((*NAMES, "unknown"))
    return decode(ResourceSlice, {"metadata": {"name": f"s{chance.randrange(6)}"}, "spec": spec})


def _claim(chance: random.Random) -> ResourceClaim:
    given = [
        {
            "request": "r",
            "driver": chance.choice(DRIVERS),
            "pool": chance.choice(POOLS),
            "device": f"d{chance.randrange(4)}",
            "adminAccess": chance.random() < 0.1,
            "shareID": "share" if chance.random() < 0.1 else None,
        }
        for _ in range(chance.randrange(3))
    ]
    users = [{"resource": "pods", "name": f"p{chance.randrange(6)}", "uid": "u"}]
    status = {"allocation": {"devices": {"results": given}}, "reservedFor": users} if given else {}
    spec = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "g"}}]}}
    metadata = {"name": f"c{chance.randrange(6)}", "namespace": "ns"}
    return decode(ResourceClaim, {"metadata": metadata, "spec": spec, "status": status})


def _class(chance: random.Random) -> DeviceClass:
    expression = chance.choice(["device.driver == 'other'", "device.driver == 'gpu.nvidia.com'", "none that is known("])
    spec = {
        "selectors": [{"cel": {"expression": expression}}],
        "extendedResourceName": chance.choice((*ASKED[:2], None)),
    }
    return decode(DeviceClass, {"metadata": {"name": chance.choice("gh")}, "spec": spec})

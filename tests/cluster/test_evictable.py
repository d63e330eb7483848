"""What pods below the priority of people's servers hold on a node."""

import json

from moorage import Cluster
from moorage.cluster.node_json import NodeJson
from moorage.simulator import builders


def shown(*pods, user_priority=0, **node):
    cluster = Cluster.from_objects(nodes=[builders.node("n1", cpu="8", memory="16Gi", gpu=2, **node)], pods=pods)
    cluster.user_priority = user_priority
    return json.loads(NodeJson(cluster).of("n1"))


def pod(name, priority, **asks):
    return builders.pod(name, on="n1", priority=priority, **asks)


def test_what_placeholders_hold_stands_beside_what_is_free():
    node = shown(pod("keeps-room", -10, cpu="3", memory="4Gi", gpu=1), pod("ada", 0, cpu="1", memory="1Gi"))

    assert (node["evictable"]["cpu"], node["evictable"]["memory"], node["evictable"]["gpu"]) == (3, "4Gi", 1)
    assert node["available"]["cpu"] == 4


def test_the_priority_of_peoples_servers_may_be_another():
    assert shown(pod("batch", 5, cpu="3"), user_priority=10)["evictable"]["cpu"] == 3


def test_a_node_that_takes_no_pods_makes_no_room():
    assert shown(pod("keeps-room", -10, cpu="3"), unschedulable=True)["evictable"]["cpu"] == 0

"""NetworkPolicies, read as Kubernetes documents them."""

import pytest

from moorage.cli.doctor.policies import End, Port, passes

SERVICE = End({"app": "moorage"}, "moorage", {"kubernetes.io/metadata.name": "moorage"}, ("10.1.2.3",))
HUB = End({"app": "hub", "tier": "web"}, "jhub", {"kubernetes.io/metadata.name": "jhub", "team": "a"}, ("10.9.9.9",))
STRANGER = End(HUB.labels, "jhub")
PORT = Port(8000, "http")
ANYWHERE = {"namespaceSelector": {}}


def policy(*rules, name="p", selector=None, types=("Ingress",)):
    spec = {"podSelector": selector or {}, "policyTypes": list(types), "ingress": list(rules)}
    return {"metadata": {"name": name}, "spec": spec}


def peers(*told, **more):
    return {"from": list(told), **more}


@pytest.mark.parametrize(
    ("rules", "passed"),
    [
        ((), False),
        (({},), True),
        ((peers(ANYWHERE),), True),
        # Without a namespaceSelector, pods of the policy's own namespace.
        ((peers({"podSelector": {}}),), False),
        ((peers({**ANYWHERE, "podSelector": {"matchLabels": {"app": "hub"}}}),), True),
        ((peers({**ANYWHERE, "podSelector": {"matchLabels": {"app": "proxy"}}}),), False),
        ((peers({"namespaceSelector": {"matchLabels": {"team": "a"}}}),), True),
        ((peers({"namespaceSelector": {"matchLabels": {"team": "b"}}}),), False),
        ((peers(*[{"namespaceSelector": {"matchLabels": {"team": team}}} for team in "ba"]),), True),
        ((peers({**ANYWHERE, "podSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]}}),), True),
        ((peers({**ANYWHERE, "podSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}}),), False),
        ((peers({**ANYWHERE, "podSelector": {"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["web"]}]}}),), True),
        ((peers({**ANYWHERE, "podSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}),), False),
        ((peers({**ANYWHERE, "podSelector": {"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}}),), True),
        ((peers({"ipBlock": {"cidr": "10.9.0.0/16"}}),), True),
        ((peers({"ipBlock": {"cidr": "10.9.0.0/16", "except": ["10.9.9.0/24"]}}),), False),
        ((peers({"ipBlock": {"cidr": "no address"}}),), False),
        ((peers(ANYWHERE, ports=[{"port": 8000}]),), True),
        ((peers(ANYWHERE, ports=[{"port": "http"}]),), True),
        ((peers(ANYWHERE, ports=[{"port": "https"}]),), False),
        ((peers(ANYWHERE, ports=[{"port": 7000, "endPort": 9000}]),), True),
        ((peers(ANYWHERE, ports=[{"port": 8000, "protocol": "UDP"}]),), False),
        ((peers(ANYWHERE, ports=[{"protocol": "TCP"}]),), True),
        ((peers(ANYWHERE, ports=[{"port": 443}]), peers(ANYWHERE, ports=[{"port": 8000}])), True),
    ],
)  # fmt: skip
def test_a_rule_admits_whom_and_what_it_names(rules, passed):
    assert passes([policy(*rules)], way="Ingress", of=SERVICE, other=HUB, port=PORT) == (passed, ["p"])


def test_without_a_policy_on_this_pod_in_this_direction_everything_passes():
    others = policy(selector={"matchLabels": {"app": "others"}})
    leaving = policy(types=("Egress",))

    assert passes([others, leaving], way="Ingress", of=SERVICE, other=HUB, port=PORT) == (True, [])


def test_policies_add_up():
    both = [policy(name="deny"), policy(peers(ANYWHERE), name="allow")]

    assert passes(both, way="Ingress", of=SERVICE, other=HUB, port=PORT) == (True, ["allow", "deny"])


@pytest.mark.parametrize(
    ("peer", "passed"),
    [
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "jhub"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, None),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {"matchLabels": {"app": "x"}}}, False),
        ({"ipBlock": {"cidr": "10.0.0.0/8"}}, None),
    ],
)
def test_what_depends_on_labels_and_addresses_that_are_not_known_is_unknown(peer, passed):
    assert passes([policy(peers(peer))], way="Ingress", of=SERVICE, other=STRANGER, port=PORT)[0] is passed


@pytest.mark.parametrize("garbage", [{}, {"spec": None}, {"spec": {"ingress": [3, {"from": "x", "ports": [7]}]}}])
def test_garbage_is_no_traceback(garbage):
    assert passes([garbage], way="Ingress", of=SERVICE, other=HUB, port=PORT)[0] in (True, False)

"""What NetworkPolicies let through, as far as objects tell: whether the cluster's network enforces them, they don't.

Source: kubernetes.io/docs/concepts/services-networking/network-policies
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from moorage.cli.doctor.reading import Json, at, mapping, rows, text

NAME_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a way: a pod by its labels, namespace and addresses. Of the namespace's labels the name alone is known
    where the others could not be read.
    """

    labels: Json
    namespace: str
    namespace_labels: Json | None = None
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the pod that is asked, by number and by the name that its container gives it."""

    number: int | None
    name: str = ""


def passes(policies: list[Json], *, way: str, of: End, other: End, port: Port) -> tuple[bool | None, list[str]]:
    """Whether `of`, a pod of the policies' namespace, may be asked by (`Ingress`) or may ask (`Egress`) the other, None
    where that can't be known, and the names of the policies that decide it.
    """
    mine = [one for one in policies if _is_on(one, way) and _selects(at(one, "spec.podSelector"), of.labels)]
    if not mine:
        return True, []
    ends, key = ("from", "ingress") if way == "Ingress" else ("to", "egress")
    told = [
        _any([_meets(peer, other, own=of.namespace) for peer in rows(rule, ends)]) if rows(rule, ends) else True
        for one in mine
        for rule in rows(one, f"spec.{key}")
        if _has(rule, port)
    ]
    return _any(told), sorted(text(one, "metadata.name") for one in mine)


def _any(told: Iterable[bool | None]) -> bool | None:
    """True where one is, otherwise None where one is unknown."""
    found = list(told)
    return True if True in found else None if None in found else False


def _is_on(policy: Json, way: str) -> bool:
    types = at(policy, "spec.policyTypes")
    if isinstance(types, list) and types:
        return way in types
    return way == "Ingress" or bool(rows(policy, "spec.egress"))


def _has(rule: Json, port: Port) -> bool:
    """A rule without ports is about all of them."""
    told = rows(rule, "ports")
    return not told or any(
        (one.get("protocol") or "TCP") == "TCP" and _is(one.get("port"), one.get("endPort"), port) for one in told
    )


def _is(first: object, last: object, port: Port) -> bool:
    if first is None:
        return True
    if isinstance(first, str):
        return first in (port.name, str(port.number))
    if port.number is None or not isinstance(first, int):
        return True
    return first <= port.number <= (last if isinstance(last, int) else first)


def _meets(peer: Json, end: End, *, own: str) -> bool | None:
    """Whether a peer of a rule is this end; a peer without a namespaceSelector is of the policy's own namespace."""
    if isinstance(block := peer.get("ipBlock"), dict):
        return _any(_lies_in(block, address) for address in end.addresses) if end.addresses else None
    spaces = peer.get("namespaceSelector")
    if spaces is None:
        there: bool | None = end.namespace == own
    else:
        known = end.namespace_labels if end.namespace_labels is not None else {NAME_LABEL: end.namespace}
        there = _selects(spaces, known)
        if not there and end.namespace_labels is None and _names_more_than(spaces):
            there = None
    pods = peer.get("podSelector")
    if there is False or (pods is not None and not _selects(pods, end.labels)):
        return False
    return there


def _lies_in(block: Json, address: str) -> bool:
    try:
        at_ = ipaddress.ip_address(address)
        but = block.get("except")
        return at_ in ipaddress.ip_network(text(block, "cidr"), strict=False) and not any(
            at_ in ipaddress.ip_network(str(one), strict=False) for one in (but if isinstance(but, list) else [])
        )
    except ValueError:
        return False


def _names_more_than(selector: object) -> bool:
    keys = {*mapping(selector, "matchLabels"), *(text(one, "key") for one in rows(selector, "matchExpressions"))}
    return bool(keys - {NAME_LABEL})


def _selects(selector: object, labels: Json) -> bool:
    """An empty selector selects everything."""
    return mapping(selector, "matchLabels").items() <= labels.items() and all(
        _holds(one, labels) for one in rows(selector, "matchExpressions")
    )


def _holds(expression: Json, labels: Json) -> bool:
    key, values = text(expression, "key"), expression.get("values")
    among = key in labels and labels[key] in (values if isinstance(values, list) else [])
    match expression.get("operator"):
        case "In":
            return among
        case "NotIn":
            return not among
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False

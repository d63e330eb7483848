"""Bearer tokens and what their holders may do.

Without any token the simulator lets everybody do everything, as `kubectl proxy` does. With tokens, a request needs one
(401), and its rules must allow the verb on the resource (403, in the real server's words).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from moorage.simulator.store.status import Refusal, forbidden, unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.simulator.api.request import Target
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]


@dataclass(slots=True)
class Rule:
    """As a rule of an RBAC Role: these verbs on these resources, everywhere or in some namespaces."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...]
    namespaces: tuple[str, ...] | None = None
    groups: tuple[str, ...] = ("*",)

    def allows(self, verb: str, group: str, resource: str, namespace: str | None) -> bool:
        return (
            ("*" in self.verbs or verb in self.verbs)
            and ("*" in self.groups or group in self.groups)
            and ("*" in self.resources or resource in self.resources)
            and (self.namespaces is None or namespace in self.namespaces)
        )


EVERYTHING = Rule(("*",), ("*",))


@dataclass(slots=True)
class User:
    """Who holds a token."""

    name: str
    rules: list[Rule] = field(default_factory=list)
    groups: tuple[str, ...] = ("system:authenticated",)

    def may(self, verb: str, group: str, resource: str, namespace: str | None) -> bool:
        return any(rule.allows(verb, group, resource, namespace) for rule in self.rules)


ANYBODY = User("system:admin", [EVERYTHING], ("system:masters", "system:authenticated"))


class Authorizer:
    """All tokens of the cluster."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}

    def add(
        self, token: str, name: str, rules: Iterable[Rule | tuple[Iterable[str], Iterable[str]]] | None = None
    ) -> User:
        """Let this token in; without rules it may do everything. A rule may be written as (verbs, resources)."""
        if rules is None:
            held = [EVERYTHING]
        else:
            held = [rule if isinstance(rule, Rule) else Rule(tuple(rule[0]), tuple(rule[1])) for rule in rules]
        user = self._users[token] = User(name, held)
        return user

    def remove(self, token: str) -> None:
        self._users.pop(token, None)

    def holder(self, token: str) -> User | None:
        return self._users.get(token)

    def named(self, name: str) -> User:
        """The user of this name, who may do nothing where there is none."""
        return next((user for user in self._users.values() if user.name == name), User(name))

    def user(self, header: str | None) -> User:
        """Who sent this `Authorization` header; 401 when tokens are asked for and this is none."""
        if not self._users:
            return ANYBODY
        if not header:
            return User("system:anonymous", [], ("system:unauthenticated",))
        scheme, _, token = (header or "").partition(" ")
        user = self._users.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return user

    @staticmethod
    def check(user: User, target: Target) -> None:
        resource = target.kind.plural + (f"/{target.subresource}" if target.subresource else "")
        if not user.may(target.verb, target.kind.group, resource, target.namespace):
            Authorizer.refuse(user, target)

    @staticmethod
    def refuse(user: User, target: Target) -> NoReturn:
        resource = target.kind.plural + (f"/{target.subresource}" if target.subresource else "")
        raise refusal(user, target.verb, target.kind, resource=resource, namespace=target.namespace, name=target.name)


def refusal(user: User, verb: str, kind: Kind, *, resource: str, namespace: str | None, name: str | None) -> Refusal:
    """403 as the real server words it."""
    place = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    why = f'User "{user.name}" cannot {verb} resource "{resource}" in API group "{kind.group}" {place}'
    return forbidden(kind, name, why)

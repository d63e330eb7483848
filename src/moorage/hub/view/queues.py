"""The queues of Kueue that servers may pass, as the hub knows them: what each still has, and how many wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import cpu_words, is_gpu, memory_words, short_resource
from moorage.hub.view.checked import text, whole
from moorage.texts import again, later, t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST = 200


@dataclass(frozen=True, slots=True)
class Share:
    """The quota of one resource in one flavor, in thousandths of a core, bytes or pieces; None where unknown."""

    resource: str
    flavor: str
    quota: int | None
    left: int | None
    borrows: bool

    def words(self) -> str:
        kind = short_resource(self.resource) if is_gpu(self.resource) else {"cpu": t("CPU")}.get(self.resource, "")
        if self.left is None or self.quota is None:
            return t("{what}: unknown", what=kind or self.resource)
        left, quota = self._text(self.left), self._text(self.quota)
        if not kind:
            return t("{left} of {quota} left", left=left, quota=quota)
        return t("{left} of {quota} {what} left", left=left, quota=quota, what=kind)

    def _text(self, amount: int) -> str:
        if self.resource == "cpu":
            return cpu_words(amount)
        return memory_words(amount) if self.resource == "memory" else str(amount)


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """One queue. `why` is what is wrong with it, or why nothing is known of it."""

    name: str
    shares: tuple[Share, ...] = ()
    waiting: int | None = None
    why: str | None = None

    def words(self) -> str:
        """`1 of 4 GPU left; 2 wait.`"""
        if self.why is not None:
            return again(self.why)
        flavors = list(dict.fromkeys(share.flavor for share in self.shares))
        parts = []
        for flavor in flavors:
            listed = ", ".join(share.words() for share in self.shares if share.flavor == flavor)
            parts.append(f"{flavor}: {listed}" if len(flavors) > 1 else listed)
        waiting = tn("{count} waits", "{count} wait", self.waiting) if self.waiting else t("nobody waits")
        return f"{'; '.join([*parts, waiting])}."

    def lacks(self, asked: Mapping[str, int]) -> str | None:
        """Why a server that asks for this would wait here, as far as the quota tells; None where it would not."""
        flavors = {share.flavor for share in self.shares}
        short = [self._short(flavor, asked) for flavor in flavors]
        if not short or None in short:
            return None
        return t("It would wait in queue {queue}: {why}.", queue=self.name, why=min(filter(None, short)))

    def most(self, resource: str) -> int | None:
        """The most of a resource that one server can ever get here, which all lies in one flavor; None where others may
        lend more, or where that is unknown.
        """
        shares = [share for share in self.shares if share.resource == resource]
        if any(share.borrows for share in shares):
            return None
        quotas = [share.quota for share in shares]
        known = [quota for quota in quotas if quota is not None]
        return max(known) if known and len(known) == len(quotas) else None

    def _short(self, flavor: str, asked: Mapping[str, int]) -> str | None:
        for share in self.shares:
            wanted = asked.get(share.resource, 0)
            if share.flavor == flavor and share.left is not None and wanted > share.left and not share.borrows:
                return share.words()
        return None


def read_queues(value: Any, names: Sequence[str]) -> dict[str, QueueFacts]:
    """These queues out of the service's answer; what it does not know of one is said in its place."""
    answer = value if isinstance(value, dict) else {}
    told = answer.get("queues")
    rows = [row for row in (told[:_MOST] if isinstance(told, list) else ()) if isinstance(row, dict)]
    by_name = {text(row.get("name")): row for row in rows}
    return {name: _queue(name, by_name.get(name), answer) for name in names}


def _queue(name: str, row: dict[str, Any] | None, answer: Mapping[str, Any]) -> QueueFacts:
    if row is None:
        return QueueFacts(name, why=_unknown(answer))
    if (closed := text(row.get("closed"), 300)) is not None:
        return QueueFacts(name, why=closed)
    shares = row.get("resources")
    found = [_share(each) for each in (shares if isinstance(shares, list) else ()) if isinstance(each, dict)]
    order = sorted((each for each in found if each is not None), key=lambda each: not is_gpu(each.resource))
    return QueueFacts(name, tuple(order), whole(row.get("pending")))


def _unknown(answer: Mapping[str, Any]) -> str:
    if answer.get("kueue") == "followed":
        return later("This queue does not exist. Contact the hub's administrator.")
    if answer.get("kueue") == "absent":
        return later("There are no queues in this cluster: servers start without one.")
    reason = text(answer.get("reason"), 300)
    if reason is None:
        return later("What it has left is unknown.")
    return later("What it has left is unknown: {reason}.", reason=reason)


def _share(value: dict[str, Any]) -> Share | None:
    resource, flavor = text(value.get("resource"), 316), text(value.get("flavor"), 253)
    if resource is None or flavor is None or not (is_gpu(resource) or resource in ("cpu", "memory")):
        return None
    return Share(resource, flavor, whole(value.get("quota")), whole(value.get("left")), value.get("borrows") is True)

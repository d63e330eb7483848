"""Room that could be made for an ask, as far as a reader may know whose it is, and the answer in one word."""

from collections.abc import Container, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from moorage.cluster.answers.held import HolderPolicy
from moorage.cluster.answers.machines import Hope, Tried, hope_words, no_hope_words
from moorage.scheduling.accounting.podinfo import PodInfo
from moorage.scheduling.alternatives.evictions import Evictions, NodeEvictions
from moorage.scheduling.verdict import Verdict
from moorage.texts import t, tn

Answer = Literal["now", "after_eviction", "on_its_way", "new_machine", "waits", "never"]
_MOST_NAMES = 20
# As Zero to JupyterHub labels the pods that keep room, and people's servers.
_COMPONENT, PLACEHOLDER, _SERVER = "component", "user-placeholder", "singleuser-server"


class Evict(Struct, frozen=True):
    """What would have to go from one node. `pods` are the names that the reader may see; `servers` are notebooks of
    other people, `placeholders` pods that only keep room.
    """

    count: int
    budget_violations: int
    longest_grace_seconds: int
    placeholders: int
    servers: int
    pods: tuple[str, ...]

    @property
    def at_once(self) -> bool:
        return self.longest_grace_seconds == 0 or self.placeholders == self.count


def component(pod: PodInfo) -> str | None:
    """What part of a hub a pod is."""
    return pod.labels.get(_COMPONENT)


def evicts(made: Evictions, *, policy: HolderPolicy) -> dict[str, Evict]:
    """By node, what could be evicted there."""
    return {name: _evict(node, policy=policy) for name, node in made.nodes.items() if node.pods}


def _evict(node: NodeEvictions, *, policy: HolderPolicy) -> Evict:
    components = [component(pod) for pod in node.pods]
    return Evict(
        len(node.pods),
        node.pdb_violations,
        max(pod.grace_seconds for pod in node.pods),
        components.count(PLACEHOLDER),
        components.count(_SERVER),
        node.victims[:_MOST_NAMES] if policy == "pod" else (),
    )


def answer(
    verdict: Verdict,
    made: Evictions | None,
    *,
    refused: bool,
    unable: Container[str],
    hope: Hope | None = None,
    may_yet_fit: bool = False,
) -> Answer:
    """Whether the pod has a place now, after an eviction, on a machine that comes (`hope`), once others have ended or
    more is known of machines (`may_yet_fit`), or never as it is.
    """
    if refused:
        return "never"
    if any(node.fits and name not in unable for name, node in verdict.nodes.items()):
        return "now"
    if made is not None and any(name not in unable for name in made.chosen):
        return "after_eviction"
    if hope is not None:
        return hope
    return "waits" if may_yet_fit or ends_help(verdict, unable=unable) else "never"


def ends_help(verdict: Verdict, *, unable: Container[str]) -> bool:
    """Whether there is a node that would take the pod if others went."""
    open_nodes = (name for name, node in verdict.nodes.items() if not (node.fits or node.unresolvable))
    return any(name not in unable for name in open_nodes)


def words(
    found: Answer,
    evict: Mapping[str, Evict],
    chosen: tuple[str, ...],
    *,
    tried: Sequence[Tried] = (),
    ends_help: bool = True,
) -> str:
    """The answer as a sentence or two, with no promise beyond it."""
    if found == "now":
        return t("There is room now.")
    if found in ("on_its_way", "new_machine"):
        return f"{t('There is no room now.')} {hope_words(tried)}"
    if found == "waits":
        some = t("There may be some once other pods have ended.") if ends_help else ""
        return " ".join(filter(None, [t("There is no room now."), some, no_hope_words(tried)]))
    if found == "never":
        none = t("There is no room, and none is made when other pods end.")
        return " ".join(filter(None, [none, no_hope_words(tried)]))
    several = [evict[name] for name in chosen]
    least = min(several, key=lambda each: (each.budget_violations, each.servers, each.count))
    node = chosen[0] if len(chosen) == 1 else None
    if all(each.at_once for each in several):
        return _at_once(node, placeholders=all(each.placeholders == each.count for each in several))
    told = [_evicted(least, node)]
    if least.servers:
        told.append(
            tn(
                "{count} of them is a notebook server of other people.",
                "{count} of them are notebook servers of other people.",
                least.servers,
            )
        )
    if least.budget_violations:
        told.append(
            tn(
                "{count} of them is protected by a disruption budget.",
                "{count} of them are protected by a disruption budget.",
                least.budget_violations,
            )
        )
    return " ".join(told)


def _at_once(node: str | None, *, placeholders: bool) -> str:
    if placeholders:
        if node is None:
            return t("Placeholders make room at once.")
        return t("Placeholders make room at once on {node}.", node=node)
    if node is None:
        return t("Pods of lower priority make room at once.")
    return t("Pods of lower priority make room at once on {node}.", node=node)


def _evicted(evict: Evict, node: str | None) -> str:
    if node is None:
        return tn(
            "{count} pod of lower priority would be evicted, which takes up to {time}.",
            "{count} pods of lower priority would be evicted, which takes up to {time}.",
            evict.count,
            time=_seconds(evict),
        )
    return tn(
        "{count} pod of lower priority would be evicted on {node}, which takes up to {time}.",
        "{count} pods of lower priority would be evicted on {node}, which takes up to {time}.",
        evict.count,
        node=node,
        time=_seconds(evict),
    )


def _seconds(evict: Evict) -> str:
    seconds = evict.longest_grace_seconds
    if seconds < 120:
        return t("{seconds} s", seconds=seconds)
    return t("{minutes} min", minutes=round(seconds / 60))

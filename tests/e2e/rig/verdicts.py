"""What moorage said beside what the scheduler did.

The scheduler's word is `status.conditions[PodScheduled].message`: `0/N nodes are available: ` and then either the one sentence of a
pre-filter or the reasons of all nodes, counted, sorted as strings. It is not parsed here: the same sentence is made from moorage's verdict,
and the message has to begin with it.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rig.api import Obj

GATES = "SchedulingGates"
NO_NODES = "no nodes available to schedule pods"
# Where the words of the post-filters begin (claims to deallocate, preemption), which are not moorage's to say.
TAILS = (" no new claims to deallocate", " still not schedulable", " preemption:", " Preemption", " not found")


@dataclass(frozen=True)
class Answer:
    """Of the scheduler, about one pod."""

    node: str | None
    reason: str = ""
    message: str = ""


def answer_of(pod: Obj, *, claims: list[Obj]) -> Answer | None:
    """None while the scheduler has not said anything yet."""
    if node := pod["spec"].get("nodeName"):
        return Answer(node)
    for claim in claims:
        # The volume is being made on the node that the scheduler has picked; it binds the pod when that is done.
        if node := claim["metadata"].get("annotations", {}).get("volume.kubernetes.io/selected-node"):
            return Answer(node)
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Answer(None, condition.get("reason", ""), condition.get("message", ""))
    return None


def sentence(verdict: Any, *, nodes: int) -> str:
    """How the scheduler's message begins where none of so many nodes fits."""
    if not nodes:
        return NO_NODES
    start = f"0/{nodes} nodes are available: "
    if verdict.prefilter is not None:
        return start + ", ".join(verdict.prefilter.reasons) + "."
    reasons = Counter(reason for node in verdict.nodes.values() for reason in node.reasons)
    return start + ", ".join(sorted(f"{many} {reason}" for reason, many in reasons.items())) + "."


def disagreement(verdict: Any, answer: Answer, *, nodes: int) -> str | None:
    """What is not the same, in a sentence; None where they agree."""
    fitting = {} if verdict.prefilter is not None else {name for name, node in verdict.nodes.items() if node.fits}
    if answer.node is not None:
        return (
            None
            if answer.node in fitting
            else f"bound to {answer.node}, where moorage said that it doesn't fit ({_why(verdict, answer.node)})"
        )
    if verdict.prefilter is not None and verdict.prefilter.plugin == GATES:
        return (
            None
            if answer.reason == "SchedulingGated"
            else f"moorage: gated; the scheduler: {answer.reason} {answer.message}"
        )
    if fitting:
        return f"moorage said that it fits on {sorted(fitting)}; the scheduler: {answer.message}"
    expected = sentence(verdict, nodes=nodes)
    if answer.message == expected or answer.message.startswith(tuple(expected + tail for tail in TAILS)):
        return None
    return f"moorage: {expected} the scheduler: {answer.message}"


def verdict_from_json(answer: Obj) -> Any:
    """The service's answer to a fit, in the shape of the library's verdict."""

    def node(found: Obj) -> Any:
        return SimpleNamespace(
            fits=found.get("fits", False),
            plugin=found["plugin"],
            reasons=[reason["message"] for reason in found["reasons"]],
        )

    prefilter = node(answer["prefilter"]) if answer["prefilter"] else None
    return SimpleNamespace(prefilter=prefilter, nodes={name: node(found) for name, found in answer["nodes"].items()})


def _why(verdict: Any, node: str) -> str:
    if verdict.prefilter is not None:
        return f"{verdict.prefilter.plugin}: {', '.join(verdict.prefilter.reasons)}"
    refusal = verdict.nodes.get(node)
    return "an unknown node" if refusal is None else f"{refusal.plugin}: {', '.join(refusal.reasons)}"


@dataclass
class Journal:
    """The count of a whole run, and each disagreement with all that it takes to ask again."""

    asks: int = 0
    bound: int = 0
    again: int = 0
    refused_by_api: int = 0
    undecided: int = 0
    resized: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    fits: int = 0
    disagreements: list[str] = field(default_factory=list)

    def note(self, verdict: Any, answer: Answer) -> None:
        self.asks += 1
        self.bound += answer.node is not None
        if verdict.prefilter is not None:
            self.refusals[f"{verdict.prefilter.plugin} (all nodes at once)"] += 1
            return
        for node in verdict.nodes.values():
            if node.fits:
                self.fits += 1
            else:
                self.refusals[node.plugin] += 1

    def table(self) -> str:
        rows = [
            ("asks", self.asks),
            ("  bound to a node that moorage said fits", self.bound),
            ("  refused with the same reasons and counts", self.asks - self.bound - len(self.disagreements)),
            ("  agreed only when asked again", self.again),
            ("the service lacked a rule, said so, and was asked with the stored pod", self.undecided),
            ("pods that the API server itself refused, not asked", self.refused_by_api),
            ("pods on the nodes in the middle of a resize", self.resized),
            ("verdicts on single nodes: fits", self.fits),
            *((f"verdicts: {plugin}", count) for plugin, count in self.refusals.most_common()),
            ("disagreements", len(self.disagreements)),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {count:>6}" for name, count in rows)

    def as_json(self) -> Obj:
        return {
            "asks": self.asks,
            "bound": self.bound,
            "asked_again": self.again,
            "undecided_by_service": self.undecided,
            "refused_by_api": self.refused_by_api,
            "resized": self.resized,
            "fitting_nodes": self.fits,
            "refusals": dict(self.refusals.most_common()),
            "disagreements": self.disagreements,
        }

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "differential.json").write_text(json.dumps(self.as_json(), indent=1) + "\n")
        (folder / "differential.txt").write_text(self.table() + "\n")

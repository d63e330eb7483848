"""What each tool prints, read as amounts by node; and which nodes it has wrong, at the precision that it prints."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from awkward import GPUS

from moorage import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = {"CPU": ("cpu",), "memory": ("memory",), "GPU": GPUS}
_UNITS = {"m": Fraction(1, 1000), "Mi": Fraction(2**20)}


@dataclass(frozen=True)
class Figure:
    """An amount in whole units, and the step of its last digit: 0 where it is exact."""

    amount: Fraction
    step: Fraction = Fraction(0)

    def is_right(self, true: Fraction) -> bool:
        return abs(self.amount - true) < self.step if self.step else self.amount == true


# A resource that is not among a node's is told as nothing; one that the tool tells of no node is not told at all.
Answer = dict[str, dict[str, Figure]]


def exact(text: str | float) -> Figure:
    """The quantity as it stands, without rounding."""
    quantity = Quantity.parse(text)
    return Figure(Fraction(quantity.nanos, 10**9))


def of_kube_capacity(output: str) -> Answer:
    def figure(text: str) -> Figure:
        number, unit = re.fullmatch(r"(\d+)(m|Mi)", text).groups()  # type: ignore[union-attr]
        return Figure(int(number) * _UNITS[unit], _UNITS[unit])

    return {
        node["name"]: {name: figure(node[name]["requests"]) for name in ("cpu", "memory")}
        for node in json.loads(output)["nodes"]
    }


def of_view_allocations(output: str) -> Answer:
    # It reckons with binary fractions.
    steps = {"cpu": Fraction(1, 1000)}
    answer: Answer = {}
    for row in json.loads(output):
        if row.get("node") and row.get("resource"):
            amount = Fraction(row["requested"] or 0)
            answer.setdefault(row["node"], {})[row["resource"]] = Figure(
                amount, steps.get(row["resource"], Fraction(1))
            )
    return answer


def of_describe(output: str) -> Answer:
    answer: Answer = {}
    for node in re.split(r"(?m)^Name:\s+", output)[1:]:
        table = re.search(r"(?ms)^Allocated resources:.*?^  -+.*?\n(.*?)(?=^\S|\Z)", node)
        rows = re.findall(r"(?m)^  (\S+)\s+(\S+)", table[1]) if table else []
        answer[node.split("\n", 1)[0].strip()] = {name: exact(amount) for name, amount in rows}
    return answer


def of_endpoint(output: str) -> Answer:
    return {node: {name: exact(amount) for name, amount in of.items()} for node, of in json.loads(output).items()}


def of_moorage(output: str) -> Answer:
    answer: Answer = {}
    for node in json.loads(output):
        told = node["allocated"]
        plain = {
            "cpu": Figure(Fraction(told["cpu_millicores"], 1000)),
            "memory": Figure(Fraction(told["memory_bytes"])),
        }
        answer[node["name"]] = plain | {name: Figure(Fraction(units)) for name, units in told["extended"].items()}
    return answer


def of_oracle(lines: Iterable[dict[str, Any]]) -> dict[str, Fraction]:
    """The sum of what the scheduler's own code counts for each pod of a node."""
    sums = dict.fromkeys(("cpu", "memory", *GPUS), Fraction(0))
    for line in lines:
        sums["cpu"] += Fraction(line["cpu_milli"], 1000)
        sums["memory"] += line["memory"]
        for name in GPUS:
            sums[name] += line["scalars"].get(name, 0)
    return sums


def wrong(answer: Answer, truth: dict[str, dict[str, Fraction]]) -> dict[str, set[str] | None]:
    """For CPU, memory and GPU the nodes that are told wrong or not at all; None where the tool tells none of it."""
    told = {name for of in answer.values() for name in of}
    found: dict[str, set[str] | None] = {}
    for column, names in COLUMNS.items():
        if not told.intersection(names):
            found[column] = None
            continue
        found[column] = {
            node
            for node, true in truth.items()
            if node not in answer
            or not all(answer[node].get(name, Figure(Fraction(0))).is_right(true[name]) for name in names)
        }
    return found

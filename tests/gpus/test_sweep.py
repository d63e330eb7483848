"""Many nodes asked over and over: one that hangs delays no other, and one that fails is asked less and less."""

from __future__ import annotations

import asyncio
import itertools

from moorage.gpus.facts import CardFact
from moorage.gpus.sources.sweep import NoAnswer, Pace, Sweep
from moorage.gpus.view import NodeView


class Asked(Sweep[str]):
    """Asks nobody: what a node answers is decided by its name."""

    def __init__(self, nodes, *, pace: Pace, now) -> None:
        super().__init__("asked", pace=pace, clock=lambda: now[0])
        self.nodes = {name: name for name in nodes}
        self.calls: list[str] = []

    async def targets(self):
        return self.nodes, None

    async def ask(self, node, target):
        self.calls.append(node)
        if node.startswith("hung"):
            await asyncio.Event().wait()
        if node.startswith("sick"):
            raise NoAnswer("it answered 503")
        return [CardFact(source="asked", taken_at=self.clock(), uuid=f"GPU-{node}", utilization=1)]


def view(name: str) -> NodeView:
    return NodeView(name=name)


async def test_a_hundred_hung_nodes_delay_no_other(until) -> None:
    now = [1000.0]
    nodes = [f"hung-{number}" for number in range(100)] + [f"well-{number}" for number in range(50)]
    sweep = Asked(nodes, pace=Pace(deadline=60.0), now=now)
    changed: list[str] = []

    await sweep.sweep(changed.extend)

    await until(lambda: len(changed) == 50, within=20.0)
    assert all(sweep.facts(view(f"well-{number}")) for number in range(50))
    for task in sweep._asking:
        task.cancel()
    await asyncio.gather(*sweep._asking, return_exceptions=True)


async def test_a_node_that_hangs_is_let_go_at_its_deadline_with_words() -> None:
    sweep = Asked(["hung"], pace=Pace(deadline=0.05), now=[1000.0])
    changed: list[str] = []

    await sweep.sweep(changed.extend)
    await sweep.settled()

    assert changed == ["hung"]
    assert sweep.problem(view("hung")) == "asked: no answer within 0.05 s"


async def test_a_node_that_fails_rests_longer_each_time() -> None:
    now = [1000.0]
    sweep = Asked(["sick"], pace=Pace(every=10), now=now)

    asked_at = []
    for _ in range(100):
        before = len(sweep.calls)
        await sweep.sweep(lambda names: None)
        await sweep.settled()
        if len(sweep.calls) > before:
            asked_at.append(now[0])
        now[0] += 10

    pauses = [later - earlier for earlier, later in itertools.pairwise(asked_at)]
    assert pauses[0] == 10
    assert pauses == sorted(pauses)
    assert max(pauses) <= 310


async def test_the_last_good_answer_is_kept_with_its_age_and_then_dropped() -> None:
    now = [1000.0]
    sweep = Asked(["well"], pace=Pace(), now=now)
    await sweep.sweep(lambda names: None)
    await sweep.settled()

    sweep.ask = broken
    now[0] += 15
    await sweep.sweep(lambda names: None)
    await sweep.settled()

    assert [fact.taken_at for fact in sweep.facts(view("well"))] == [1000.0]
    assert sweep.problem(view("well")) == "asked: not answering since 00:16 UTC (gone)"
    now[0] += 300
    assert sweep.facts(view("well")) == ()


async def broken(node, target):
    raise NoAnswer("gone")


async def test_the_same_answer_again_wakes_nobody_until_its_age_matters() -> None:
    now = [1000.0]
    sweep = Asked(["well"], pace=Pace(), now=now)
    changed: list[str] = []

    for _ in range(5):
        await sweep.sweep(changed.extend)
        await sweep.settled()
        now[0] += 15

    assert len(changed) == 2


async def test_a_node_that_is_gone_is_forgotten() -> None:
    sweep = Asked(["well"], pace=Pace(), now=[1000.0])
    await sweep.sweep(lambda names: None)
    await sweep.settled()
    sweep.nodes = {}
    changed: list[str] = []

    await sweep.sweep(changed.extend)

    assert (changed, sweep.facts(view("well"))) == (["well"], ())


async def test_a_node_that_is_being_asked_is_not_asked_again(until) -> None:
    sweep = Asked(["hung"], pace=Pace(deadline=5), now=[1000.0])

    await sweep.sweep(lambda names: None)
    await until(lambda: sweep.calls == ["hung"])
    await sweep.sweep(lambda names: None)

    assert sweep.calls == ["hung"]
    for task in sweep._asking:
        task.cancel()
    await asyncio.gather(*sweep._asking, return_exceptions=True)

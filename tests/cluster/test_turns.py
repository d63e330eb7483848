"""Long work in turns, on a cluster that stands still meanwhile."""

import asyncio

from moorage.cluster.answers.fit_json import encoded, encoding, judge, judging
from moorage.cluster.turns import Stillness, Turns
from moorage.scheduling.cluster import Cluster
from moorage.simulator import builders

PATIENCE = 10


def cluster_of(count):
    return Cluster.from_objects(nodes=[builders.node(f"node-{number}", cpu="4") for number in range(count)])


def pod_of(cpu):
    return builders.pod("ask", cpu=cpu)


def steps_of(work):
    """How many steps a work has, and what it comes to."""
    count = 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            return count, done.value
        count += 1


def test_a_refused_ask_is_answered_in_steps_that_do_not_grow_with_the_cluster() -> None:
    few, many = cluster_of(100), cluster_of(1000)

    steps_of_few, _ = steps_of(judging(few, pod_of("64"), revision=1))
    steps_of_many, _ = steps_of(judging(many, pod_of("64"), revision=1))

    assert steps_of_many > 5 * steps_of_few > 50


def test_the_answer_in_steps_is_the_same_as_the_one_at_once() -> None:
    cluster = cluster_of(100)

    _, judged = steps_of(judging(cluster, pod_of("64"), revision=1))
    _, answer = steps_of(encoding(judged))

    assert answer == encoded(judge(cluster, pod_of("64"), revision=1))


async def test_others_have_their_turn_once_a_work_has_had_its_time() -> None:
    now, seen = [0.0], []

    def work():
        for step in range(6):
            seen.append(step)
            now[0] += 1
            yield
        return "done"

    async def other():
        for _ in range(2):
            seen.append("other")
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    found = await Turns(budget=2, clock=lambda: now[0]).all(work())
    await beside

    assert found == "done"
    assert seen == [0, 1, "other", 2, 3, "other", 4, 5]


async def test_a_change_waits_until_the_verdict_is_found_and_goes_before_the_next_one() -> None:
    stillness, seen = Stillness(), []

    async def verdict(name):
        async with stillness.keep():
            for _ in range(3):
                seen.append(name)
                await asyncio.sleep(0)

    async def change():
        await stillness.change()
        seen.append("change")

    async with asyncio.timeout(PATIENCE):
        first = asyncio.create_task(verdict("first"))
        await asyncio.sleep(0)
        await asyncio.gather(first, verdict("second"), change())

    assert seen == ["first"] * 3 + ["change"] + ["second"] * 3


async def test_a_verdict_that_is_given_up_lets_changes_go_on() -> None:
    stillness = Stillness()

    async def verdict():
        async with stillness.keep():
            await asyncio.Event().wait()

    task = asyncio.create_task(verdict())
    await asyncio.sleep(0)
    task.cancel()

    async with asyncio.timeout(PATIENCE):
        await stillness.change()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_a_feed_brings_waits_while_the_cluster_is_kept_still(simulator, start, node, pod) -> None:
    simulator.add(node("n1", cpu="4"))
    still, moving = await start(), await start()

    async with still.live.still():
        for number in range(3):
            simulator.add(pod(f"p{number}", on="n1", cpu="1"))
            await moving.until(lambda w, number=number: w.nodes["n1"]["allocated"]["cpu"] == number + 1)
        kept = dict(still.live.cluster.pods)

    assert not kept
    await still.until(lambda w: w.nodes["n1"]["allocated"]["cpu"] == 3)

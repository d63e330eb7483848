"""Few at a time, the others wait, and who comes when many wait is sent away at once."""

import asyncio

from moorage.hub.pages.verdicts.turns import Turns


async def test_a_turn_is_given_waited_for_or_refused_at_once():
    turns, release, got = Turns(at_once=1, waiting=1), asyncio.Event(), []

    async def work(name):
        async with turns.one() as is_ours:
            got.append((name, is_ours))
            if is_ours:
                await release.wait()

    tasks = [asyncio.create_task(work(name)) for name in ("first", "waits", "is refused")]
    await asyncio.wait(tasks[2:])
    before = list(got)
    release.set()
    await asyncio.gather(*tasks)

    assert before == [("first", True), ("is refused", False)]
    assert got[2:] == [("waits", True)]


async def test_who_gives_up_waiting_leaves_the_place_to_another():
    turns = Turns(at_once=1, waiting=1)

    async def wait():
        async with turns.one() as is_ours:
            return is_ours

    async with turns.one():
        gone = asyncio.create_task(wait())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        stays = asyncio.create_task(wait())
        await asyncio.sleep(0)

    assert await stays is True

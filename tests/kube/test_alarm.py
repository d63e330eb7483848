"""A timer that gives our own loop a second chance."""

import asyncio
import time

from moorage.kube.following.alarm import Alarm


async def test_it_rings_once_after_its_time():
    rung = []
    Alarm(0.05, lambda: rung.append(1))

    await asyncio.sleep(0.2)

    assert rung == [1]


async def test_it_does_not_ring_when_it_was_stopped():
    rung = []
    alarm = Alarm(0.05, lambda: rung.append(1))

    alarm.stop()
    await asyncio.sleep(0.1)

    assert rung == []


async def test_a_loop_that_was_held_up_is_not_held_against_the_other_side():
    rung = []
    alarm = Alarm(0.05, lambda: rung.append(1))

    time.sleep(0.5)
    await asyncio.sleep(0)
    alarm.stop()
    await asyncio.sleep(0.3)

    assert rung == []

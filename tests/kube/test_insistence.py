"""Asking again beside a silent request."""

import asyncio

import pytest

from moorage.kube.insistence import first_answer


def never():
    async def ask(_hear):
        await asyncio.Event().wait()

    return ask


def after(seconds, answer):
    async def ask(_hear):
        await asyncio.sleep(seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


async def within(seconds, what):
    async with asyncio.timeout(seconds):
        return await what


async def test_an_answer_that_comes_at_once_is_asked_for_once():
    asked = []

    async def ask(_hear):
        asked.append(1)
        return "here"

    assert await first_answer(ask) == "here"
    assert len(asked) == 1


async def test_a_silent_request_is_overtaken_by_the_one_beside_it():
    assert await within(2, first_answer(never(), again=after(0, "second"), pause=0.05)) == "second"


async def test_a_slow_answer_wins_over_others_that_are_as_slow():
    assert await within(2, first_answer(after(0.5, "slow"), again=after(0.4, "later"), pause=0.05)) == "slow"


async def test_a_lost_connection_counts_only_where_there_is_no_other_try():
    with pytest.raises(ConnectionResetError):
        await first_answer(after(0, ConnectionResetError()), again=never())

    first, again = after(0.2, ConnectionResetError()), after(0.3, "second")
    assert await within(2, first_answer(first, again=again, pause=0.1)) == "second"


async def test_a_refusal_is_an_answer():
    with pytest.raises(LookupError):
        await within(2, first_answer(never(), again=after(0, LookupError()), pause=0.05))


async def test_what_is_heard_of_is_not_asked_for_again():
    async def drop_by_drop(hear):
        for _ in range(10):
            await asyncio.sleep(0.03)
            hear()
        return "whole"

    assert await within(2, first_answer(drop_by_drop, again=after(0, "other"), pause=0.2)) == "whole"


async def test_a_server_that_is_slow_at_this_alone_is_asked_less_and_less_often():
    begun = []

    async def answers_the_probe_alone(hear):
        begun.append(1)
        hear()
        await asyncio.Event().wait()

    await within(3, first_answer(after(1.6, "slow"), again=answers_the_probe_alone, pause=0.1))

    assert len(begun) <= 5


async def test_nothing_is_left_running_when_the_time_is_over():
    before = asyncio.all_tasks()

    with pytest.raises(TimeoutError):
        await within(0.3, first_answer(never(), pause=0.05))

    assert asyncio.all_tasks() == before


async def test_an_answer_that_comes_too_late_is_thrown_away():
    thrown = []

    async def stubborn(_hear):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late"

    assert await first_answer(stubborn, again=after(0, "second"), discard=thrown.append, pause=0.05) == "second"
    await asyncio.sleep(0)

    assert thrown == ["late"]

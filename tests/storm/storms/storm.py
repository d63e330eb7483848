"""One storm from beginning to end, and what was wrong with what the service said."""

import asyncio
import contextlib
import random
import time

from storms import weather
from storms.station import LONGEST, rights_gone

# The machine that runs the tests has other things to do.
TOLERANCE = 0.7
GIVE_UP_AFTER = 30.0
# Objects of Python come and go; what leaks grows with each storm.
MOST_TASKS_MORE, MOST_MEGABYTES_MORE = 20, 12


async def go_through(station, *, seed, gusts):
    """What was wrong, in words; nothing if all was well."""
    chance = random.Random(seed)
    # What was wrong with the storm before is told there.
    await station.live(within=GIVE_UP_AFTER)
    station.samples.clear()
    logged, before = len(station.log), await station.metrics()
    totals = []
    began = time.monotonic()
    async with _beside(station.live_on(chance), station.watch()):
        try:
            for gust in gusts:
                await asyncio.sleep(gust.after)
                end = await weather.begin(gust, station)
                struck = time.monotonic()
                await asyncio.sleep(gust.seconds)
                if gust.is_total:
                    totals.append((struck, time.monotonic()))
                await end()
        finally:
            station.wire.mends()
            station.simulator.faults.clear()
        calm = time.monotonic()
        recovery = await station.live(within=GIVE_UP_AFTER)
        await station.granted(since=logged, within=LONGEST + TOLERANCE)
        await asyncio.sleep(0.5)
        # What was tried beside something else ends, and a last hiccup is over.
        await station.live(within=LONGEST)
    samples = [sample for sample in station.samples if sample is not None]
    return [
        *_numbers(samples, began=began),
        *_staleness(samples, totals=totals, calm=calm, began=began),
        *_ages(samples, began=began),
        *_recovery(recovery),
        *_log(station.log[logged:]),
        *_growth(before, await station.metrics()),
    ]


def _numbers(samples, *, began):
    for sample in samples:
        if sample.wrong and not sample.stale:
            yield f"at {sample.at - began:.1f} s called live and not true for {LONGEST:g} s: {sample.wrong}"


def _staleness(samples, *, totals, calm, began):
    for sample in samples:
        if not sample.stale and any(struck + LONGEST + TOLERANCE < sample.at < ended for struck, ended in totals):
            yield f"at {sample.at - began:.1f} s called live, and nothing could be heard"
        if sample.stale and sample.at > calm + LONGEST + TOLERANCE:
            yield f"at {sample.at - began:.1f} s called stale after all was well again"


def _ages(samples, *, began):
    for sample in samples:
        longest = sample.at - began + 1
        if (not sample.stale and sample.age) or not 0 <= sample.age <= longest:
            yield f"at {sample.at - began:.1f} s the picture was {sample.age} s old, {sample.stale=}"
        if sample.unchanged is not None and not -1 <= sample.unchanged <= longest + 10:
            yield f"at {sample.at - began:.1f} s it was taken {sample.unchanged:.1f} s ago"


def _recovery(seconds):
    if seconds is None:
        yield f"not live and right within {GIVE_UP_AFTER:g} s"
    elif seconds > LONGEST + TOLERANCE:
        yield f"live and right after {seconds:.1f} s only"


def _log(lines):
    states = [line["event"] for line in lines if line.get("event") in ("stale", "resynced")]
    if states != ["stale", "resynced"] * (len(states) // 2):
        yield f"the log does not tell each change of state once: {states}"
    if missing := rights_gone(lines):
        yield f"the log does not tell that these rights are back: {missing}"
    if sum(line.get("event") == "garbled" for line in lines) > 1:
        yield "the log tells of garbage again and again"
    known = ("stale", "resynced", "right_missing", "right_granted", "garbled")
    for line in lines:
        if line.get("event") not in known or line["level"] in ("ERROR", "CRITICAL"):
            yield f"the log says: {line}"


def _growth(before, after):
    if after["moorage_tasks"] > before["moorage_tasks"] + MOST_TASKS_MORE:
        yield f"{before['moorage_tasks']:g} tasks have become {after['moorage_tasks']:g}"
    more = (after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]) / 2**20
    if more > MOST_MEGABYTES_MORE:
        yield f"{more:.1f} MiB of memory more"


@contextlib.asynccontextmanager
async def _beside(*works):
    """These go on while the block lasts; what they raise is raised at its end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

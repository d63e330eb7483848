"""The real service in bad weather, made from seeds: what it says is right or called stale, and it recovers by itself.

`MOORAGE_STORMS=50` goes through fifty storms instead of a handful, `MOORAGE_STORMS=17,23` through these two.
"""

import os

import pytest
import pytest_asyncio

from storms import weather
from storms.station import Station
from storms.storm import go_through

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(200)]
_ASKED = os.environ.get("MOORAGE_STORMS", "3")
SEEDS = [int(seed) for seed in _ASKED.split(",") if seed] if "," in _ASKED else range(1, int(_ASKED) + 1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def station():
    async with Station() as made:
        yield made


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_storm_is_weathered(station, seed):
    gusts = weather.script(seed)

    problems = await go_through(station, seed=seed, gusts=gusts)

    script = "\n".join([f"MOORAGE_STORMS={seed}, is:", *map(str, gusts)])
    assert not problems, "\n".join([script, *problems[:20]])

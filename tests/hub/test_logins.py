"""Streams end with the log-in that opened them, and nobody has more of them than their share."""

import asyncio
import contextlib

import aiohttp
import pytest

from moorage.hub.view.broadcast import MOST_EACH

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 8


class Stream:
    """One that is read until it ends."""

    def __init__(self, http, address):
        self._request = http.get(address, allow_redirects=False)
        self.got = b""
        self.status = 0

    async def open(self):
        self._answer = await self._request.__aenter__()
        self.status = self._answer.status
        self._reading = asyncio.create_task(self._read())
        return self

    async def _read(self):
        with contextlib.suppress(aiohttp.ClientError):
            async for data in self._answer.content.iter_any():
                self.got += data

    @property
    def ended(self):
        return self._reading.done()

    def forget(self):
        self.got = b""

    async def close(self):
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._answer.close()


async def address(hub, person):
    return f"{hub.url}/hub/moorage/stream?_xsrf={await person.token()}"


async def stream(hub, person):
    return await Stream(person.http, await address(hub, person)).open()


async def log_in_as(name, hub, person):
    """Without logging out first."""
    form = {"username": name, "password": "", "_xsrf": await person.token()}
    async with person.http.post(f"{hub.url}/hub/login", data=form, allow_redirects=False) as answer:
        assert answer.status == 302, answer.status


async def ends(stream, load):
    await load("moorage_test_rig").until(lambda: stream.ended, seconds=SECONDS, what="the stream went on")


async def goes_on(stream, load):
    stream.forget()
    await load("moorage_test_rig").until(lambda: stream.got, seconds=SECONDS)
    assert not stream.ended


async def test_a_log_out_ends_the_streams_of_that_browser_alone(hub, person, load):
    other_browser, other_person = await hub.log_in(person.name), await hub.log_in(f"{person.name}-other")
    tab, second_tab = await stream(hub, person), await stream(hub, person)
    elsewhere, anothers = await stream(hub, other_browser), await stream(hub, other_person)

    async with person.http.get(f"{hub.url}/hub/logout"):
        pass

    await ends(tab, load)
    await ends(second_tab, load)
    await goes_on(elsewhere, load)
    await goes_on(anothers, load)
    for each in elsewhere, anothers:
        await each.close()
    for each in other_browser, other_person:
        await each.close()


async def test_who_logs_in_over_somebody_else_ends_their_streams(hub, person, load):
    tab = await stream(hub, person)

    await log_in_as(f"{person.name}-next", hub, person)

    await ends(tab, load)


async def test_a_log_in_again_ends_nothing(hub, person, load):
    tab = await stream(hub, person)

    await log_in_as(person.name, hub, person)

    await goes_on(tab, load)
    await tab.close()


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_token_that_is_over_ends_its_stream(hub, person, end, load):
    life = 600 if end == "revoked" else 2
    _, made = await hub.api("POST", f"/users/{person.name}/tokens", {"expires_in": life})
    _, kept = await hub.api("POST", f"/users/{person.name}/tokens", {"expires_in": 600})
    async with aiohttp.ClientSession() as http:
        streams = []
        for token in made, kept:
            http.headers["Authorization"] = f"token {token['token']}"
            streams.append(await Stream(http, f"{hub.url}/hub/moorage/stream").open())
        assert [each.status for each in streams] == [200, 200]

        if end == "revoked":
            await hub.api("DELETE", f"/users/{person.name}/tokens/{made['id']}")

        await ends(streams[0], load)
        await goes_on(streams[1], load)
        await streams[1].close()


async def test_the_stream_of_a_person_who_is_deleted_ends(hub, load):
    leaving = await hub.log_in("leaving-soon")
    tab = await stream(hub, leaving)

    await hub.api("DELETE", "/users/leaving-soon")

    await ends(tab, load)
    await leaving.close()


async def test_a_log_in_that_is_made_invalid_ends_its_stream(hub, person, load):
    tab = await stream(hub, person)

    async with person.http.get(f"{hub.url}/hub/test/rotate?user={person.name}") as answer:
        assert answer.status == 200

    await ends(tab, load)


async def test_one_person_has_so_many_streams_and_the_oldest_ends_first(hub, person, load):
    someone = await hub.log_in(f"{person.name}-other")
    anothers = await stream(hub, someone)
    where = await address(hub, person)

    streams = [await Stream(person.http, where).open() for _ in range(MOST_EACH + 3)]

    for old in streams[:3]:
        await ends(old, load)
        assert b"event: crowded" in old.got
    for each in *streams[3:], anothers:
        await goes_on(each, load)
    for each in *streams[3:], anothers:
        await each.close()
    await someone.close()

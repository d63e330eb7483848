"""Who may read, who may change, and how the token file is followed."""

import asyncio

import httpx2
import pytest
from pydantic import ValidationError

from moorage.service.settings import Settings
from moorage.service.signin.tokens import TokenFileError, Tokens

READER, ADMIN = "r" * 32, "a" * 32
FILE = f"# people\n\nhub:reader:{READER}\nada:admin:{ADMIN}\n"
READS = ["/api/v1/cluster/resources", "/api/v1/cluster/stream", "/api/v1/images/jupyter", "/api/v1/jupyterhub/config"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(FILE)
    return path


@pytest.fixture
async def guarded(serve, simulator, token_file):
    service = await serve(api_server=simulator.url, token_file=token_file)
    await service.ready()
    return service


async def test_without_a_token_nothing_is_told(guarded) -> None:
    for path in [*READS, "/api/v1/cluster/resources/x", "/metrics"]:
        answer = await guarded.get(path)

        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_wrong_token_is_refused(guarded) -> None:
    for header in ["", "Bearer", "Bearer wrong", f"Basic {READER}", READER, "Bearer é", f"Bearer {READER} {READER}"]:
        answer = await guarded.get(READS[0], headers={"Authorization": header.encode()})

        assert answer.status_code == 401


async def test_a_reader_reads(guarded) -> None:
    for path in [READS[0], READS[2], READS[3], "/metrics"]:
        assert (await guarded.get(path, headers=bearer(READER))).status_code == 200, path


async def test_probes_need_no_token(guarded) -> None:
    assert (await guarded.get("/livez")).status_code == 200
    assert (await guarded.get("/readyz")).status_code == 200


async def test_a_reader_changes_nothing(guarded) -> None:
    answer = await guarded.client.put("/api/v1/jupyterhub/config", json={"default_gpu": 1}, headers=bearer(READER))

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"


async def test_an_admin_changes(guarded) -> None:
    answer = await guarded.client.put("/api/v1/jupyterhub/config", json={"default_gpu": 1}, headers=bearer(ADMIN))

    assert answer.status_code == 200
    assert answer.json()["default_gpu"] == 1


async def test_a_fit_needs_a_token(guarded) -> None:
    answer = await guarded.client.post("/api/v1/cluster/fit", json={"ask": {"cpu": "1"}})

    assert answer.status_code == 401


async def test_a_changed_file_counts_at_once(guarded, token_file) -> None:
    token_file.write_text(f"hub:reader:{'n' * 32}\n")

    assert (await guarded.get(READS[0], headers=bearer(READER))).status_code == 401
    assert (await guarded.get(READS[0], headers=bearer("n" * 32))).status_code == 200


async def test_a_file_that_turns_bad_or_away_keeps_the_known_people(guarded, token_file, caplog) -> None:
    token_file.write_text("nonsense\n")
    kept = await guarded.get(READS[0], headers=bearer(READER))
    token_file.unlink()
    still_kept = await guarded.get(READS[0], headers=bearer(READER))

    assert (kept.status_code, still_kept.status_code) == (200, 200)
    assert "token file rejected; the previous tokens stay in force" in caplog.messages
    assert "nonsense" not in caplog.text


async def test_a_file_that_is_replaced_through_a_link_counts(tmp_path) -> None:
    for name, token in (("one", "1" * 20), ("two", "2" * 20)):
        (tmp_path / name).write_text(f"hub:reader:{token}\n")
    link = tmp_path / "tokens"
    link.symlink_to("one")
    tokens = Tokens(link)
    (tmp_path / "new").symlink_to("two")

    (tmp_path / "new").replace(link)

    assert tokens.person("2" * 20) is not None
    assert tokens.person("1" * 20) is None


@pytest.mark.parametrize(
    "text", ["", "# nobody\n", "hub\n", "hub:writer:" + READER, "hub:reader:short", ":reader:" + READER, "hub:reader:"]
)
def test_a_bad_file_at_the_start_is_refused_without_showing_it(tmp_path, text) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)

    with pytest.raises(TokenFileError) as caught:
        Tokens(path)

    assert READER not in str(caught.value)
    assert caught.value.hint


def test_a_token_may_hold_colons(tmp_path) -> None:
    path = tmp_path / "tokens"
    path.write_text("hub:reader:aaaa:bbbb:cccc:dddd\n")

    assert Tokens(path).person("aaaa:bbbb:cccc:dddd").name == "hub"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "moorage.example.org"])
def test_beyond_loopback_it_wants_tokens_or_a_plain_word(host, token_file) -> None:
    with pytest.raises(ValidationError, match="--allow-anonymous-access-from-everywhere"):
        Settings(host=host)

    Settings(host=host, token_file=token_file)
    Settings(host=host, allow_anonymous_access_from_everywhere=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_on_loopback_it_needs_no_tokens(host) -> None:
    assert Settings(host=host).loopback_only


async def test_without_tokens_a_foreign_name_for_this_machine_neither_reads_nor_changes(service) -> None:
    body, foreign = {"default_gpu": 1}, {"Host": "evil.example:8000"}
    here = await service.client.put("/api/v1/jupyterhub/config", json=body)
    rebound = await service.client.put("/api/v1/jupyterhub/config", json=body, headers=foreign)
    read = [await service.get(path, headers=foreign) for path in [*READS, "/metrics"]]
    by_name = await service.get(READS[0], headers={"Host": "localhost:8000"})

    assert (here.status_code, rebound.status_code, by_name.status_code) == (200, 403, 200)
    assert {answer.status_code for answer in read} == {403}
    assert read[0].json()["error"]["code"] == "unknown_host"


async def test_without_tokens_nobody_changes_anything_through_a_proxy(service, serve, simulator) -> None:
    body = {"default_gpu": 1}
    below = await serve(api_server=simulator.url, root_path="/services/moorage")
    async with asyncio.timeout(10):
        while (await below.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.02)

    for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        through = await service.client.put("/api/v1/jupyterhub/config", json=body, headers={name: "for=10.0.0.9"})
        assert through.status_code == 403, name
    assert (await below.client.put("/api/v1/jupyterhub/config", json=body)).status_code == 403


async def test_anonymous_from_everywhere_only_reads(serve, simulator) -> None:
    service = await serve(api_server=simulator.url, host="0.0.0.0", allow_anonymous_access_from_everywhere=True)
    url = service.url.replace("0.0.0.0", "127.0.0.1")
    async with asyncio.timeout(10):
        while (await service.client.get(f"{url}/readyz")).status_code != 200:
            await asyncio.sleep(0.02)

    read = await service.client.get(f"{url}/api/v1/cluster/resources")
    change = await service.client.put(f"{url}/api/v1/jupyterhub/config", json={"default_gpu": 1})

    assert (read.status_code, change.status_code) == (200, 403)


async def test_a_stream_ends_with_its_token(guarded, token_file) -> None:
    async with guarded.stream(**bearer(READER)) as events:
        await events.until("snapshot")
        token_file.write_text(f"hub:reader:{'n' * 32}\n")

        with pytest.raises((EOFError, httpx2.RemoteProtocolError)):
            await events.until("never")

"""Exporters over real HTTP, found by label, with everything that a network does to them."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from moorage.gpus.sources import exporters
from moorage.gpus.sources.sweep import Pace
from moorage.gpus.view import NodeView

N1 = NodeView(name="n1")
DCGM = {"app": "nvidia-dcgm-exporter"}
TEXT = (
    'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-aa",modelName="NVIDIA GeForce RTX 4090",Hostname="n1"} 7\n'
    'DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-aa",modelName="NVIDIA GeForce RTX 4090",Hostname="n1"} 507\n'
)


async def once(source) -> list[str]:
    changed: list[str] = []
    await source.sweep(changed.extend)
    await source.settled()
    return changed


@pytest.fixture
async def dcgm(kube, exporter):
    source = exporters.dcgm(kube.client, port=exporter.port, pace=Pace(deadline=0.5, search_every=0))
    yield source
    await source.close()
    await source._finder._client.close()


@pytest.mark.parametrize("labels", [DCGM, {"app.kubernetes.io/name": "dcgm-exporter"}])
async def test_an_exporter_is_found_by_its_label_and_its_pods_node_is_the_cards(kube, exporter, dcgm, labels) -> None:
    kube.add_pod("n1", labels=labels)
    exporter.say(TEXT.replace('Hostname="n1"', 'Hostname="dcgm-exporter-sn5rp"'))

    changed = await once(dcgm)

    assert changed == ["n1"]
    assert [(card.uuid, card.utilization, card.memory_used) for card in dcgm.facts(N1)] == [("GPU-aa", 7, 507)]
    assert exporter.asked == ["/metrics"]


async def test_a_pod_that_is_not_ready_or_ending_is_not_asked(kube, exporter, dcgm) -> None:
    exporter.say(TEXT)
    kube.add_pod("n1", labels=DCGM, containerStatuses=[{"name": "c", "ready": False}])
    kube.add_pod("n1", labels=DCGM)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    kube.add_pod("n1", labels=DCGM, phase="Pending")

    await once(dcgm)

    assert exporter.asked == []
    assert dcgm.problem(N1) == "dcgm: nothing found on this node"


async def test_an_exporter_that_answers_503_is_told(kube, exporter, dcgm) -> None:
    kube.add_pod("n1", labels=DCGM)
    exporter.say("down", status=503)

    await once(dcgm)

    assert (dcgm.facts(N1), dcgm.problem(N1)) == ((), "dcgm: it answered 503")


async def test_an_exporter_that_drips_is_let_go_at_the_deadline(kube, exporter, dcgm) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for character in TEXT:
            await answer.write(character.encode())
            await asyncio.sleep(0.05)
        return answer

    kube.add_pod("n1", labels=DCGM)
    exporter.answer = drip

    await once(dcgm)

    assert (dcgm.facts(N1), dcgm.problem(N1)) == ((), "dcgm: no answer within 0.5 s")


async def test_a_body_that_breaks_off_gives_no_number_that_was_not_whole(kube, exporter, dcgm) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        return web.Response(body=TEXT[:-4].encode())

    kube.add_pod("n1", labels=DCGM)
    exporter.answer = cut

    await once(dcgm)

    assert [(card.utilization, card.memory_used) for card in dcgm.facts(N1)] == [(7, None)]


async def test_a_connection_that_is_cut_in_the_body_is_no_answer(kube, exporter, dcgm) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "5000"})
        await answer.prepare(request)
        await answer.write(TEXT.encode())
        assert request.transport is not None
        request.transport.close()
        return answer

    kube.add_pod("n1", labels=DCGM)
    exporter.answer = cut

    await once(dcgm)

    assert dcgm.facts(N1) == ()
    assert dcgm.problem(N1) == "dcgm: the connection broke"


async def test_an_exporter_that_is_not_there_is_no_error(kube, exporter, dcgm) -> None:
    kube.add_pod("n1", labels=DCGM)
    dcgm._port = 1

    await once(dcgm)

    assert dcgm.problem(N1) == "dcgm: it can't be reached"


async def test_a_right_that_is_missing_is_named(kube, exporter, dcgm) -> None:
    kube.forbid_list = True

    await once(dcgm)

    assert dcgm.problem(N1) == "not allowed to list pods cluster-wide"


async def test_a_failed_search_keeps_what_was_found_before(kube, exporter, dcgm) -> None:
    kube.add_pod("n1", labels=DCGM)
    exporter.say(TEXT)
    await once(dcgm)
    kube.forbid_list = True

    await once(dcgm)

    assert len(exporter.asked) == 2
    assert dcgm.facts(N1)


async def test_amds_exporter_is_read_too(kube, exporter) -> None:
    kube.add_pod("n1", labels={"app.kubernetes.io/name": "metrics-exporter"})
    exporter.say('gpu_used_vram{gpu_id="0",gpu_uuid="17ff",card_model="MI300X"} 285\n')
    source = exporters.amd(kube.client, port=exporter.port)

    await once(source)

    assert [(card.model, card.memory_used) for card in source.facts(N1)] == [("MI300X", 285)]
    await source.close()
    await source._finder._client.close()

"""Metrics of cards: dcgm-exporter of every age, AMD's exporter, and both through Prometheus."""

import json

import pytest

from moorage.gpus.facts import Holder
from moorage.gpus.sources.metrics import amd_cards, dcgm_cards
from moorage.gpus.sources.series import parse_text, parse_vector

HOST = 'gpu="0",UUID="GPU-aa",pci_bus_id="00000000:1A:00.0",device="nvidia0",modelName="NVIDIA H100 80GB HBM3"'


def dcgm(text: str):
    return dcgm_cards(parse_text(text))


def test_a_card_held_by_a_pod() -> None:
    who = 'container="ollama",namespace="x",pod="ollama-76f687f4cd-xcvvp"'
    text = (
        "# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).\n# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n"
        f'DCGM_FI_DEV_GPU_UTIL{{{HOST},Hostname="h100-007",DCGM_FI_DRIVER_VERSION="535.129.03",{who}}} 42\n'
        f'DCGM_FI_DEV_FB_USED{{{HOST},Hostname="h100-007",{who}}} 19818\n'
        f'DCGM_FI_DEV_FB_FREE{{{HOST},Hostname="h100-007",{who}}} 61263\n'
        f'DCGM_FI_DEV_FB_RESERVED{{{HOST},Hostname="h100-007",{who}}} 478\n'
        f'DCGM_FI_DEV_GPU_TEMP{{{HOST},Hostname="h100-007",{who}}} 31\n'
    )

    (card,) = dcgm(text)

    assert (card.uuid, card.pci, card.index, card.model) == ("GPU-aa", "00000000:1A:00.0", 0, "NVIDIA H100 80GB HBM3")
    assert (card.memory_total, card.memory_used, card.memory_free, card.utilization, card.temperature) == (
        81559,
        19818,
        61263,
        42,
        31,
    )
    assert card.holders == (Holder(namespace="x", pod="ollama-76f687f4cd-xcvvp", container="ollama"),)


@pytest.mark.parametrize("host", ['Hostname="n1"', 'hostname="n1"'])
@pytest.mark.parametrize("nobody", ['container="",namespace="",pod=""', ""])
def test_a_card_that_nobody_holds_in_old_and_new_writing(host, nobody) -> None:
    labels = ",".join(part for part in (HOST, host, nobody) if part)

    (card,) = dcgm(f"DCGM_FI_DEV_GPU_UTIL{{{labels}}} 0\n")

    assert (card.holders, card.utilization) == ((), 0)


def test_old_names_of_the_pods_labels() -> None:
    (card,) = dcgm(f'DCGM_FI_DEV_GPU_UTIL{{{HOST},pod_name="p",pod_namespace="ns",container_name="c"}} 1\n')

    assert card.holders == (Holder(namespace="ns", pod="p", container="c"),)


def test_the_first_exporters_metric_names() -> None:
    (card,) = dcgm('dcgm_gpu_utilization{gpu="0",uuid="GPU-aa"} 3\ndcgm_fb_used{gpu="0",uuid="GPU-aa"} 10\n')

    assert (card.uuid, card.utilization, card.memory_used) == ("GPU-aa", 3, 10)


def test_slices_are_told_apart_by_instance_and_the_card_has_no_utilization() -> None:
    one, two = 'GPU_I_PROFILE="1g.11gb",GPU_I_ID="7"', 'GPU_I_PROFILE="3g.40gb",GPU_I_ID="2"'
    text = (
        f"DCGM_FI_DEV_GPU_UTIL{{{HOST}}} 0\n"
        f'DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{HOST},{one},namespace="m",pod="t",container="k"}} 0.250000\n'
        f"DCGM_FI_DEV_FB_USED{{{HOST},{one}}} 12\n"
        f"DCGM_FI_DEV_FB_FREE{{{HOST},{one}}} 9970\n"
        f"DCGM_FI_DEV_FB_USED{{{HOST},{two}}} 26\n"
    )

    (card,) = dcgm(text)

    assert card.utilization is None
    assert "MIG" in card.why["utilization"]
    assert [
        (part.instance, part.profile, part.memory_used, part.memory_total, part.utilization, len(part.holders))
        for part in card.parts
    ] == [
        (2, "3g.40gb", 26, None, None, 0),
        (7, "1g.11gb", 12, 9982, 25, 1),
    ]


def test_a_card_without_memory_of_its_own_has_no_memory_figures() -> None:
    (card,) = dcgm('DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-gb",modelName="NVIDIA GB10"} 2\n')

    assert (card.memory_total, card.memory_used, card.utilization) == (None, None, 2)


def test_a_card_without_utilization_counter_uses_the_share_of_its_engine() -> None:
    (card,) = dcgm(f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{HOST}}} 0.42\n")

    assert card.utilization == 42


@pytest.mark.parametrize("blank", ["9223372036854775794", "2147483632", "NaN", "+Inf", "-1", "1e16", "", "abc"])
def test_what_stands_for_no_value_is_no_value(blank) -> None:
    cards = dcgm(f"DCGM_FI_DEV_FB_USED{{{HOST}}} {blank}\nDCGM_FI_DEV_GPU_UTIL{{{HOST}}} 5\n")

    assert (cards[0].memory_used, cards[0].utilization) == (None, 5)


def test_sharers_of_one_card_are_all_holders_and_the_cards_own_row_is_its_value() -> None:
    a, b = 'namespace="n",pod="a",container="c",vgpu="0"', 'namespace="n",pod="b",container="c",vgpu="1"'
    text = (
        f"DCGM_FI_DEV_FB_USED{{{HOST},{a}}} 4000\nDCGM_FI_DEV_FB_USED{{{HOST},{b}}} 0\n"
        f"DCGM_FI_DEV_FB_USED{{{HOST}}} 9000\nDCGM_FI_DEV_GPU_UTIL{{{HOST},{a}}} 10\nDCGM_FI_DEV_GPU_UTIL{{{HOST},{b}}} 0\n"
    )

    (card,) = dcgm(text)

    assert [holder.pod for holder in card.holders] == ["a", "b"]
    assert (card.memory_used, card.utilization) == (9000, 10)


def test_a_body_that_broke_off_in_a_number_gives_no_shorter_number() -> None:
    cards = dcgm(f"DCGM_FI_DEV_GPU_UTIL{{{HOST}}} 5\nDCGM_FI_DEV_FB_USED{{{HOST}}} 198")

    assert (cards[0].utilization, cards[0].memory_used) == (5, None)


def test_one_bad_line_does_not_hide_the_next() -> None:
    cards = dcgm('DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="oops} 5\n' + f"DCGM_FI_DEV_GPU_UTIL{{{HOST}}} 6\n")

    assert [card.utilization for card in cards] == [6]


def vector(*series: tuple[dict[str, str], str]) -> bytes:
    return json.dumps(
        {
            "status": "success",
            "data": {
                "resultType": "vector",
                "result": [{"metric": metric, "value": [1.5, value]} for metric, value in series],
            },
        }
    ).encode()


def test_through_prometheus_the_workload_is_in_the_exported_labels() -> None:
    metric = {
        "__name__": "DCGM_FI_DEV_FB_USED", "UUID": "GPU-aa", "gpu": "0", "Hostname": "n1",
        "pod": "nvidia-dcgm-exporter-sn5rp", "namespace": "gpu-operator", "container": "nvidia-dcgm-exporter",
        "exported_pod": "ollama", "exported_namespace": "x", "exported_container": "c",
    }  # fmt: skip

    samples, why = parse_vector(vector((metric, "19818")))

    assert why is None
    assert dcgm_cards(samples)[0].holders == (Holder(namespace="x", pod="ollama", container="c"),)


def test_the_exporters_own_pod_holds_nothing() -> None:
    metric = {
        "__name__": "DCGM_FI_DEV_FB_USED",
        "UUID": "GPU-aa",
        "pod": "nvidia-dcgm-exporter-sn5rp",
        "namespace": "gpu-operator",
    }

    samples, _ = parse_vector(vector((metric, "1")))

    assert dcgm_cards(samples)[0].holders == ()


def test_one_bad_item_of_a_vector_does_not_hide_the_others() -> None:
    body = json.loads(vector(({"__name__": "DCGM_FI_DEV_GPU_UTIL", "UUID": "GPU-aa"}, "7")))
    body["data"]["result"].insert(0, {"metric": {"UUID": 5}, "value": []})

    samples, why = parse_vector(json.dumps(body).encode())

    assert why is None
    assert [card.utilization for card in dcgm_cards(samples)] == [7]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"status":"error","errorType":"bad_data","error":"parse error"}', "parse error"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[]}}', "did not answer with a vector"),
        (b"<html>login</html>", "did not answer with JSON"),
        (b"", "did not answer with JSON"),
        (b"[]", "something else"),
    ],
)
def test_an_answer_that_is_no_vector_says_why(body, said) -> None:
    samples, why = parse_vector(body)

    assert samples == []
    assert said in (why or "")


AMD = 'gpu_id="0",gpu_partition_id="0",gpu_uuid="17ff74b5-0",hostname="master-1"'


def test_an_amd_card_in_megabytes_with_its_series_as_name() -> None:
    labels = AMD + ',card_model="",card_series="Aqua Vanjaram [Instinct MI300X VF]",container="",namespace="",pod=""'
    text = f"gpu_total_vram{{{labels}}} 196592\ngpu_used_vram{{{labels}}} 285\ngpu_free_vram{{{labels}}} 196307\ngpu_gfx_activity{{{labels}}} 12\ngpu_health{{{labels}}} 1\n"

    (card,) = amd_cards(parse_text(text))

    assert (card.model, card.memory_total, card.memory_used, card.memory_free, card.utilization) == (
        "Aqua Vanjaram [Instinct MI300X VF]", 196592, 285, 196307, 12,
    )  # fmt: skip
    assert (card.health, card.holders, card.index) == ("healthy", (), 0)


def test_a_radeon_without_partition_and_model() -> None:
    (card,) = amd_cards(parse_text('gpu_free_vram{gpu_id="0",gpu_partition_id="NA",hostname="cb76105c40d0"} 24534\n'))

    assert (card.model, card.memory_free, card.memory_total, card.memory_used) == (None, 24534, None, None)


def test_an_unhealthy_amd_card_is_told() -> None:
    (card,) = amd_cards(parse_text(f"gpu_health{{{AMD}}} 0\n"))

    assert card.health == "unhealthy"

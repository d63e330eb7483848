"""Whatever bytes come: no exception, and no number that was not there."""

from __future__ import annotations

import contextlib
import json
import os
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.gpus.labels import vendors as labels
from moorage.gpus.sources import agent_answer, hami, smi
from moorage.gpus.sources.exporters import read_amd, read_dcgm
from moorage.gpus.sources.metrics import dcgm_cards
from moorage.gpus.sources.podstatus import identity
from moorage.gpus.sources.series import parse_vector
from moorage.gpus.sources.smi_xml import parse_xml
from moorage.gpus.sources.sweep import NoAnswer

# The benchmark `gpus` puts a hundred thousand texts into each parser; this looks where it hurts.
EXAMPLES = int(os.environ.get("MOORAGE_FUZZ", "300"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

PLACEHOLDERS = (
    "[N/A]",
    "N/A",
    "[Not Supported]",
    "[Unknown Error]",
    "[Insufficient Permissions]",
    "[GPU is lost]",
    "ERR!",
    "",
)
PIECES = (
    "0", "1", "GPU-aa", "00000000:01:00.0", "24564 MiB", "7 %", "NVIDIA GB10", ", ", ",", "\n", "\r", "\x00", "Enabled", *PLACEHOLDERS,
    "index, uuid", "Unable to determine the device handle for GPU0000:02:00.0: ", "GPU 0: x (UUID: GPU-aa)\n", "  MIG 1g.5gb Device 0: (UUID: MIG-1)\n",
    "<nvidia_smi_log>", "<gpu id='00000000:01:00.0'>", "<uuid>GPU-aa</uuid>", "</gpu>", "<fb_memory_usage><used>", "</used></fb_memory_usage>", "&a;", "<![CDATA[",
    'DCGM_FI_DEV_FB_USED{UUID="GPU-aa",gpu="0"} ', 'gpu_used_vram{gpu_uuid="a"} ', "NaN", "9223372036854775794", "1e400", '"', "{", "}", "\\", "[", ":", ";",
)  # fmt: skip
texts = st.one_of(
    st.binary(max_size=200).map(lambda data: data.decode("utf-8", errors="replace")),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.text(max_size=200),
)
FIELDS = ("memory_total", "memory_used", "memory_free", "utilization", "temperature")


def numbers_of(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"[0-9]+", text) if len(number) < 20}


def honest(cards, text: str) -> None:
    """Each figure stands in the text (sums and halves of shares aside, which are tested by themselves)."""
    known = numbers_of(text)
    for card in cards:
        for field in FIELDS:
            value = getattr(card, field)
            assert value is None or (isinstance(value, int) and value >= 0)
            assert value is None or value in known, (field, value)


@fuzz
@given(texts)
def test_csv_of_any_text(text) -> None:
    honest(smi.parse_csv(text).cards, text)


@fuzz
@given(texts)
def test_lists_of_any_text(text) -> None:
    honest(smi.parse_list(text).cards, text)


@fuzz
@given(texts)
def test_logs_of_any_text(text) -> None:
    honest(parse_xml("<nvidia_smi_log>" + text).cards, text)
    parse_xml(text)


@fuzz
@given(texts)
def test_exporters_of_any_text(text) -> None:
    body = text.encode("utf-8", errors="surrogatepass")
    for card in [*read_dcgm(body, 0.0), *read_amd(body, 0.0)]:
        assert all(getattr(card, field) is None or getattr(card, field) >= 0 for field in FIELDS)


@fuzz
@given(st.binary(max_size=300))
def test_exporters_of_any_bytes(body) -> None:
    read_dcgm(body, 0.0)
    read_amd(body, 0.0)


@fuzz
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.text(max_size=8) | st.integers(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["status", "data", "result", "metric", "value", "resultType"]), inner)
            ),
            max_leaves=20,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_answers_of_prometheus_of_any_bytes(body) -> None:
    samples, why = parse_vector(body)

    assert why is not None or isinstance(dcgm_cards(samples), list)


@fuzz
@given(texts)
def test_hamis_annotation_of_any_text(text) -> None:
    honest(hami.parse(text), text)


@fuzz
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "nvidia.com/gpu.product",
                "nvidia.com/gpu.memory",
                "nvidia.com/gpu.count",
                "nvidia.com/gpu.replicas",
                "nvidia.com/mig-1g.5gb.count",
                "amd.com/gpu.vram",
                "gpu.intel.com/product",
                "cloud.google.com/gke-accelerator",
                "feature.node.kubernetes.io/pci-10de.present",
            ]
        ),
        st.text(max_size=30),
    )
)
def test_labels_of_any_text(found) -> None:
    facts = labels.read(found)

    assert facts.memory is None or facts.memory > 0


@fuzz
@given(
    st.one_of(
        texts.map(lambda text: json.dumps({"age_seconds": 1, "xml": text, "list": text}).encode()),
        st.binary(max_size=200),
    )
)
def test_the_agents_answer_of_any_bytes(body) -> None:
    import msgspec

    with contextlib.suppress(NoAnswer, msgspec.MsgspecError):
        agent_answer.cards(body, now=0.0)


@fuzz
@given(texts)
def test_device_ids_of_any_text(text) -> None:
    identity(text)


@fuzz
@given(
    st.lists(
        st.tuples(st.sampled_from(["good", "bad", "sentence", "noise"]), st.sampled_from(PLACEHOLDERS)), max_size=8
    )
)
def test_bad_rows_never_hide_good_ones_and_placeholders_never_become_numbers(kinds) -> None:
    lines, good = [], 0
    for number, (kind, placeholder) in enumerate(kinds):
        if kind == "good":
            good += 1
            lines.append(
                f"{number}, GPU-{number:08d}, 00000000:{number:02X}:00.0, 100 MiB, {placeholder}, 50 MiB, {placeholder}, [N/A], Tesla T4"
            )
        elif kind == "bad":
            lines.append(", ".join([placeholder] * 9))
        elif kind == "sentence":
            lines.append(f"Unable to determine the device handle for GPU0000:{number + 100:02X}:00.0: Unknown Error")
        else:
            lines.append("WARNING: infoROM is corrupted")

    output = smi.parse_csv("\n".join(lines))

    rows = [card for card in output.cards if not card.lost or card.index is not None]
    assert len(rows) == good
    assert all(
        (card.memory_total, card.memory_used, card.memory_free, card.utilization) == (100, None, 50, None)
        for card in rows
    )

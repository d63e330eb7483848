"""Each form of `nvidia-smi` as a real driver printed it, on a card that was idle and on one that was working."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from moorage.gpus.sources import agent_answer, smi
from moorage.gpus.sources.smi_xml import parse_xml

CAPTURED = Path(__file__).parents[1] / "data" / "nvidia-smi"
UUID, PCI = "GPU-00000000-1111-2222-3333-444444444444", "00000000:00:06.0"
IDLE = {"memory": (143771, 0, 143156), "utilization": 0}
BUSY = {"memory": (143771, 21363, 121794), "utilization": 100}
states = pytest.mark.parametrize(("state", "told"), [("idle", IDLE), ("busy", BUSY)])


def read(name: str) -> str:
    return (CAPTURED / name).read_text()


def figures(card) -> dict:
    return {
        "memory": (card.memory_total, card.memory_used, card.memory_free),
        "utilization": card.utilization,
    }


@states
def test_rows_are_read_whole(state, told) -> None:
    output = smi.parse_csv(read(f"h200-{state}.csv"))

    (card,) = output.cards
    assert (card.index, card.uuid, card.pci, card.model, card.mig) == (0, UUID, PCI, "NVIDIA H200", False)
    assert figures(card) == told
    assert (output.problems, output.failure, card.why, card.lost) == ([], None, {}, False)


@states
def test_the_log_says_the_same_as_the_rows_and_counts_processes(state, told) -> None:
    output = parse_xml(read(f"h200-{state}.xml"))

    (card,) = output.cards
    assert (card.uuid, card.pci, card.model, card.mig) == (UUID, PCI, "NVIDIA H200", False)
    assert figures(card) == told
    assert card.processes == {"idle": 0, "busy": 1}[state]
    assert (output.problems, output.failure, card.why, card.lost) == ([], None, {}, False)


@states
def test_the_list_names_the_card(state, told) -> None:
    output = smi.parse_list(read(f"h200-{state}.txt"))

    (card,) = output.cards
    assert (card.index, card.uuid, card.model, card.parts, output.problems) == (0, UUID, "NVIDIA H200", (), [])


@states
def test_the_agent_carries_it_to_the_service_and_ends_in_silence(state, told, tmp_path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -L ]; then exec cat {CAPTURED}/h200-{state}.txt; fi\nexec cat {CAPTURED}/h200-{state}.xml\n'
    )
    program.chmod(0o755)
    agent = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "moorage.gpus.agent",
         "--host", "127.0.0.1", "--port", "0", "--nvidia-smi", str(program)],
        stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        assert agent.stderr is not None
        port = int(agent.stderr.readline().rpartition(" ")[2])
        body = b"{}"
        while not json.loads(body).get("xml"):
            with urlopen(f"http://127.0.0.1:{port}/v1/cards", timeout=5) as answer:
                body = answer.read()
    finally:
        agent.send_signal(signal.SIGTERM)
        _, said = agent.communicate(timeout=20)

    (card,) = agent_answer.cards(body, now=100.0)
    assert (card.uuid, card.index, figures(card)) == (UUID, 0, told)
    assert (agent.returncode, said) == (0, "")

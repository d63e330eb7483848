"""Phase 1 of the role, played once for all tests: the role is real, the service is real, kubectl is a stand-in.

A run of Ansible takes many seconds, so that each test looks at one side of the same few runs.
"""

import asyncio
import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from moorage.simulator import Simulator, builders

# A run of Ansible is many processes; on a machine with much else to do it takes its time.
pytestmark = pytest.mark.timeout(400)

CARD_LABELS = {"nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090", "nvidia.com/gpu.memory": "24576"}


@dataclass
class Story:
    """A playbook with its cluster: what each run said, and what the cluster had then."""

    playbook: Any
    runs: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)

    def play(self, name, *tags, serving, labels, tokens=None, **variables):
        """Run the playbook against a service on a node with one card."""

        async def run():
            async with Simulator() as simulator:
                simulator.add(
                    builders.node("vilanova1", cpu="16", memory="64Gi", gpu=1, labels=labels),
                    builders.pod("web", on="vilanova1", cpu="4500m", memory="10Gi"),
                )
                async with serving(simulator, tokens=tokens) as environment:
                    self.runs[name] = await self.playbook.run(*tags, environment=environment, **variables)

        asyncio.run(run())
        self.objects[name] = self.playbook.objects()
        return self.runs[name]

    @property
    def tokens(self):
        return base64.b64decode(self.playbook.objects()["secret/moorage/moorage-tokens"]["data"]["tokens"]).decode()


@pytest.fixture(scope="module")
def story(new_playbook):
    return Story(new_playbook())


@pytest.fixture(scope="module")
def deployed(story, serving):
    story.play("first", "--tags", "api", serving=serving, labels=CARD_LABELS, moorage_images=["a:1"])
    return story


@pytest.fixture(scope="module")
def again(deployed, serving):
    deployed.play(
        "again", "--tags", "api", serving=serving, labels=CARD_LABELS, tokens=deployed.tokens, moorage_images=["a:1"]
    )
    return deployed


@pytest.fixture(scope="module")
def unknown_cards(new_playbook, serving):
    story = Story(new_playbook())
    story.play("first", "--tags", "api", serving=serving, labels={})
    return story


@pytest.fixture(scope="module")
def refused(deployed, serving):
    tokens = "hub:reader:some-other-token-of-the-hub\n"
    deployed.play("refused", "--tags", "check-api", serving=serving, labels=CARD_LABELS, tokens=tokens)
    return deployed


def test_the_service_is_deployed(deployed):
    assert deployed.runs["first"].rc == 0, deployed.runs["first"].output
    assert {"deployment/moorage/moorage", "clusterrole//moorage", "service/moorage/moorage"} <= set(
        deployed.objects["first"]
    )


def test_the_check_sees_availability_and_cards(deployed):
    assert "1 node(s) with their availability" in deployed.runs["first"].text
    assert "1 node(s) with cards, each with model and memory_total" in deployed.runs["first"].text


def test_the_port_forward_of_the_check_is_closed_after_it(deployed):
    [forward] = [line for line in deployed.playbook.called("kubectl") if "port-forward" in line][:1]
    listed = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]

    mine = str(deployed.playbook.state.parent).encode()
    assert not [line for line in listed if mine in line and b"port-forward" in line], forward


def test_the_second_run_changes_nothing(again):
    assert again.runs["again"].rc == 0, again.runs["again"].output
    assert again.runs["again"].changed == 0
    assert again.objects["again"] == again.objects["first"]


def test_the_tokens_are_long_and_never_printed(again):
    tokens = re.findall(r"^\w+:(?:reader\+holders|admin):([A-Za-z0-9]{48})$", again.tokens, re.MULTILINE)

    assert len(set(tokens)) == 2
    assert all(token not in run.output for token in tokens for run in again.runs.values())


def test_a_token_that_the_service_does_not_know_fails_the_check_in_words(refused):
    assert refused.runs["refused"].rc != 0
    assert "answered 401 (The service does not know this token.)" in refused.runs["refused"].text


def test_a_check_that_is_run_alone_takes_nothing_back(refused):
    assert "Nothing was taken back" in refused.runs["refused"].text
    assert "deployment/moorage/moorage" in refused.objects["refused"]


def test_a_card_that_is_not_known_fails_the_check_in_words(unknown_cards):
    assert unknown_cards.runs["first"].rc != 0
    assert "Not known: vilanova1, card 0: model; vilanova1, card 0: memory_total" in unknown_cards.runs["first"].text


def test_a_failed_check_takes_the_service_back(unknown_cards):
    assert "The service was taken back." in unknown_cards.runs["first"].text
    assert not [
        at
        for at in unknown_cards.objects["first"]
        if "/moorage" in at and not at.startswith(("namespace", "replicaset"))
    ]

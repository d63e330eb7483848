"""Pods of others that come and go, so that the scenario's numbers move."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from moorage.simulator.builders import pod
from moorage.simulator.controllers.keeper import NO_PROCESS
from moorage.simulator.store.resources import NODES, PODS
from moorage.simulator.store.status import Refusal

if TYPE_CHECKING:
    from moorage.simulator.simulator import Simulator

_FAKE = {NO_PROCESS: "none"}


class Traffic:
    """Pods of others that come and go, by a seeded chance, on three of the nodes."""

    def __init__(self, simulator: Simulator, *, seed: int = 7, pause: float = 4.0, most: int = 6) -> None:
        self._simulator = simulator
        self._chance = random.Random(seed)  # noqa: S311 (a script, not a secret)
        self._pause = pause
        self._most = most
        self._present: list[tuple[str, str]] = []
        self._count = 0

    async def run(self) -> None:
        """For ever; a failure of one step is not the next one's."""
        while True:
            await asyncio.sleep(self._pause * self._chance.uniform(0.5, 1.5))
            try:
                self.step()
            except Refusal:
                continue

    def step(self) -> None:
        """One pod comes, or one goes."""
        self._present = [place for place in self._present if self._simulator.api.find(PODS, *place)]
        if self._present and (len(self._present) >= self._most or self._chance.random() < 0.45):
            space, name = self._present.pop(self._chance.randrange(len(self._present)))
            self._simulator.delete("pods", space, name, grace_seconds=1)
            return
        self._count += 1
        where = self._chance.choice(("ribes1", "garraf1", "cubelles1"))
        if self._simulator.api.find(NODES, None, where) is None:
            return
        space, name = self._chance.choice(("research", "teaching")), f"job-{self._count}"
        cards = {
            "ribes1": {},
            "garraf1": {"nvidia.com/mig-1g.5gb": 1},
            "cubelles1": {"nvidia.com/gpu": 1},
        }[where]
        body = pod(
            name,
            namespace=space,
            cpu=self._chance.choice(("250m", "500m", "1", "2")),
            memory=self._chance.choice(("512Mi", "1Gi", "3Gi")),
            requests=cards,
            limits=cards,
            annotations=_FAKE,
            node_selector={"kubernetes.io/hostname": where},
        )
        self._simulator.api.create(PODS, space, body)
        self._present.append((space, name))

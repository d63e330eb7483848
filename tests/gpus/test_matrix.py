"""Every source on every kind of node: the words that a person reads, cell by cell.

Exporters, Prometheus and exec are asked over their real protocols. The expected words stand in `matrix.txt`, a block for each cell.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from moorage.gpus.cards import Cards
from moorage.gpus.sources import exporters
from moorage.gpus.sources.dra import Dra
from moorage.gpus.sources.exec import Exec
from moorage.gpus.sources.prometheus import Prometheus
from moorage.gpus.sources.sweep import Pace
from moorage.gpus.view import NodeView
from moorage.objects import Node, ResourceClaim, ResourceSlice, decode
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.devices.inventory import Inventory

GPU = "nvidia.com/gpu"
PLUGIN = {"app": "nvidia-device-plugin-daemonset"}
DCGM = {"app": "nvidia-dcgm-exporter"}


@dataclass
class Slice:
    profile: str
    instance: int
    total: int
    used: int
    pod: str | None = None


@dataclass
class Real:
    """A card as it really is; what each source makes of it is the source's business."""

    number: int
    model: str
    total: int | None
    used: int | None
    utilization: int | None
    pod: str | None = None
    slices: list[Slice] = field(default_factory=list)
    xid: int = 0

    @property
    def uuid(self) -> str:
        return f"GPU-{self.number}"

    @property
    def pci(self) -> str:
        return f"00000000:{self.number + 1:02X}:00.0"


@dataclass
class Machine:
    cards: list[Real]
    labels: dict[str, str]
    units: dict[str, int]
    held: dict[str, int] = field(default_factory=dict)
    sick: int = 0
    more: dict[str, Any] = field(default_factory=dict)


def labels(product: str, memory: int | None, count: int, **more: str) -> dict[str, str]:
    found = {"product": product, "count": str(count), "present": "true", "replicas": "1"} | more
    if memory is not None:
        found["memory"] = str(memory)
    return {f"nvidia.com/gpu.{key}": value for key, value in found.items()}


T4 = "Tesla T4"
MACHINES = {
    "4090": Machine([Real(0, "NVIDIA GeForce RTX 4090", 24564, 507, 0)], labels("NVIDIA-GeForce-RTX-4090", 24564, 1), {GPU: 1}),
    "mixed 3080+4090": Machine(
        [Real(0, "NVIDIA GeForce RTX 3080", 10240, 1, 0), Real(1, "NVIDIA GeForce RTX 4090", 24564, 19818, 97, pod="lab/llm")],
        labels("NVIDIA-GeForce-RTX-3080", 10240, 1), {GPU: 2}, {GPU: 1},
    ),
    "T4 x4 sliced": Machine(
        [Real(number, T4, 15360, 4000 if number == 2 else 0, 12 if number == 2 else 0, pod="lab/a" if number == 2 else None) for number in range(4)],
        labels("Tesla-T4-SHARED", 15360, 4, replicas="4"), {GPU: 16}, {GPU: 1},
    ),
    "A100 mixed MIG": Machine(
        [Real(0, "NVIDIA A100-SXM4-40GB", 40960, 52, None, slices=[Slice("3g.20gb", 1, 19968, 26), Slice("1g.5gb", 9, 4864, 13, pod="lab/b"), Slice("1g.5gb", 10, 4864, 13)])],
        labels("NVIDIA-A100-SXM4-40GB", 40960, 1) | {"nvidia.com/mig.strategy": "mixed", "nvidia.com/mig-1g.5gb.count": "2", "nvidia.com/mig-1g.5gb.memory": "4864", "nvidia.com/mig-3g.20gb.count": "1", "nvidia.com/mig-3g.20gb.memory": "19968"},
        {GPU: 0, "nvidia.com/mig-1g.5gb": 2, "nvidia.com/mig-3g.20gb": 1}, {"nvidia.com/mig-1g.5gb": 1},
    ),
    "H100 single MIG": Machine(
        [Real(0, "NVIDIA H100 NVL", 95830, 70, None, slices=[Slice("1g.12gb", 7 + number, 11008, 10, pod="lab/c" if number < 2 else None) for number in range(7)])],
        labels("NVIDIA-H100-NVL-MIG-1g.12gb", 11008, 7) | {"nvidia.com/mig.strategy": "single"}, {GPU: 7}, {GPU: 2},
    ),
    "GB10 sliced": Machine(
        [Real(0, "NVIDIA GB10", None, None, 2, pod="lab/d")], labels("NVIDIA-GB10-SHARED", None, 1, replicas="4"), {GPU: 4}, {GPU: 1},
        more={"memory_bytes": 122566 << 20},
    ),
    "unhealthy": Machine(
        [Real(number, "NVIDIA L40S", 46068, 0, 0, xid=79 if number == 3 else 0) for number in range(4)],
        labels("NVIDIA-L40S", 46068, 4), {GPU: 4}, sick=1,
    ),
    "NotReady": Machine(
        [Real(0, "NVIDIA GeForce RTX 4090", 24564, 1, 0)], labels("NVIDIA-GeForce-RTX-4090", 24564, 1), {GPU: 1}, more={"ready": False},
    ),
}  # fmt: skip


def node(machine: Machine, *, counts: bool = True, labelled: bool = True) -> NodeView:
    allocatable = {name: amount - (machine.sick if name == GPU else 0) for name, amount in machine.units.items()}
    found = {"feature.node.kubernetes.io/pci-10de.present": "true"} | (machine.labels if labelled else {})
    if not counts:
        return NodeView(name="n1", labels=found, **machine.more)
    return NodeView(
        name="n1", labels=found, capacity=machine.units, allocatable=allocatable, requested=machine.held, **machine.more
    )


# --- what each source serves ------------------------------------------------------------------------------------


def series(machine: Machine) -> list[tuple[str, dict[str, str], str]]:
    """(metric, labels, value); pod labels under their plain names."""
    found = []
    for card in machine.cards:
        base = {"gpu": str(card.number), "UUID": card.uuid, "pci_bus_id": card.pci, "modelName": card.model}
        who = dict(zip(("namespace", "pod"), card.pod.split("/"), strict=True)) | {"container": "c"} if card.pod else {}
        if card.slices:
            found.append(("DCGM_FI_DEV_GPU_UTIL", base, "0"))
        elif card.utilization is not None:
            found.append(("DCGM_FI_DEV_GPU_UTIL", base | who, str(card.utilization)))
        if card.used is not None and card.total is not None:
            found += [
                ("DCGM_FI_DEV_FB_USED", base | who, str(card.used)),
                ("DCGM_FI_DEV_FB_FREE", base | who, str(card.total - card.used)),
            ]
        found += [("DCGM_FI_DEV_XID_ERRORS", base | who, str(card.xid)), ("DCGM_FI_DEV_GPU_TEMP", base | who, "40")]
        for part in card.slices:
            own = base | {"GPU_I_PROFILE": part.profile, "GPU_I_ID": str(part.instance)}
            if part.pod:
                own |= dict(zip(("namespace", "pod"), part.pod.split("/"), strict=True)) | {"container": "c"}
            found += [
                ("DCGM_FI_DEV_FB_USED", own, str(part.used)),
                ("DCGM_FI_DEV_FB_FREE", own, str(part.total - part.used)),
            ]
    return found


def exposition(machine: Machine, *, old: bool) -> str:
    lines = []
    for name, found, value in series(machine):
        host = {"Hostname": "n1"} if old else {"hostname": "n1"}
        nobody = {"container": "", "namespace": "", "pod": ""} if old and "pod" not in found else {}
        text = ",".join(f'{key}="{value}"' for key, value in (found | host | nobody).items())
        lines.append(f"{name}{{{text}}} {value}\n")
    return "".join(lines)


def rows(machine: Machine, *, partial: bool) -> str:
    lines = []
    for card in machine.cards:
        if partial and card is machine.cards[-1]:
            lines.append(
                f"Unable to determine the device handle for GPU{card.pci[4:]}: Unknown Error\n"
                + ", ".join(["[Unknown Error]"] * 9)
                + "\n"
            )
            continue
        memory = (
            ["[N/A]"] * 3
            if card.total is None or card.used is None
            else [f"{card.total} MiB", f"{card.used} MiB", f"{card.total - card.used} MiB"]
        )
        busy = "[N/A]" if card.utilization is None else f"{card.utilization} %"
        mig = "Enabled" if card.slices else "[N/A]"
        lines.append(", ".join([str(card.number), card.uuid, card.pci, *memory, busy, mig, card.model]) + "\n")
    return "".join(lines)


def listing(machine: Machine) -> str:
    lines = []
    for card in machine.cards:
        lines.append(f"GPU {card.number}: {card.model} (UUID: {card.uuid})\n")
        lines += [f"  MIG {part.profile}     Device  {at}: (UUID: MIG-{at})\n" for at, part in enumerate(card.slices)]
    return "".join(lines)


def claimed(machine: Machine) -> Dra:
    devices, taken = [], []
    for card in machine.cards:
        plain = {"type": "gpu", "uuid": card.uuid, "productName": card.model}
        memory = {} if card.total is None else {"memory": {"value": f"{card.total}Mi"}}
        found = [(f"gpu-{card.number}", plain, memory, card.pod)]
        if card.slices:
            found = [
                (f"mig-{part.instance}", {"type": "mig", "uuid": f"MIG-{part.instance}", "parentUUID": card.uuid, "profile": part.profile, "productName": card.model}, {"memory": {"value": f"{part.total}Mi"}}, part.pod)
                for part in card.slices
            ]  # fmt: skip
        for name, attributes, capacity, pod in found:
            taints = [{"key": "gpu.nvidia.com/xid", "value": str(card.xid), "effect": "NoSchedule"}] if card.xid else []
            devices.append(
                {
                    "name": name,
                    "attributes": {key: {"string": text} for key, text in attributes.items()},
                    "capacity": capacity,
                    "taints": taints,
                }
            )
            if pod:
                taken.append((name, pod.split("/")[1]))
    body = {
        "metadata": {"name": "s"},
        "spec": {
            "driver": "gpu.nvidia.com",
            "nodeName": "n1",
            "pool": {"name": "n1", "generation": 1, "resourceSliceCount": 1},
            "devices": devices,
        },
    }
    inventory = Inventory()
    inventory.put(decode(ResourceSlice, body))
    for name, pod in taken:
        results = [{"driver": "gpu.nvidia.com", "pool": "n1", "device": name}]
        claim = {
            "metadata": {"name": name, "namespace": "lab"},
            "status": {
                "allocation": {"devices": {"results": results}},
                "reservedFor": [{"resource": "pods", "name": pod}],
            },
        }
        inventory.put(decode(ResourceClaim, claim))
    return Dra(lambda: inventory)


# --- the sources ------------------------------------------------------------------------------------------------


@pytest.fixture
async def look(kube, exporter, end_exec, hang):
    """The words about a machine by way of one source."""
    opened: list[Any] = []

    async def swept(source, client):
        opened.extend([source, client])
        await source.sweep(lambda names: None)
        await source.settled()
        return source

    async def dcgm(machine: Machine, *, old: bool):
        kube.add_pod("n1", labels=DCGM)
        exporter.say(exposition(machine, old=old))
        client = kube.client
        return await swept(exporters.dcgm(client, port=exporter.port), client)

    async def prometheus(machine: Machine):
        async def answer(request: web.Request) -> web.Response:
            query = (await request.post())["query"]
            kept = re.search(r"by \(([^)]*)\)", query)[1].split(",")
            own = {
                "pod": "nvidia-dcgm-exporter-x",
                "namespace": "gpu-operator",
                "container": "nvidia-dcgm-exporter",
                "Hostname": "n1",
            }
            result = []
            for name, found, value in series(machine):
                renamed = {
                    (f"exported_{key}" if key in ("pod", "namespace", "container") else key): text
                    for key, text in found.items()
                }
                if f"({name})" in query and "timestamp" not in query:
                    result.append(
                        {
                            "metric": {key: text for key, text in (own | renamed).items() if key in kept},
                            "value": [1.0, value],
                        }
                    )
            return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

        exporter.answer = answer
        info = NodeInfo("n1")
        info.set_node(decode(Node, {"metadata": {"name": "n1"}}))
        source = Prometheus(f"http://127.0.0.1:{exporter.port}", directory=lambda: {"n1": info})
        opened.append(source._session)
        await source.refresh(lambda names: None)
        opened[-1] = source._session
        return source

    async def smi(machine: Machine, how: str):
        async def run(socket, call) -> None:
            if how == "hang":
                await hang(socket, call)
            elif "-L" in call["command"]:
                await end_exec(socket, listing(machine))
            else:
                await end_exec(socket, rows(machine, partial=how == "partial"), code=15 if how == "partial" else 0)

        kube.add_pod("n1", labels=PLUGIN)
        kube.running, kube.forbid_exec = run, how == "forbidden"
        client = kube.client
        return await swept(Exec(client, namespace="gpu", pace=Pace(deadline=0.3 if how == "hang" else 5)), client)

    async def words(source: str, machine: Machine) -> list[str]:
        match source:
            case "no source":
                return told(Cards(), node(machine, counts=False, labelled=False))
            case "A only":
                return told(Cards(), node(machine, labelled=False))
            case "A+B":
                return told(Cards(), node(machine))
            case "+D old" | "+D new":
                return told(Cards([await dcgm(machine, old=source == "+D old")], holders="pod"), node(machine))
            case "+E exported_*":
                return told(Cards([await prometheus(machine)], holders="pod"), node(machine))
            case "DRA":
                return told(Cards([claimed(machine)], holders="pod"), node(machine, counts=False, labelled=False))
            case _:
                return told(
                    Cards([await smi(machine, source.removeprefix("F ").replace("ok", ""))], holders="pod"),
                    node(machine),
                )

    yield words
    for one in opened:
        await one.close()


def told(cards: Cards, view: NodeView) -> list[str]:
    """A card a line, as a person would read it out; cards that read alike are one line."""
    lines = [line for entry in cards.details(view) for line in read_out(entry)]
    found = []
    for line, same in itertools.groupby(lines):
        count = len(list(same))
        found.append(f"{count} x {line}" if count > 1 else line)
    return found


def read_out(entry: dict[str, Any]) -> list[str]:
    busy = "unknown" if entry["utilization"] is None else f"{entry['utilization']} %"
    numbers = f"{entry['memory_used']} of {entry['memory_total']}, {busy}".replace("Unknown", "unknown")
    lines = [
        f"{entry['model']} ({numbers}): {entry['state_text']}{', available' if entry['available'] else ''}{by(entry)}"
    ]
    for count, line in collapsed(
        f"  {one['profile']} ({one['memory_used']} of {one['memory_total']}): {one['state_text']}{', available' if one['available'] else ''}{by(one)}".replace("Unknown", "unknown")
        for one in entry["slices"] or ()
    ):  # fmt: skip
        lines.append(f"  {count} x {line.strip()}" if count > 1 else line)
    lines += [f"  - {note}" for note in entry["notes"]]
    if entry["utilization"] is None:
        lines.append(f"  ? {re.sub(r'[0-9]+ s', 'N s', entry['unknown']['utilization'])}")
    return ["\n".join(lines)]


def collapsed(lines):
    return [(len(list(same)), line) for line, same in itertools.groupby(lines)]


def by(entry: dict[str, Any]) -> str:
    return f", by {entry['holder']}" if entry["holder"] else ""


SOURCES = (
    "no source",
    "A only",
    "A+B",
    "+D old",
    "+D new",
    "+E exported_*",
    "F ok",
    "F hang",
    "F partial",
    "F forbidden",
    "DRA",
)
TABLE = Path(__file__).parent / "matrix.txt"


def expected() -> dict[str, str]:
    found = {}
    for block in TABLE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = block.partition("\n")
        found[title.strip()] = text.strip("\n")
    return found


@pytest.mark.parametrize("machine", list(MACHINES))
@pytest.mark.parametrize("source", SOURCES)
async def test_a_cell_reads_as_it_should(look, source, machine) -> None:
    lines = await look(source, MACHINES[machine])

    assert "\n".join(lines) == expected()[f"{source} on {machine}"]


def test_every_cell_is_there_once() -> None:
    assert set(expected()) == {f"{source} on {machine}" for source in SOURCES for machine in MACHINES}

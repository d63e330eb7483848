"""The real Karpenter: what is foretold of machines that are not there yet is what it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import pytest

from rig.api import Api, Obj
from rig.controlplane import ControlPlane
from rig.elastic import (
    ASKS,
    KINDS,
    POOLS,
    Journal,
    clear,
    home,
    machines,
    notebook,
    on_every_node,
    pods_by_node,
    said_of,
    told_by_node,
)
from rig.karpenter import GPU, POOL, STEPPED, install, karpenter
from rig.objects import add_node, node
from rig.processes import until
from rig.rights import grant, manifests
from rig.service import Service, Witness, service

pytestmark = pytest.mark.timeout(400)

READY_AFTER, DEVICES_AFTER = 6.0, 6.0
# The service looks once a second, at the beginning and at the end, and the API server's clock ticks as often.
SEEN_WITHIN = 3.0
LONGEST_WRONG = 5.0
FIRST = {
    "gpus": {"gpu": 1, "cpu": "15", "tolerates": GPU},
    "cpus": {"cpu": "3500m"},
    "bigs": {"cpu": "31", "tolerates": "example.com/big"},
}


@dataclass
class Elastic:
    """The cluster, a service that knew it before it had Karpenter, one that came later, and who counts after it."""

    cluster: ControlPlane
    before: Service
    told_before: list[Obj]
    served: Service
    witness: Witness

    @property
    def api(self) -> Api:
        return self.cluster.admin

    def foretold(self, made: Obj) -> Obj:
        return self.served.fit({"pod": made})

    def node_of(self, name: str) -> str | None:
        found = self.api.find("Pod", name, namespace="default")
        return found["spec"].get("nodeName") if found else None

    def beside(self, name: str, *, known: float) -> float:
        """Seconds from a pod's creation until its machine could be used that were not the known ones: what Karpenter took
        before it, and by how much a machine was late. All by the times that the objects carry.
        """
        found = self.api.get("Pod", name, namespace="default")
        machine = self.api.get("Node", found["spec"]["nodeName"])["metadata"]
        began, usable = found["metadata"]["creationTimestamp"], machine["annotations"][STEPPED]
        return (datetime.fromisoformat(usable) - datetime.fromisoformat(began)).total_seconds() - known

    def is_quiet(self) -> bool:
        """Whether no machine comes or goes, and the service knows."""
        claims = self.api.list("NodeClaim")
        reached = [
            each["type"] for claim in claims for each in claim["status"]["conditions"] if each["status"] == "True"
        ]
        return reached.count("Initialized") == len(claims) and not machines(self.served, state="on_its_way")


@pytest.fixture(scope="module")
def elastic(own: ControlPlane) -> Iterator[Elastic]:
    """One small node, what runs on every node, three pools with a full machine each, and one pool that is not ready."""
    api = own.admin
    add_node(api, node("base-1", cpu="1", memory="8Gi"))
    for made in (on_every_node(), *home("z2")):
        api.create(made)
    kubeconfig = own.write_kubeconfig(own.folder / "service.kubeconfig", token=grant(api))
    with service(kubeconfig, folder=own.folder) as before:
        told_before = machines(before)
        for made in manifests("optional/karpenter.yaml"):
            api.apply(made)
        install(own)
        with (
            karpenter(own, KINDS, ready_after=READY_AFTER, devices_after=DEVICES_AFTER),
            service(kubeconfig, folder=own.folder) as served,
        ):
            for pool in POOLS:
                api.create(pool)
            until(lambda: len(machines(served)) >= len(POOLS), within=40, what="the service knows the pools")
            counting = own.admin.acting_as(own.admin.token)
            with Witness(served, true=lambda nodes: told_by_node(nodes) == pods_by_node(counting)) as witness:
                made = Elastic(own, before, told_before, served, witness)
                for pool, asked in FIRST.items():
                    api.create(notebook(f"first-{pool}", **asked))
                for pool in FIRST:
                    until(lambda pool=pool: made.node_of(f"first-{pool}"), within=60, what=f"{pool} has a machine")
                until(made.is_quiet, within=60, what="all is quiet")
                yield made
            counting.close()


def test_what_is_foretold_is_what_karpenter_does(elastic: Elastic, results: Path) -> None:
    api, journal = elastic.api, Journal()
    wrong = []

    for number, (about, asked) in enumerate(ASKS.items()):
        made = notebook(f"ask-{number}", **asked)
        told = elastic.foretold(made)
        before = {claim["metadata"]["name"] for claim in api.list("NodeClaim")}
        api.create(made)
        said = said_of(api, made["metadata"]["name"])
        journal.note(about, told, said)
        nominated = said.claim is not None and said.claim not in before
        if (told["answer"] == "new_machine") != nominated or said.node is not None:
            wrong.append((about, told["answer"], said, [(m["pool"], m["state"], m["fits"]) for m in told["machines"]]))
        if nominated:
            claim = until(lambda name=said.claim: api.find("NodeClaim", name), within=10, what="it is asked for")
            pool = claim["metadata"]["labels"][POOL]
            if f"A machine of pool {pool} " not in told["answer_text"]:
                wrong.append((about, told["answer_text"], pool))
        clear(api, made["metadata"]["name"], said)
        until(elastic.is_quiet, within=30, what="the service has seen it go")

    (results / "karpenter.txt").write_text(journal.table() + "\n")
    print(f"\n{journal.table()}")
    assert wrong == []
    assert len(journal.rows) >= 40
    assert journal.count("new_machine") >= 15
    assert journal.count("never") + journal.count("waits") >= 15


def test_a_machine_on_its_way_is_foretold_and_takes_another_pod(elastic: Elastic) -> None:
    first, second = notebook("coming", cpu="2"), notebook("joining", cpu="1500m")
    elastic.api.create(first)
    claim = said_of(elastic.api, "coming").claim
    coming = until(
        lambda: next((each for each in machines(elastic.served, state="on_its_way") if each["allocatable"]), None),
        within=10,
        what="the machine on its way is known",
    )

    told = elastic.foretold(second)
    elastic.api.create(second)
    said = said_of(elastic.api, "joining")

    assert (coming["pool"], coming["kind"], coming["since"] is None) == ("cpus", "cpu-4x", False)
    assert told["answer"] == "on_its_way"
    # It may be ready before Karpenter has a word to say.
    assert said.claim in (claim, None)
    until(lambda: elastic.node_of("joining"), within=60, what="the second pod has its place")
    assert elastic.node_of("joining") == elastic.node_of("coming")


def test_a_driver_that_starts_and_the_limit_that_is_reached_are_told(elastic: Elastic) -> None:
    elastic.api.create(notebook("second-gpu", gpu=1, tolerates=GPU))

    def starting() -> Obj | None:
        known = (
            each for name, each in elastic.served.nodes().items() if name.startswith("kwok-gpus-") and each["ready"]
        )
        return next((each for each in known if each["preparing"]), None)

    prepared = until(starting, within=40, what="the machine is ready without its devices")
    coming = machines(elastic.served, state="on_its_way", pool="gpus")
    third = notebook("third-gpu", gpu=1, tolerates=GPU)
    told = elastic.foretold(third)
    elastic.api.create(third)
    said = said_of(elastic.api, "third-gpu")

    assert not prepared["allocatable"]["gpu"]
    assert prepared["preparing"]["text"] == "GPU driver is starting"
    assert [each["gpu"]["count"] for each in coming] == [1]
    assert told["answer"] in ("waits", "never")
    assert "Pool gpus may have 2 GPU in all and has 2: no room for a machine with 1." in told["answer_text"]
    assert "all available instance types exceed limits" in str(said.refusal)
    clear(elastic.api, "third-gpu", said)
    until(lambda: elastic.node_of("second-gpu"), within=60, what="the devices are there")
    until(elastic.is_quiet, within=60, what="all is quiet")


def test_how_long_a_machine_takes_is_learned(elastic: Elastic) -> None:
    # A machine of a pool that is full is nobody's hope.
    elastic.api.patch("NodePool", "gpus", {"spec": {"limits": {GPU: "3"}}})

    def learned(pool: str) -> int | None:
        (machine,) = machines(elastic.served, pool=pool, state="can_be_added") or [{"about_seconds": None}]
        return machine["about_seconds"]

    for pool, names, known in (
        ("cpus", ("first-cpus", "coming"), READY_AFTER),
        ("gpus", ("first-gpus", "second-gpu"), READY_AFTER + DEVICES_AFTER),
    ):
        beside = median(elastic.beside(name, known=known) for name in names)
        told = until(
            lambda pool=pool, sure=known + beside: (
                (about := learned(pool)) and abs(about - sure) <= SEEN_WITHIN and about
            ),
            within=60,
            what=f"about {known + beside:.1f} s are told for {pool}, of which {known} s are the machines' own",
        )
        print(f"\n{pool}: about {told} s; {known} s of a machine and {beside:.1f} s of Karpenter and of being late")


def test_karpenter_that_is_installed_later_is_followed_and_nobody_complained_before(elastic: Elastic) -> None:
    def shapes(served: Service) -> set[tuple[str, str | None, str]]:
        return {(each["pool"], each["kind"], each["state"]) for each in machines(served)}

    until(lambda: shapes(elastic.before) == shapes(elastic.served), within=40, what="both tell the same machines")

    assert elastic.told_before == []
    assert "karpenter" not in elastic.before.log().lower()
    assert "nodepools" not in elastic.before.log()


def test_no_sum_was_wrong_while_machines_came_and_went(elastic: Elastic) -> None:
    names = ("joining", "coming", "second-gpu")
    gone = {elastic.node_of(name) for name in names}
    for name in names:
        elastic.api.delete("Pod", name, namespace="default", grace=0)
    for claim in elastic.api.list("NodeClaim"):
        if claim["status"].get("nodeName") in gone:
            elastic.api.delete("NodeClaim", claim["metadata"]["name"])
    until(lambda: not gone & elastic.served.nodes().keys(), within=30, what="the machines are gone")

    until(
        lambda: told_by_node(elastic.served.nodes()) == pods_by_node(elastic.api),
        within=LONGEST_WRONG,
        what="the sums are those of a recount",
    )

    assert elastic.witness.looks > 50
    assert elastic.witness.longest < LONGEST_WRONG, elastic.witness.last_wrong
    assert elastic.served.metric("moorage_recounts_total") > 0
    assert elastic.served.metric("moorage_ledger_drift") == 0

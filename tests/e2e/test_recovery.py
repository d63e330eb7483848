"""What happens between moorage and the API server, and that no wrong number stands for longer than five seconds.

The witness looks ten times a second; a picture that says it is stale is honest.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.api import Obj
from rig.controlplane import ControlPlane
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.proxy import Wire, wire
from rig.service import Service, Witness, service

LONGEST = 5.0


@pytest.fixture
def cut(own: ControlPlane) -> Iterator[Wire]:
    with wire(own.port) as made:
        yield made


@pytest.fixture
def served(own: ControlPlane, cut: Wire, tmp_path: Path) -> Iterator[Service]:
    for made in (node("n1", cpu="8"), node("n2", cpu="4", gpu=1)):
        add_node(own.admin, made)
    own.admin.create(pod("first", on="n1", cpu="1"))
    through = own.write_kubeconfig(
        own.folder / "wire.kubeconfig", token=own.admin.token, server=f"https://127.0.0.1:{cut.port}"
    )
    with service(through, folder=own.folder) as made:
        until(lambda: _cpu("n1", 7)(made.nodes()), within=5, what="the first picture is right")
        yield made
    for found in own.admin.list("Pod"):
        own.admin.delete("Pod", found["metadata"]["name"], namespace="default", grace=0)
    for name in ("n1", "n2"):
        own.admin.delete("Node", name)


def _cpu(name: str, free: float):
    def true(nodes: dict[str, Obj]) -> bool:
        return nodes[name]["available"]["cpu"] == free

    return true


def _becomes(served: Service, name: str, free: float, *, within: float = LONGEST) -> None:
    until(
        lambda: _cpu(name, free)(served.nodes()) and not served.stale(),
        within=within,
        what=f"{free} CPU are free on {name}",
    )


def test_an_api_server_that_is_killed_and_comes_back_is_followed_again(own: ControlPlane, served: Service) -> None:
    with Witness(served, true=_cpu("n1", 7)) as witness:
        own.apiserver.kill()
        until(served.stale, within=LONGEST, what="the service says that its picture is old")
        own.restart_apiserver()
        own.admin.create(pod("second", on="n1", cpu="2"))
        witness.true = _cpu("n1", 5)
        _becomes(served, "n1", 5, within=10)

    assert witness.longest < LONGEST, witness.last_wrong


def test_a_watch_that_dies_without_a_word_is_noticed(own: ControlPlane, served: Service, cut: Wire) -> None:
    with Witness(served, true=_cpu("n1", 7)) as witness:
        cut.silence_open_connections()
        own.admin.create(pod("unheard", on="n1", cpu="3"))
        witness.true = _cpu("n1", 4)
        _becomes(served, "n1", 4)

    assert witness.longest < LONGEST, witness.last_wrong


def test_a_wire_that_carries_nothing_makes_the_picture_stale_until_it_is_mended(
    own: ControlPlane, served: Service, cut: Wire
) -> None:
    with Witness(served, true=_cpu("n1", 7)) as witness:
        cut.hang()
        own.admin.create(pod("unheard", on="n1", cpu="3"))
        witness.true = _cpu("n1", 4)
        until(served.stale, within=LONGEST, what="the service says that its picture is old")
        cut.mend()
        _becomes(served, "n1", 4, within=15)

    assert witness.longest < LONGEST, witness.last_wrong


def test_a_cut_wire_makes_the_picture_stale_until_it_is_mended(own: ControlPlane, served: Service, cut: Wire) -> None:
    with Witness(served, true=_cpu("n1", 7)) as witness:
        cut.cut()
        until(served.stale, within=LONGEST, what="the service says that its picture is old")
        own.admin.delete("Pod", "first", namespace="default", grace=0)
        witness.true = _cpu("n1", 8)
        cut.mend()
        _becomes(served, "n1", 8, within=15)

    assert witness.longest < LONGEST, witness.last_wrong


def test_history_that_the_store_has_thrown_away_is_read_anew(own: ControlPlane, served: Service, cut: Wire) -> None:
    lists = served.metric("moorage_lists_total")
    with Witness(served, true=_cpu("n1", 7)) as witness:
        cut.cut()
        for number in range(20):
            own.admin.create(pod(f"passing-{number}", on="n2", cpu="100m"))
            own.admin.delete("Pod", f"passing-{number}", namespace="default", grace=0)
        own.admin.create(pod("later", on="n1", cpu="2"))
        witness.true = _cpu("n1", 5)
        own.compact()
        # Only a fresh watch cache has forgotten what the store has.
        own.restart_apiserver()
        cut.mend()
        _becomes(served, "n1", 5, within=15)

    assert witness.longest < LONGEST, witness.last_wrong
    assert served.metric("moorage_lists_total") > lists


def test_a_store_that_restarts_loses_nothing(own: ControlPlane, served: Service) -> None:
    with Witness(served, true=_cpu("n1", 7)) as witness:
        own.restart_etcd()
        own.admin.create(pod("after", on="n1", cpu="4"))
        witness.true = _cpu("n1", 3)
        _becomes(served, "n1", 3, within=10)

    assert witness.longest < LONGEST, witness.last_wrong


def test_a_drained_node_takes_no_more_pods(own: ControlPlane, served: Service, kubectl) -> None:
    with Witness(served, true=_cpu("n2", 4)) as witness:
        own.admin.create(pod("there", on="n2", cpu="1"))
        witness.true = _cpu("n2", 3)
        _becomes(served, "n2", 3)
        kubectl(own.kubeconfig, "drain", "n2", "--force", "--disable-eviction", "--timeout=20s")
        witness.true = _cpu("n2", 0)
        _becomes(served, "n2", 0)

        drained = served.nodes()["n2"]

    assert witness.longest < LONGEST, witness.last_wrong
    assert (drained["schedulable"], drained["free"]["cpu"], drained["available"]["gpu"]) == (False, 4, 0)

"""Putting things in and taking them out, from inside the process."""

import asyncio
import os
import shutil

import pytest

from moorage.simulator import Simulator


async def test_it_lists_what_was_added(simulator, http, node, pod):
    simulator.add(node("n1", cpu="16"), pod("p", on="n1", cpu="2"))

    status, body, _ = await http.get("/api/v1/pods")

    assert status == 200
    assert [item["metadata"]["name"] for item in body["items"]] == ["p"]


async def test_a_watch_tells_what_changes(simulator, http, node, next_event):
    simulator.add(node("n1"))
    url = f"{simulator.url}/api/v1/nodes?watch=1&resourceVersion={simulator.revision}"
    async with http.session.get(url) as answer:
        simulator.patch("nodes", None, "n1", {"spec": {"unschedulable": True}})
        event = await next_event(answer)

    assert event["type"] == "MODIFIED"
    assert event["object"]["spec"]["unschedulable"] is True


async def test_adding_again_replaces_and_keeps_the_identity(simulator, node):
    simulator.add(node("n1", cpu="4"))
    before = simulator.get("nodes", None, "n1")

    simulator.add(node("n1", cpu="8"))

    after = simulator.get("nodes", None, "n1")
    assert after["status"]["capacity"]["cpu"] == "8"
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])


async def test_garbage_can_be_added_to_see_what_others_make_of_it(simulator, http, node, pod):
    simulator.add(node("n1"), pod("bad", on="n1", memory="a lot"), pod("good", on="n1", memory="1Gi"))

    _, body, _ = await http.get("/api/v1/pods")

    assert body["items"][0]["spec"]["containers"][0]["resources"]["requests"] == {"memory": "a lot"}


async def test_rules_that_nobody_can_read_keep_no_pod_out(simulator, http):
    simulator.add(
        {"kind": "ResourceQuota", "metadata": {"name": "without-spec"}},
        {"kind": "ResourceQuota", "metadata": {"name": "bad"}, "spec": {"hard": "little"}},
        {"kind": "LimitRange", "metadata": {"name": "bad"}, "spec": {"limits": [{"type": "Pod", "max": "little"}]}},
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "bad"}, "value": "high"},
        {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "bad"}, "overhead": "much"},
    )
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "i"}]}}

    status, _ = await http.send("POST", "/api/v1/namespaces/default/pods", body)

    assert status == 201


async def test_a_pod_of_a_shape_that_no_rule_can_read_is_refused_in_words(simulator, http):
    limits = [{"type": "Pod", "max": {"memory": "1Gi"}}]
    simulator.add({"kind": "LimitRange", "metadata": {"name": "small"}, "spec": {"limits": limits}})
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "matchLabelKeys": "app"}
    spec = {"containers": [{"name": "main", "image": "i"}], "topologySpreadConstraints": [spread]}

    status, body = await http.send("POST", "/api/v1/namespaces/default/pods", {"metadata": {"name": "p"}, "spec": spec})

    assert (status, body["reason"]) == (400, "BadRequest")
    assert "matchLabelKeys" in body["message"]


async def test_a_namespace_comes_with_the_first_object_in_it(simulator, pod):
    simulator.add(pod("p", namespace="lab"))

    assert simulator.get("namespaces", None, "lab")["status"]["phase"] == "Active"
    assert simulator.get("serviceaccounts", "lab", "default")


async def test_deleting_with_a_grace_leaves_the_pod_terminating(simulator, node, pod):
    simulator.add(node("n1"), pod("p", on="n1"))

    simulator.delete("pods", "default", "p", grace_seconds=3600)

    assert simulator.get("pods", "default", "p")["metadata"]["deletionGracePeriodSeconds"] == 3600


async def test_deleting_a_namespace_takes_everything_in_it(simulator, pod):
    simulator.add(pod("p", namespace="lab"))

    simulator.delete("namespaces", None, "lab")

    assert simulator.get("pods", "lab", "p") is None


async def test_what_is_handed_out_is_a_copy(simulator, node):
    simulator.add(node("n1"))

    simulator.get("nodes", None, "n1")["status"]["capacity"]["cpu"] = "1000"

    assert simulator.get("nodes", None, "n1")["status"]["capacity"]["cpu"] == "4"


async def test_a_kind_without_a_name_for_it_is_told(simulator):
    with pytest.raises(KeyError, match="Berth"):
        simulator.add({"apiVersion": "v1", "kind": "Berth", "metadata": {"name": "b"}})


async def test_history_that_is_compacted_is_too_old_for_a_watch(simulator, http, node, next_event):
    simulator.add(node("n1"))
    old = simulator.revision
    simulator.add(node("n2"))
    simulator.compact()

    async with http.session.get(f"{simulator.url}/api/v1/nodes?watch=1&resourceVersion={old}") as answer:
        event = await next_event(answer)

    assert answer.status == 200
    assert event["object"]["message"] == f"too old resource version: {old} ({simulator.revision})"


async def test_revision_1_is_too_old_on_a_fresh_server_too(simulator, http, next_event):
    async with http.session.get(f"{simulator.url}/api/v1/pods?watch=1&resourceVersion=1") as answer:
        event = await next_event(answer)

    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


async def test_the_port_is_free_again_after_the_end():
    first = Simulator()
    await first.start()
    await first.stop()

    second = await Simulator().start(first.port)

    assert second.port == first.port
    await second.stop()


async def test_stopping_does_not_wait_for_open_watches(http, simulator, until):
    import time

    async with http.session.get(simulator.url + "/api/v1/pods?watch=1"):
        begun = time.monotonic()
        await simulator.stop()

    assert time.monotonic() - begun < 1


async def test_the_kubeconfig_is_for_its_owner_alone(simulator, tmp_path):
    place = simulator.kubeconfig(tmp_path / "kubeconfig")

    assert place.stat().st_mode & 0o077 == 0
    assert simulator.url in place.read_text()


async def test_the_api_can_be_kept_behind_a_path(node, http):
    async with Simulator(prefix="/secret") as simulator:
        simulator.add(node("n1"))
        base = f"http://127.0.0.1:{simulator.port}"
        async with (
            http.session.get(base + "/api/v1/nodes") as without,
            http.session.get(simulator.url + "/api/v1/nodes") as within,
            http.session.get(base + "/readyz") as health,
        ):
            assert (without.status, within.status, health.status) == (404, 200, 200)


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1"}, {"Origin": "https://moorage.example"}, {"Host": "moorage.example"}]
)
async def test_web_pages_are_kept_out(simulator, http, headers):
    async with http.session.get(simulator.url + "/api/v1/nodes", headers=headers) as answer:
        assert answer.status == 403


async def test_an_open_simulator_runs_no_commands(http, node, pod):
    async with Simulator(kubelet=True, processes=False) as simulator:
        simulator.add(node("n1"), pod("p", on="n1"))
        url = f"{simulator.url}/api/v1/namespaces/default/pods/p/exec?command=id&stdout=1"
        async with http.session.get(url) as answer:
            body = await answer.json()

    assert answer.status == 403
    assert "--kubeconfig-out" in body["message"]


async def test_kubectl_needs_nothing_but_the_address(simulator, node, pod, tmp_path):
    program = os.environ.get("MOORAGE_KUBECTL") or shutil.which("kubectl")
    if program is None:
        pytest.fail("kubectl is missing: install it (Debian: kubernetes-client), or name it in MOORAGE_KUBECTL")
    simulator.add(node("n1"), pod("p", on="n1", namespace="lab"))

    process = await asyncio.create_subprocess_exec(
        *(program, "--server", simulator.url, "get", "nodes,pods", "-A"),
        env={**os.environ, "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")},
        stdout=asyncio.subprocess.PIPE,
    )
    shown, _ = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 0
    assert b"node/n1" in shown
    assert b"pod/p" in shown

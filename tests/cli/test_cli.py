"""`moorage nodes`, `fit` and `images` on a dump, a cluster and a service."""

import asyncio
import json
import sys

import pytest
import yaml

from moorage import clock
from moorage.service.run import serving
from moorage.service.settings import Settings


async def test_nodes_of_a_dump_as_a_table_of_80_columns(moorage, dump) -> None:
    ended = await moorage("nodes", "--from", "-", stdin=dump)

    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines] == ["NODE", "big", "gpu", "small"]
    assert all(len(line) <= 80 for line in lines)
    assert "7/8" in ended.out
    assert "1/2" in ended.out
    assert "cordoned" in ended.out


async def test_cards_have_a_row_each_and_their_notes_below(moorage, dump) -> None:
    ended = await moorage("nodes", "--cards", "--from", "-", stdin=dump)

    assert ended.status == 0
    cards = json.loads((await moorage("nodes", "--from", "-", "-o", "json", stdin=dump)).out)
    models = [card["model"] for node in cards for card in node["gpu_details"]]
    assert models
    assert all(model.split()[0] in ended.out for model in models)
    assert "unknown" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


async def test_a_card_says_who_holds_it(moorage, node, pod) -> None:
    objects = [node("n", gpu=1), pod("p", on="n", cpu="1", gpu=1)]

    ended = await moorage("nodes", "--cards", "--from", "-", stdin=json.dumps({"kind": "List", "items": objects}))

    assert "held by default/p" in " ".join(ended.out.split())


async def test_a_pool_of_the_network_is_listed_once_and_what_is_unknown_is_no_zero(moorage, node) -> None:
    group = {"apiVersion": "resource.k8s.io/v1"}
    devices = [{"name": f"gpu-{n}", "attributes": {"productName": {"string": "NVIDIA L40S"}}} for n in range(2)]
    spec = {"driver": "gpu.example.com", "pool": {"name": "fabric", "resourceSliceCount": 1}, "allNodes": True}
    odd = {
        "selectors": [{"cel": {"expression": "device.driver.matches('x')"}}],
        "extendedResourceName": "nvidia.com/gpu",
    }
    objects = [
        node("n1"),
        node("n2"),
        {**group, "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": {**spec, "devices": devices}},
        {**group, "kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": odd},
    ]
    dump = json.dumps({"kind": "List", "items": objects})

    cards = await moorage("nodes", "--cards", "--from", "-", stdin=dump)
    table = await moorage("nodes", "--from", "-", stdin=dump)

    said = " ".join(cards.out.split())
    pool = "Network pool fabric (gpu.example.com): 2 x NVIDIA L40S, 2 of 2 free, reached by 2 nodes"
    assert said.count(pool) == 1
    assert said.count("NVIDIA L40S") == 1
    assert "n1: nvidia.com/gpu: only the scheduler can tell the devices of the class gpu" in said
    assert table.out.count("?/?") == 2


async def test_cards_of_two_makers_on_a_node_are_counted_apart(moorage, node, pod) -> None:
    both = node("both", gpu=2)
    for block in ("capacity", "allocatable"):
        both["status"][block]["amd.com/gpu"] = "4"
    objects = [both, node("one", gpu=1), pod("p", on="both", gpu=1)]

    ended = await moorage("nodes", "--from", "-", stdin=json.dumps({"kind": "List", "items": objects}))

    assert "4/4 AMD" in ended.out
    assert "1/2 NVIDIA" in ended.out
    assert "1/1 NVIDIA" not in ended.out
    assert "�" not in ended.out


async def test_nodes_as_json_and_yaml_are_the_same(moorage, dump) -> None:
    as_json = await moorage("nodes", "--from", "-", "-o", "json", stdin=dump)
    as_yaml = await moorage("nodes", "--from", "-", "-o", "yaml", stdin=dump)

    assert as_json.json() == yaml.safe_load(as_yaml.out)
    assert as_json.json()[1]["available"]["gpu"] == 1


async def test_a_dump_may_be_lists_by_kind_or_yaml(moorage, dump, tmp_path) -> None:
    objects = json.loads(dump)["items"]
    lists = []
    for kind in ("Node", "Pod"):
        items = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in objects if o["kind"] == kind]
        lists.append({"kind": f"{kind}List", "apiVersion": "v1", "items": items})
    forms = {
        "one after the other": "\n".join(json.dumps(part, indent=1) for part in lists),
        "yaml": yaml.safe_dump_all(lists),
        "array": json.dumps(lists),
    }
    wanted = (await moorage("nodes", "--from", "-", "-o", "json", stdin=dump)).json()

    for name, text in forms.items():
        path = tmp_path / "dump"
        path.write_text(text)
        assert (await moorage("nodes", "--from", str(path), "-o", "json")).json() == wanted, name


async def test_several_dumps_are_one_cluster_and_the_last_word_on_an_object_counts(
    moorage, node, pod, tmp_path
) -> None:
    nodes, pods = tmp_path / "nodes.json", tmp_path / "pods.json"
    nodes.write_text(json.dumps([node("n1", cpu="4"), node("n2", cpu="4")]))
    pods.write_text(json.dumps([pod("p", on="n1", cpu="1"), node("n2", cpu="8")]))

    both = await moorage("nodes", "-o", "json", "--from", str(nodes), "--from", "-", stdin=pods.read_text())
    fit = await moorage("fit", "--cpu", "6", "-o", "json", "--from", str(nodes), "--from", str(pods))

    assert [(told["name"], told["available"]["cpu"]) for told in both.json()] == [("n1", 3), ("n2", 8)]
    assert both.err == f"moorage: Node n2 is in {nodes} and in standard input, and not the same: the last one counts\n"
    assert [name for name, verdict in fit.json()["nodes"].items() if verdict["fits"]] == ["n2"]


async def test_an_unreadable_object_is_named_and_hides_no_other(moorage, dump, pod) -> None:
    objects = json.loads(dump)
    objects["items"].append(pod("bad", on="big", cpu="lots"))

    ended = await moorage("nodes", "--from", "-", "-o", "json", stdin=json.dumps(objects))

    assert ended.status == 0
    assert "bad" in ended.err
    assert len(ended.json()) == 3
    assert ended.json()[0]["unreadable_pods"] == 1


async def test_fit_tells_by_its_exit_status(moorage, dump) -> None:
    fits = await moorage("fit", "--cpu", "4", "--from", "-", stdin=dump)
    nowhere = await moorage("fit", "--gpu", "2", "--from", "-", stdin=dump)

    assert (fits.status, nowhere.status) == (0, 1)
    assert "Fits on 2 of 3 nodes." in fits.out
    assert "Does not fit on any node (3 checked)." in nowhere.out
    assert "The most that fits now, on gpu: 1 GPU." in nowhere.out
    assert "Held on gpu by default/p (1 GPU)" in nowhere.out
    assert all(len(line) <= 80 for line in (fits.out + nowhere.out).splitlines())


async def test_a_place_after_an_eviction_is_a_place(moorage, node, pod) -> None:
    keeps_room = pod("keeps-room", on="n1", cpu="4", priority=-10, labels={"component": "user-placeholder"})
    dump = json.dumps({"kind": "List", "items": [node("n1", cpu="4", memory="8Gi"), keeps_room]})

    ended = await moorage("fit", "--cpu", "2", "--from", "-", stdin=dump)

    assert ended.status == 0
    assert "Fits after an eviction. Placeholders make room at once on n1." in ended.out
    assert "evicts 1" in ended.out
    assert "What would work" not in ended.out


CARDS = {
    "kind": "ResourceSlice",
    "metadata": {"name": "cards"},
    "spec": {
        "driver": "gpu.nvidia.com",
        "nodeName": "n1",
        "pool": {"name": "n1", "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "gpu-0", "attributes": {"type": {"string": "gpu"}, "productName": {"string": "T4"}}}],
    },
}
CLASS = {"kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "nvidia.com/gpu"}}


async def test_devices_of_a_driver_in_a_dump_are_counted_and_decide(moorage, node) -> None:
    dump = json.dumps({"kind": "List", "items": [node("n1"), node("n2"), CARDS, CLASS]})

    shown = await moorage("nodes", "--from", "-", stdin=dump)
    one = await moorage("fit", "--gpu", "1", "--from", "-", stdin=dump)
    two = await moorage("fit", "--gpu", "2", "--from", "-", stdin=dump)

    assert "1/1  T4" in shown.out
    assert (one.status, two.status) == (0, 1)
    assert "has no GPU (1 asked)" in one.out
    assert "Does not fit on any node (2 checked)." in two.out
    assert "\nThe most that fits now, on n1: 1 GPU." in two.out


async def test_a_cluster_is_shown_with_the_devices_that_it_tells_of_last(moorage, simulator, node, tmp_path) -> None:
    api = {"apiVersion": "resource.k8s.io/v1"}
    simulator.add(node("n1"), api | CARDS, api | CLASS)
    simulator.faults.delay(0.3, path="/apis/resource.k8s.io/v1/resourceslices")
    simulator.kubeconfig(tmp_path / "kubeconfig")

    shown = await moorage("nodes", "--kubeconfig", str(tmp_path / "kubeconfig"))

    assert "1/1  T4" in shown.out


async def test_a_node_that_the_cluster_does_not_have_is_named(moorage, dump) -> None:
    ended = await moorage("fit", "--cpu", "1", "--node", "typo", "--from", "-", stdin=dump)

    assert ended.status == 1
    assert "The cluster has no node named typo." in ended.out


async def test_fit_of_a_pod_from_a_file(moorage, dump, pod, tmp_path) -> None:
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod("q", cpu="12")))

    ended = await moorage("fit", "--pod", str(tmp_path / "pod.yaml"), "--from", "-", "-o", "json", stdin=dump)

    assert ended.status == 0
    assert [name for name, verdict in ended.json()["nodes"].items() if verdict["fits"]] == ["big"]


async def test_a_cluster_by_kubeconfig(moorage, simulator, node, tmp_path) -> None:
    simulator.add(node("a", cpu="4"), node("b", cpu="8"))
    simulator.kubeconfig(tmp_path / "kubeconfig")

    named = await moorage("nodes", "-o", "json", "--kubeconfig", str(tmp_path / "kubeconfig"))
    usual = await moorage("fit", "--cpu", "6", "-o", "json", env={"KUBECONFIG": str(tmp_path / "kubeconfig")})

    assert [found["name"] for found in named.json()] == ["a", "b"]
    assert [name for name, verdict in usual.json()["nodes"].items() if verdict["fits"]] == ["b"]


async def test_a_service_answers_the_same(moorage, simulator, node) -> None:
    simulator.add(node("a", cpu="4"), node("b", cpu="8"))
    async with serving(Settings(port=0, api_server=simulator.url, images=["quay.io/x/lab:1"])) as (url, parts):
        async with asyncio.timeout(10):
            while parts.live.snapshot is None or len(parts.live.snapshot.nodes) < 2:
                await asyncio.sleep(0.02)

        nodes = await moorage("nodes", "-o", "json", "--server", url)
        fit = await moorage("fit", "--cpu", "6", "-o", "json", env={"MOORAGE_SERVER": url})
        images = await moorage("images", "--server", url)

    assert [found["name"] for found in nodes.json()] == ["a", "b"]
    assert (fit.status, fit.json()["nodes"]["b"]["fits"]) == (0, True)
    assert "quay.io/x/lab:1 *" in images.out


async def test_images_by_environment(moorage, dump) -> None:
    ended = await moorage(
        "images", "-o", "json", "--from", "-", stdin=dump, env={"MOORAGE_IMAGES": '["quay.io/x/lab:1"]'}
    )

    assert [image["reference"] for image in ended.json()] == ["quay.io/x/lab:1"]


async def watched(*source: str):
    """`moorage nodes --watch` as a process."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "moorage.cli", "nodes", "--watch", *source),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def until_shown(process, text: bytes) -> None:
    async with asyncio.timeout(30):
        while text not in await process.stdout.readline():
            assert not process.stdout.at_eof()


async def test_watch_of_a_cluster_shows_each_change(simulator, node, pod, tmp_path) -> None:
    simulator.add(node("a", cpu="4"))
    simulator.kubeconfig(tmp_path / "kubeconfig")
    process = await watched("--kubeconfig", str(tmp_path / "kubeconfig"))
    try:
        await until_shown(process, b"4/4")
        simulator.add(pod("p", on="a", cpu="1"))
        await until_shown(process, b"3/4")
    finally:
        process.kill()
        await process.communicate()


async def test_watch_of_a_service_shows_each_change(simulator, node, pod) -> None:
    simulator.add(node("a", cpu="4"))
    async with serving(Settings(port=0, api_server=simulator.url)) as (url, parts):
        async with asyncio.timeout(10):
            while parts.live.snapshot is None:
                await asyncio.sleep(0.02)
        process = await watched("--server", url)
        try:
            await until_shown(process, b"4/4")
            simulator.add(pod("p", on="a", cpu="1"))
            await until_shown(process, b"3/4")
        finally:
            process.kill()
            await process.communicate()


async def until_said(process, text: bytes) -> None:
    async with asyncio.timeout(20):
        while text not in await process.stderr.readline():
            assert not process.stderr.at_eof()


async def test_watch_goes_on_when_the_service_comes_back(simulator, node, pod) -> None:
    simulator.add(node("a", cpu="4"))
    async with serving(Settings(port=0, api_server=simulator.url)) as (url, _):
        port = int(url.rpartition(":")[2])
        process = await watched("--server", url)
        await until_shown(process, b"4/4")
    try:
        await until_said(process, b"this output may be out of date")
        async with serving(Settings(port=port, api_server=simulator.url)):
            await until_said(process, b"up to date again")
            simulator.add(pod("p", on="a", cpu="1"))
            await until_shown(process, b"3/4")
    finally:
        process.kill()
        await process.communicate()


async def test_watch_says_when_the_api_server_is_away(simulator, node, tmp_path) -> None:
    simulator.add(node("a", cpu="4"))
    simulator.kubeconfig(tmp_path / "kubeconfig")
    process = await watched("--kubeconfig", str(tmp_path / "kubeconfig"))
    try:
        await until_shown(process, b"4/4")
        simulator.faults.half_open()
        await until_said(process, b"this output may be out of date")
    finally:
        process.kill()
        await process.communicate()


BAD = [
    ((), 2),
    (("nonsense",), 2),
    (("nodes", "--nonsense"), 2),
    (("nodes", "-o", "xml"), 2),
    (("nodes", "--from", "/does/not/exist"), 2),
    (("nodes", "--server", "http://127.0.0.1:1"), 2),
    (("nodes", "--server", "nonsense"), 2),
    (("nodes", "--kubeconfig", "/does/not/exist"), 2),
    (("nodes", "--server", "http://127.0.0.1:1", "--from", "-"), 2),
    (("nodes", "--watch", "--from", "-"), 2),
    (("nodes",), 2),
    (("nodes", "--from", "-", "--from", "-"), 2),
    (("nodes", "--from", "-", "--from", "/does/not/exist"), 2),
    (("fit", "--from", "-"), 2),
    (("fit", "--cpu", "four", "--from", "-"), 2),
    (("fit", "--gpu", "-1", "--from", "-"), 2),
    (("fit", "--gpu", "1", "--gpu-resource", "cpu", "--from", "-"), 2),
    (("fit", "--pod", "-", "--from", "-"), 2),
    (("fit", "--pod", "/does/not/exist", "--from", "-"), 2),
    (("serve", "--host", "0.0.0.0"), 2),
    (("serve", "--port", "99999"), 2),
    (("serve", "--kubeconfig", "/does/not/exist", "--port", "0"), 2),
    (("serve", "--token-file", "/does/not/exist", "--port", "0"), 2),
    (("serve", "--images-file", "/does/not/exist", "--port", "0"), 2),
]


async def test_what_goes_wrong_is_one_sentence_and_status_2(moorage, dump) -> None:
    for arguments, status in BAD[1:]:
        ended = await moorage(*arguments, stdin=dump)

        assert ended.status == status, (arguments, ended)
        assert len(ended.err.strip().splitlines()) == 1, (arguments, ended.err)
        assert ended.err.startswith("moorage: "), (arguments, ended.err)
        assert ended.out == "", (arguments, ended.out)


async def test_garbage_for_a_dump_is_one_sentence(moorage) -> None:
    for text in ("", "nonsense", "{", "[]", "null", "\x00", '{"kind": "List", "items": []}', "a: [", "[" * 5000):
        ended = await moorage("nodes", "--from", "-", stdin=text)

        assert ended.status == 2, (text, ended)
        assert len(ended.err.strip().splitlines()) == 1, (text, ended.err)


async def test_escape_sequences_never_reach_the_terminal(moorage, dump) -> None:
    evil = dump.replace('"big"', '"big\\u001b[31m\\u202e"')

    table = await moorage("nodes", "--from", "-", stdin=evil)

    assert "big" in table.out
    assert "\x1b" not in table.out
    assert "\u202e" not in table.out


async def test_help_names_every_command_and_setting(moorage) -> None:
    general = await moorage("--help")
    serve = await moorage("serve", "--help")

    for command in ("nodes", "fit", "images", "serve", "simulate", "demo"):
        assert command in general.out
    text = "".join(serve.out.split())
    for name in Settings.model_fields:
        if name not in ("registry_password", "hub_api_token"):  # on a command line others would read them
            assert f"--{name.replace('_', '-')}" in text, name
            assert f"[MOORAGE_{name.upper()}]" in text, name


async def test_quotas_of_a_dump_count(moorage, dump) -> None:
    objects = json.loads(dump)
    hard = {"requests.cpu": "2"}
    objects["items"].append(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "lab", "namespace": "lab"},
            "spec": {"hard": hard},
            "status": {"hard": hard, "used": {"requests.cpu": "1"}},
        }
    )

    ended = await moorage("fit", "--cpu", "4", "--namespace", "lab", "--from", "-", stdin=json.dumps(objects))

    assert ended.status == 1
    assert "The API server would reject it" in ended.out


async def test_what_a_dump_does_not_hold_is_undecided_where_the_pod_depends_on_it(moorage, dump, pod, tmp_path) -> None:
    objects = json.loads(dump)
    meta = {"name": "home", "namespace": "default", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    objects["items"] += [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {"volumeName": "v"}},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {}},
    ]
    plain, mounting, claiming = pod("a", gpu=1), pod("b"), pod("c")
    mounting["spec"]["volumes"] = [{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]
    claiming["spec"]["resourceClaims"] = [{"name": "gpu", "resourceClaimName": "mine"}]

    told = []
    for asking in (plain, mounting, claiming):
        (tmp_path / "pod.json").write_text(json.dumps(asking))
        words = ("fit", "--pod", str(tmp_path / "pod.json"), "--from", "-", "-o", "json")
        answer = (await moorage(*words, stdin=json.dumps(objects))).json()
        assert answer["fits"]
        told.append(answer["undecided"])

    assert told == [
        [],
        [
            "The pod's volumes were not fully checked: csidrivers, csistoragecapacities, volumeattachments can't be read."
        ],
        ["The devices that the pod claims were not checked: resourceclaims, resourceslices can't be read."],
    ]


async def test_the_newest_kubelet_of_a_dump_tells_whose_rules_count(moorage, node, pod) -> None:
    resized = pod("p", on="n", cpu="1")
    states = [{"name": "main", "resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "3"}}]
    resized["status"] |= {"resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "2"}}
    resized["status"]["containerStatuses"] = states
    resized["spec"]["containers"][0]["name"] = "main"

    counted = []
    for kubelet in ("v1.36.3", "v1.37.0-rc.0+vendor"):
        machine = node("n", cpu="8")
        machine["status"]["nodeInfo"] = {"kubeletVersion": kubelet}
        dump = json.dumps({"kind": "List", "items": [machine, resized]})
        [told] = (await moorage("nodes", "--from", "-", "-o", "json", stdin=dump)).json()
        counted.append(told["allocated"]["cpu"])

    assert counted == [3, 2]


def workload(kind: str, spec: dict, **metadata) -> dict:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "w", "namespace": "lab", **metadata},
        "spec": spec,
    }


async def test_fit_asks_for_the_pod_of_whatever_makes_pods(moorage, dump, pod, tmp_path) -> None:
    plain = pod("x", cpu="12", labels={"app": "w"})
    template = {"metadata": {"labels": {"app": "w"}}, "spec": plain["spec"]}
    makers = [
        *(
            workload(kind, {"template": template, "replicas": 3})
            for kind in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout")
        ),
        workload("DaemonSet", {"template": template}),
        workload("Job", {"template": template, "parallelism": 3}),
        workload("CronJob", {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}),
        {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"name": "w", "namespace": "lab"},
            "template": template,
        },
    ]

    for maker in makers:
        (tmp_path / "file").write_text(yaml.safe_dump(maker))
        ended = await moorage("fit", "--pod", str(tmp_path / "file"), "--from", "-", "-o", "json", stdin=dump)

        answer = ended.json()
        assert ended.status == 0, (maker["kind"], ended)
        assert [name for name, verdict in answer["nodes"].items() if verdict["fits"]] == ["big"]
        assert (answer["asked"]["kind"], answer["asked"]["namespace"], answer["asked"]["name"]) == (
            maker["kind"],
            "lab",
            "w",
        )
        assert ("creates 3" in str(answer["asked"]["notes"])) == ("3" in str(maker.get("spec", "")).replace("32", ""))


async def test_the_pods_of_a_daemon_set_run_on_cordoned_nodes(moorage, dump, pod, tmp_path) -> None:
    (tmp_path / "file").write_text(json.dumps(workload("DaemonSet", {"template": {"spec": pod("x", cpu="1")["spec"]}})))

    ended = await moorage("fit", "--pod", str(tmp_path / "file"), "--from", "-", stdin=dump)

    assert "3 of 3" in ended.out


async def test_each_pod_of_a_file_is_asked_and_one_without_a_place_is_told_by_the_exit_status(
    moorage, dump, pod, tmp_path
) -> None:
    small, large, cards = pod("small", cpu="1"), pod("large", cpu="12"), pod("cards", gpu=2)
    maker = workload("Deployment", {"template": {"spec": large["spec"]}})
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    (tmp_path / "fits.yaml").write_text(yaml.safe_dump_all([small, service, maker]))
    (tmp_path / "one-not.json").write_text(json.dumps({"kind": "List", "items": [small, cards, large]}))

    fits = await moorage("fit", "--pod", str(tmp_path / "fits.yaml"), "--from", "-", stdin=dump)
    one_not = await moorage("fit", "--pod", str(tmp_path / "one-not.json"), "--from", "-", "-o", "json", stdin=dump)

    assert (fits.status, one_not.status) == (0, 1)
    assert [line for line in fits.out.splitlines() if line.startswith(("Pod ", "Deployment "))] == [
        "Pod default/small",
        "Deployment lab/w",
    ]
    assert "Service web" in fits.err
    assert [(answer["asked"]["name"], answer["fits"]) for answer in one_not.json()] == [
        ("small", True),
        ("cards", False),
        ("large", True),
    ]


async def test_a_pod_that_cannot_be_read_hides_no_other(moorage, dump, pod, tmp_path) -> None:
    (tmp_path / "file").write_text(json.dumps([pod("bad", cpu="lots"), pod("good", cpu="1")]))

    ended = await moorage("fit", "--pod", str(tmp_path / "file"), "--from", "-", stdin=dump)

    assert ended.status == 2
    assert "'lots'" in ended.err
    assert "Pod default/good" in ended.out


async def test_claims_beside_a_pod_are_created_before_it(moorage, dump, pod, tmp_path) -> None:
    home = [{"name": "v", "persistentVolumeClaim": {"claimName": "home"}}]
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "home"}, "spec": {"storageClassName": "gone"}}
    objects = [claim, pod("mine", volumes=home), pod("theirs", namespace="lab", volumes=home)]
    (tmp_path / "file").write_text(yaml.safe_dump_all(objects))

    ended = await moorage("fit", "--pod", str(tmp_path / "file"), "--from", "-", "-o", "json", stdin=dump)

    said = [answer["prefilter"]["reasons"][0]["message"] for answer in ended.json()]
    assert said == ['storageclass.storage.k8s.io "gone" not found', 'persistentvolumeclaim "home" not found']


async def test_a_file_without_pods_is_one_sentence(moorage, dump, tmp_path) -> None:
    for body in ({"kind": "Service", "metadata": {"name": "web"}}, workload("Notebook", {"containers": []}), ["pod"]):
        (tmp_path / "file").write_text(json.dumps(body))

        ended = await moorage("fit", "--pod", str(tmp_path / "file"), "--from", "-", stdin=dump)

        assert (ended.status, ended.out) == (2, "")
        assert "there is no pod in" in ended.err


async def test_a_pod_that_runs_is_asked_as_if_it_were_new(moorage, simulator, node, pod, tmp_path) -> None:
    simulator.add(node("n1", cpu="4"), node("n2", cpu="1"), pod("p", on="n1", cpu="3"), pod("q", on="n2", cpu="1"))
    running = simulator.get("pods", "default", "p")
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(running))
    simulator.kubeconfig(tmp_path / "kubeconfig")
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps(simulator.list("nodes") + simulator.list("pods")))

    async with serving(Settings(port=0, api_server=simulator.url)) as (url, parts):
        async with asyncio.timeout(10):
            while parts.live.snapshot is None or len(parts.live.cluster.pods) < 2:
                await asyncio.sleep(0.02)
        for source in (("--from", str(dump)), ("--kubeconfig", str(tmp_path / "kubeconfig")), ("--server", url)):
            ended = await moorage("fit", "--pod", str(tmp_path / "pod.yaml"), "-o", "json", *source)
            shown = await moorage("fit", "--pod", str(tmp_path / "pod.yaml"), *source)

            answer = ended.json()
            assert ended.status == 0, source
            assert {name: verdict["fits"] for name, verdict in answer["nodes"].items()} == {"n1": True, "n2": False}
            assert answer["nodes"]["n2"]["reasons"][0]["short_by"]["free"] == 0
            assert "It already runs on n1. Checked as if it were new" in shown.out
        assert parts.live.cluster.nodes["n1"].requested.cpu_milli == 3000


async def test_a_refused_amount_is_quoted(moorage, dump, pod, tmp_path) -> None:
    (tmp_path / "pod.json").write_text(json.dumps(pod("p", cpu="lots")))
    refused = {
        "four": ("--cpu", "four"),
        "-1": ("--cpu", "-1"),
        "16 GBs": ("--memory", "16 GBs"),
        "1e400000000000000000000": ("--memory", "1e400000000000000000000"),
        "1,5": ("--gpu", "1,5"),
        "gpu!": ("--gpu", "1", "--gpu-resource", "gpu!"),
        "lots": ("--pod", str(tmp_path / "pod.json")),
    }

    for amount, words in refused.items():
        ended = await moorage("fit", *words, "--from", "-", stdin=dump)

        assert ended.status == 2
        assert f"“{amount}”" in ended.err or f"'{amount}'" in ended.err, ended.err


async def test_a_node_whose_driver_starts_is_no_node_without_gpu(moorage, node) -> None:
    starting = node("n1", labels={"nvidia.com/gpu.present": "true"})
    starting["status"]["conditions"][0]["lastTransitionTime"] = f"{clock.moment():%Y-%m-%dT%H:%M:%SZ}"
    dump = json.dumps({"kind": "List", "items": [starting]})

    nodes = await moorage("nodes", "--from", "-", stdin=dump)
    fit = await moorage("fit", "--gpu", "1", "--from", "-", stdin=dump)

    assert "0/?" in nodes.out
    assert "GPU driver is starting" in " ".join(nodes.out.split())
    assert "GPU driver is starting (1 asked)" in " ".join(fit.out.split())


async def test_a_dump_with_karpenters_objects_tells_what_it_may_add(moorage, node) -> None:
    def of(group: str, kind: str, name: str, **more: object) -> dict[str, object]:
        return {
            "apiVersion": f"{group}/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": more.pop("labels", {})},
        } | more

    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    labels = {"karpenter.sh/nodepool": "large", "node.kubernetes.io/instance-type": "m5.4xlarge"}
    amounts = {"cpu": "16", "memory": "60Gi", "pods": "110"}
    there = [{"type": "Initialized", "status": "True"}]
    objects = [
        node("n1", cpu="4", memory="8Gi"),
        of("karpenter.sh", "NodePool", "large", spec={"limits": {"cpu": "40"}}, status=ready),
        of(
            "karpenter.sh",
            "NodeClaim",
            "large-1",
            labels=labels,
            status={"allocatable": amounts, "capacity": amounts, "conditions": there},
        ),
        of("other.example", "NodePool", "theirs", status=ready),
    ]

    fit = await moorage("fit", "--cpu", "16", "--from", "-", stdin=json.dumps({"kind": "List", "items": objects}))

    told = " ".join(fit.out.split())
    assert (
        "Would fit on a new machine. There is no room now. A machine of pool large (m5.4xlarge) can be added; " in told
    )
    assert "theirs" not in told


async def test_machines_that_may_come_are_listed_below_the_nodes_and_tried(moorage, node, tmp_path) -> None:
    file = tmp_path / "machines.yaml"
    file.write_text("- {pool: large, kind: m5.4xlarge, allocatable: {cpu: 16, memory: 60Gi}, most: 2}\n")
    dump = json.dumps({"kind": "List", "items": [node("n1", cpu="4", memory="8Gi")]})
    env = {"MOORAGE_MACHINES_FILE": str(file)}

    nodes = await moorage("nodes", "--from", "-", stdin=dump, env=env)
    fit = await moorage("fit", "--cpu", "8", "--from", "-", stdin=dump, env=env)
    never = await moorage("fit", "--cpu", "32", "--from", "-", stdin=dump, env=env)

    assert "large (m5.4xlarge)" in nodes.out
    assert "can be added" in " ".join(nodes.out.split())
    assert fit.status == 1
    assert "Would fit on a new machine. There is no room now. A machine of pool large (m5.4xlarge) can be added; " in (
        " ".join(fit.out.split())
    )
    assert "large (m5.4xlarge): fits; can be added" in " ".join(fit.out.split())
    assert "large (m5.4xlarge): does not fit: " in " ".join(never.out.split())


@pytest.mark.parametrize(
    ("typed", "meant"), [("nods", "Did you mean “nodes”?"), ("quux", "“moorage --help” lists them.")]
)
async def test_a_command_that_does_not_exist_leads_to_one_that_does(moorage, typed, meant) -> None:
    ended = await moorage(typed)

    assert ended.status == 2
    assert ended.err == f"moorage: There is no command “{typed}”. {meant}\n"

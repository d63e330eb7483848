"""`POST /api/v1/cluster/fit`."""

import asyncio

import pytest

from moorage.service.http.schemas import FitAnswer

FIT = "/api/v1/cluster/fit"


@pytest.fixture
async def unlike(service, simulator, node, pod):
    """A cluster of unlike nodes."""
    simulator.add(
        node("big", cpu="16", memory="64Gi"),
        node("gpu", cpu="8", memory="32Gi", gpu=2),
        node("small", cpu="2", memory="4Gi"),
        pod("p", on="gpu", cpu="1", memory="1Gi", gpu=1),
    )
    await service.until(lambda nodes: len(nodes) == 3 and nodes["gpu"]["allocated"]["gpu"] == 1)
    return service


async def ask(service, **wish):
    answer = await service.client.post(FIT, json={"ask": wish})
    assert answer.status_code == 200, answer.text
    FitAnswer.model_validate(answer.json())
    return answer.json()


async def test_an_ask_is_answered_for_each_node(unlike) -> None:
    answer = await ask(unlike, cpu="4", memory="8Gi")

    assert answer["fits"]
    assert {name: verdict["fits"] for name, verdict in answer["nodes"].items()} == {
        "big": True,
        "gpu": True,
        "small": False,
    }
    refused = answer["nodes"]["small"]
    assert refused["plugin"] == "NodeResourcesFit"
    assert [reason["message"] for reason in refused["reasons"]] == ["Insufficient cpu", "Insufficient memory"]
    assert all(reason["text"] for reason in refused["reasons"])


async def test_a_shortage_is_told_in_numbers(unlike) -> None:
    answer = await ask(unlike, gpu=2, node="gpu")

    [reason] = answer["nodes"]["gpu"]["reasons"]
    assert reason["message"] == "Insufficient nvidia.com/gpu"
    assert reason["short_by"]["short_by"] == 1
    assert not answer["fits"]


async def test_a_named_node_is_the_only_one_that_may_fit(unlike) -> None:
    answer = await ask(unlike, cpu="1", node="small")

    assert [name for name, verdict in answer["nodes"].items() if verdict["fits"]] == ["small"]


async def test_an_unknown_node_fits_nowhere(unlike) -> None:
    answer = await ask(unlike, cpu="1", node="gone")

    assert not answer["fits"]


async def test_the_very_pod_is_answered(unlike, pod) -> None:
    body = pod("q", cpu="12", memory="1Gi")

    answer = (await unlike.client.post(FIT, json={"pod": body})).json()

    assert [name for name, verdict in answer["nodes"].items() if verdict["fits"]] == ["big"]


async def test_a_gated_pod_is_refused_everywhere_at_once(unlike, pod) -> None:
    body = pod("q", cpu="1")
    body["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]

    answer = (await unlike.client.post(FIT, json={"pod": body})).json()

    assert not answer["fits"]
    assert answer["prefilter"]["plugin"] == "SchedulingGates"
    assert answer["prefilter"]["reasons"]


async def test_the_gpu_resource_is_the_one_that_the_cluster_has(service, simulator, node) -> None:
    simulator.add(node("a", extended={"amd.com/gpu": 4}))
    await service.until(lambda nodes: nodes.get("a", {}).get("capacity", {}).get("gpu") == 4)

    answer = await ask(service, gpu=3)

    assert answer["fits"]


BAD_ASKS = [
    {"cpu": "four"},
    {"cpu": "-1"},
    {"cpu": True},
    {"cpu": {}},
    {"cpu": "9" * 1000},
    {"memory": "16GiB"},
    {"memory": 1.5},
    {"gpu": -1},
    {"gpu": 1.5},
    {"gpu": "1"},
    {"gpu": 10**40},
    {"gpu": 1, "gpu_resource": "cpu"},
    {"gpu": 1, "gpu_resource": "no name"},
    {"node": 5},
    {"node": "x" * 300},
    {"node_selector": {"a": 1}},
    {"node_selector": ["a"]},
    {"tolerations": {"key": "a"}},
    {"tolerations": ["a"]},
    {"tolerations": [{"key": 1}]},
    {"gpus": 1},
]


async def test_an_ask_that_no_pod_could_make_is_refused_in_a_sentence(unlike) -> None:
    for wish in BAD_ASKS:
        answer = await unlike.client.post(FIT, json={"ask": wish})

        assert answer.status_code == 422, (wish, answer.text)
        assert answer.json()["error"]["message"]


NESTED: list = []
for _ in range(900):
    NESTED = [NESTED]

BAD_PODS = [
    {},
    {"spec": None},
    {"spec": []},
    {"spec": {"containers": None}},
    {"spec": {"containers": [None]}},
    {"spec": {"containers": "x"}},
    {"spec": {"containers": [{"resources": {"requests": {"cpu": "lots"}}}]}},
    {"spec": {"containers": [{"resources": {"requests": {"cpu": []}}}]}},
    {"spec": {"containers": [{"resources": {"requests": {"cpu": {"a": "b"}}}}]}},
    {"kind": "Deployment", "spec": {"template": {}}},
    {"kind": ["Pod"], "spec": {"containers": []}},
    {"metadata": 5, "spec": {"containers": []}},
    {"metadata": {"namespace": ["a"]}, "spec": {"containers": []}},
    {"spec": {"containers": [], "unknown": NESTED}},
    {"metadata": {"labels": {"a": 1}}, "spec": {"containers": []}},
    {"spec": {"containers": [], "nodeSelector": 5}},
    {"spec": {"containers": [], "affinity": {"nodeAffinity": "x"}}},
    {"spec": {"containers": [], "tolerations": [{"operator": 5}]}},
]


async def test_a_pod_that_cannot_be_read_is_refused_in_a_sentence(unlike) -> None:
    for body in BAD_PODS:
        answer = await unlike.client.post(FIT, json={"pod": body})

        assert answer.status_code in (200, 400, 422), (body, answer.text)
        if answer.status_code != 200:
            assert answer.json()["error"]["message"], body


async def test_numbers_of_any_size_are_refused_in_a_sentence(unlike) -> None:
    for digits in (20, 400, 5000):
        answer = await unlike.client.post(FIT, content='{"ask": {"cpu": %s}}' % ("9" * digits))

        assert answer.status_code in (400, 422), (digits, answer.text)


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
COSTLY_SPECS = [
    {"containers": [{"name": "c", "resources": {"requests": {f"a.b/r{i}": "1" for i in range(100)}}}]},
    {"affinity": {"podAntiAffinity": {REQUIRED: [{"topologyKey": "a"}] * 100}}},
    {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": []}] * 1000}}}},
    {"tolerations": [{"key": "a"}] * 1000},
    {"volumes": [{"name": "v"}] * 1000},
    {"containers": [{"name": "c", "ports": [{"hostPort": 1}] * 1000}]},
    {"nodeSelector": {f"a{i}": "b" for i in range(1000)}},
    {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "a"}] * 100},
]


async def test_a_pod_that_asks_too_much_of_the_service_is_refused(unlike) -> None:
    for spec in COSTLY_SPECS:
        answer = await unlike.client.post(FIT, json={"pod": {"spec": {"containers": [{"name": "c"}], **spec}}})

        assert answer.status_code == 422, spec.keys()
        assert answer.json()["error"]["code"] == "too_many"


async def test_a_pod_and_an_ask_at_once_are_refused(unlike, pod) -> None:
    both = await unlike.client.post(FIT, json={"pod": pod("q"), "ask": {"cpu": "1"}})
    neither = await unlike.client.post(FIT, json={})

    assert (both.status_code, neither.status_code) == (422, 422)


async def test_the_revision_is_the_one_that_was_judged_however_long_the_rules_take(
    unlike, simulator, node, monkeypatch
) -> None:
    rules_for, live = unlike.parts.rulebook.rules_for, unlike.parts.live
    before = live.snapshot

    async def slow(pod):
        simulator.add(node("late"))
        while live.snapshot is before:
            await asyncio.sleep(0.01)
        return await rules_for(pod)

    monkeypatch.setattr(unlike.parts.rulebook, "rules_for", slow)
    async with asyncio.timeout(10):
        answer = (await unlike.client.post("/api/v1/cluster/fit", json={"ask": {"cpu": "1"}})).json()

    assert "late" in answer["nodes"]
    assert answer["revision"] == live.snapshot.revision


async def test_before_the_first_list_it_says_so(serve) -> None:
    service = await serve(api_server="http://127.0.0.1:1")

    answer = await service.client.post(FIT, json={"ask": {"cpu": "1"}})

    assert answer.status_code == 503


def limits_only(pod, **limits):
    body = pod("q")
    body["spec"]["containers"][0]["resources"] = {"limits": limits}
    return body


async def test_requests_that_only_limits_name_count(unlike, pod) -> None:
    answer = (await unlike.client.post(FIT, json={"pod": limits_only(pod, cpu="12")})).json()

    assert [name for name, verdict in answer["nodes"].items() if verdict["fits"]] == ["big"]


def quota(namespace: str, **hard: str):
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "lab", "namespace": namespace},
        "spec": {"hard": hard},
        "status": {"hard": hard, "used": dict.fromkeys(hard, "0")},
    }


async def test_a_quota_that_would_be_broken_is_told_before_the_start(serve, simulator, node) -> None:
    simulator.add(node("big", cpu="16"), quota("lab", **{"requests.cpu": "2"}))
    service = await serve(api_server=simulator.url, quota_namespaces="lab")
    await service.ready()

    refused = await ask(service, cpu="4", namespace="lab")
    allowed = await ask(service, cpu="2", namespace="lab")
    elsewhere = await ask(service, cpu="4", namespace="other")

    assert (refused["fits"], allowed["fits"], elsewhere["fits"]) == (False, True, True)
    [refusal] = refused["refusals"]
    assert refusal["kind"] == "ResourceQuota"
    assert refusal["message"].startswith("exceeded quota: lab")
    assert refused["nodes"]["big"]["fits"]
    left = {"name": "lab", "resource": "requests.cpu", "left": 2000, "hard": 2000}
    assert (refused["quota"], allowed["quota"]) == ([{**left, "asked": 4000}], [{**left, "asked": 2000}])
    assert elsewhere["quota"] is None


async def test_quotas_that_may_not_be_read_are_undecided(serve, simulator, node) -> None:
    simulator.add(node("big", cpu="16"), quota("lab", **{"requests.cpu": "2"}))
    simulator.faults.revoke_right("resourcequotas", "list")
    service = await serve(api_server=simulator.url, quota_namespaces="lab")
    await service.ready()

    answer = await ask(service, cpu="4", namespace="lab")

    assert answer["fits"]
    assert answer["refusals"] == []
    assert "could not be read" in answer["undecided"][-1]


async def test_the_overhead_of_a_runtime_class_is_counted(unlike, simulator, pod) -> None:
    simulator.add(
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "kata"},
            "handler": "kata",
            "overhead": {"podFixed": {"cpu": "1000"}},
        }
    )
    body = pod("q", cpu="1")
    body["spec"]["runtimeClassName"] = "kata"

    answer = (await unlike.client.post(FIT, json={"pod": body})).json()

    assert not answer["fits"]
    assert not any("runtime class" in sentence for sentence in answer["undecided"])


async def test_a_runtime_class_that_may_not_be_read_is_undecided(unlike, simulator, pod) -> None:
    simulator.faults.revoke_right("runtimeclasses", "list")
    body = pod("q", cpu="1")
    body["spec"]["runtimeClassName"] = "kata"

    answer = (await unlike.client.post(FIT, json={"pod": body})).json()

    assert answer["fits"]
    assert any("runtime class" in sentence for sentence in answer["undecided"])


async def test_what_no_answer_considers_is_told_and_of_this_pod_only_what_concerns_it(unlike, pod) -> None:
    plain, whole = pod("a", cpu="500m"), pod("b", cpu="1", memory="1Gi")
    resources = whole["spec"]["containers"][0]["resources"]
    resources["limits"] = dict(resources["requests"])

    answers = [(await unlike.client.post(FIT, json={"pod": body})).json() for body in (plain, whole)]

    for answer in answers:
        assert [sentence.split()[0] for sentence in answer["not_considered"]] == ["Admission", "Scheduler"]
    assert answers[0]["undecided"] == []
    assert "topology manager" in answers[1]["undecided"][0]


async def test_the_taint_that_keeps_a_pod_off_is_named_for_each_node(serve, simulator, node) -> None:
    slow = {"key": "slow", "effect": "NoExecute"}
    lab = {"key": "dedicated", "value": "lab", "effect": "NoSchedule"}
    simulator.add(node("a", taints=[lab, slow]), node("b", taints=[slow]), node("c", taints=[lab]))
    service = await serve(api_server=simulator.url)
    await service.ready()

    answer = await ask(service, cpu="1", tolerations=[{"key": "dedicated", "operator": "Exists"}])

    nodes = answer["nodes"]
    assert nodes["c"]["fits"]
    for name in "ab":
        [reason] = nodes[name]["reasons"]
        assert reason["message"] == "node(s) had untolerated taint(s)"
        assert "the taint slow:NoExecute, which" in reason["text"]


@pytest.mark.parametrize(
    ("policy", "held"),
    [
        ("hidden", {}),
        ("namespace", {"gpu": [("nvidia.com/gpu", 2, "default", None)]}),
        ("pod", {"gpu": [("nvidia.com/gpu", 1, "default", "p"), ("nvidia.com/gpu", 1, "default", "q")]}),
    ],
)
async def test_who_holds_what_is_short_is_told_as_policy_allows(serve, simulator, node, pod, policy, held) -> None:
    simulator.add(node("gpu", cpu="8", gpu=2), node("small", cpu="2"))
    simulator.add(*(pod(name, on="gpu", cpu="1", gpu=1) for name in "pq"))
    service = await serve(api_server=simulator.url, gpu_holders=policy)
    await service.until(lambda nodes: len(nodes) == 2 and nodes["gpu"]["allocated"]["gpu"] == 2)

    answer = await ask(service, gpu=2)

    told = {
        name: [(one["resource"], one["amount"], one["namespace"], one["pod"]) for one in ones]
        for name, ones in answer["held_by"].items()
    }
    assert told == held


SYSTEMS = {"win": ("windows", "amd64"), "arm": ("linux", "arm64"), "lin": ("linux", "amd64")}


@pytest.fixture
async def systems(serve, simulator, node):
    """Nodes of unlike systems, and images that say what they are for, or not."""
    for name, (os, arch) in SYSTEMS.items():
        labels = {"kubernetes.io/os": os, "kubernetes.io/arch": arch}
        simulator.add(node(name, cpu="4", memory="8Gi", labels=labels))
    images = [
        {"name": "lab", "reference": "r.example/lab:1", "os": "linux", "arch": "amd64"},
        {"name": "any", "reference": "r.example/any:1"},
    ]
    service = await serve(api_server=simulator.url, images=images)
    await service.until(lambda nodes: len(nodes) == 3)
    return service


@pytest.mark.parametrize("image", ["lab", "r.example/lab:1"])
async def test_a_node_that_cannot_run_the_image_is_told_beside_the_schedulers_verdict(systems, image) -> None:
    answer = await ask(systems, cpu="1", image=image)

    assert {name: verdict["fits"] for name, verdict in answer["nodes"].items()} == dict.fromkeys(SYSTEMS, True)
    problems = {name: verdict["image_problem"] for name, verdict in answer["nodes"].items()}
    assert problems["lin"] is None
    assert (problems["win"]["code"], problems["win"]["text"]) == (
        "ImagePlatform",
        "Runs Windows; the image is for Linux.",
    )
    assert problems["arm"]["text"] == "Its architecture is arm64; the image is for amd64."
    assert answer["would_work"]["fits_on"] == ["lin"]


async def test_what_would_work_is_on_a_node_that_runs_the_image(systems) -> None:
    container = {"name": "c", "image": "r.example/lab:1", "resources": {"requests": {"cpu": "6"}}}

    answer = (await systems.client.post(FIT, json={"pod": {"spec": {"containers": [container]}}})).json()

    assert answer["would_work"]["closest"]["node"] == "lin"
    assert list(answer["would_work"]["nodes"]) == ["lin"]


@pytest.mark.parametrize("image", ["any", "r.example/never-heard-of:1", None])
async def test_an_image_of_which_nothing_is_known_closes_no_node(systems, image) -> None:
    answer = await ask(systems, cpu="1", **({"image": image} if image else {}))

    assert not any(verdict["image_problem"] for verdict in answer["nodes"].values())
    assert answer["would_work"]["fits_on_count"] == 3


async def test_where_cards_of_two_makers_are_there_a_gpu_is_named_by_its_maker(service, simulator, node, pod) -> None:
    def with_cards(name, **amounts):
        made = node(name, cpu="8", memory="32Gi")
        for block in ("capacity", "allocatable"):
            made["status"][block] |= {resource.replace("_", ".") + "/gpu": count for resource, count in amounts.items()}
        return made

    simulator.add(
        with_cards("both", nvidia_com="2", amd_com="1"), with_cards("amd", amd_com="4"), pod("p", on="both", gpu=2)
    )
    await service.until(lambda nodes: len(nodes) == 2 and nodes["both"]["allocated"]["gpu"] == 2)

    answer = await ask(service, gpu=1, gpu_resource="nvidia.com/gpu")

    texts = {name: verdict["reasons"][0]["text"] for name, verdict in answer["nodes"].items()}
    assert texts == {"both": "no NVIDIA GPU free (1 asked)", "amd": "has no NVIDIA GPU (1 asked)"}


async def test_where_one_maker_has_all_cards_a_gpu_is_a_gpu(unlike) -> None:
    answer = await ask(unlike, gpu=2, node="gpu")

    assert "NVIDIA" not in answer["nodes"]["gpu"]["reasons"][0]["text"]
    assert "GPU" in answer["nodes"]["gpu"]["reasons"][0]["text"]


async def test_any_number_that_the_description_allows_is_an_amount(service, simulator, node) -> None:
    simulator.add(node("a", cpu="4"))
    await service.until(lambda nodes: "a" in nodes)

    for cpu in (0, 0.5, 1e-300, 5e-324, 1e17, 10**18 - 1, 2.0):
        answer = await service.client.post(
            "/api/v1/cluster/fit", json={"ask": {"cpu": cpu, "memory": 4096.0, "gpu": 0.0}}
        )
        assert answer.status_code == 200, (cpu, answer.text)
    for cpu in (-1, 10**18, -1e-9):
        answer = await service.client.post("/api/v1/cluster/fit", json={"ask": {"cpu": cpu}})
        assert answer.status_code == 422, cpu


async def test_a_name_of_a_resource_is_checked_though_no_unit_of_it_is_asked(service) -> None:
    answer = await service.client.post("/api/v1/cluster/fit", json={"ask": {"gpu": 0, "gpu_resource": "cpu"}})

    assert answer.status_code == 422
    assert "“cpu”" in answer.json()["error"]["message"]


def new_claim(name="home", *, size="10Gi", **spec):
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec},
    }


@pytest.fixture
async def with_storage(service, simulator, node, pod):
    """Two zones, a default class that waits, and one that knows the second zone alone."""
    zone = "topology.kubernetes.io/zone"
    only = [{"matchLabelExpressions": [{"key": zone, "values": ["b"]}]}]
    kinds = [("usual", "true", {}), ("only-b", "false", {"allowedTopologies": only})]
    simulator.add(
        node("n1", labels={zone: "a"}),
        node("n2", labels={zone: "b"}),
        *(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": usual}},
                "provisioner": "disk.example",
                "volumeBindingMode": "Immediate",
                **more,
            }
            for name, usual, more in kinds
        ),
    )
    mounted = pod("q", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "home"}}])
    for kind, fitting in (("usual", ["n1", "n2"]), ("only-b", ["n2"])):
        question = {"pod": mounted, "claims": [new_claim(storageClassName=kind)]}
        await answered(service, question, lambda answer, fitting=fitting: where(answer) == fitting)
    return service


async def answered(service, question, enough):
    """The first answer that has heard of all that there is."""
    async with asyncio.timeout(20):
        while True:
            answer = (await service.client.post(FIT, json=question)).json()
            if enough(answer):
                return answer
            await asyncio.sleep(0.02)


def where(answer):
    return [name for name, verdict in answer["nodes"].items() if verdict["fits"]]


async def test_a_pod_is_judged_with_the_claims_that_are_made_before_it(with_storage, pod) -> None:
    body = pod("q", cpu="1", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "home"}}])

    async def asked(**more):
        answer = (await with_storage.client.post(FIT, json={"pod": body, **more})).json()
        FitAnswer.model_validate(answer)
        return where(answer)

    assert await asked() == []
    assert await asked(claims=[new_claim()]) == ["n1", "n2"]
    assert await asked(claims=[new_claim(storageClassName="only-b")]) == ["n2"]
    assert await asked(claims=[]) == []


async def test_a_new_pods_ephemeral_volumes_get_their_claims_with_it(with_storage, pod) -> None:
    def asked(**spec):
        template = {"spec": {**new_claim()["spec"], **spec}}
        return pod("q", cpu="1", volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}])

    for spec, fitting in (({}, ["n1", "n2"]), ({"storageClassName": "only-b"}, ["n2"])):
        answer = (await with_storage.client.post(FIT, json={"pod": asked(**spec)})).json()
        assert where(answer) == fitting


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ask": {"cpu": 1}, "claims": [new_claim()]}, "invalid"),
        ({"pod": {}, "claims": [new_claim(str(number)) for number in range(17)]}, "too_many"),
        (
            {"pod": {}, "claims": [new_claim(selector={"matchLabels": {str(number): "" for number in range(33)}})]},
            "too_many",
        ),
        ({"pod": {}, "claims": [{"kind": "Secret", "metadata": {"name": "home"}}]}, "invalid"),
        ({"pod": {}, "claims": [{"metadata": {}}]}, "invalid"),
        ({"pod": {}, "claims": [new_claim(size="lots")]}, "invalid"),
        ({"pod": {}, "claims": "home"}, "invalid"),
        (
            {"pod": {"spec": {"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}] * 17}}},
            "too_many",
        ),
        (
            {"pod": {"spec": {"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": 3}}}]}}},
            "invalid",
        ),
    ],
    ids=[
        *("with an ask", "many", "many rules", "no claim", "nameless", "no size", "no list"),
        *("many ephemeral", "an odd ephemeral"),
    ],
)
async def test_claims_that_can_not_be_used_are_refused(with_storage, body, code) -> None:
    answer = await with_storage.client.post(FIT, json=body)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == code


async def test_a_volume_that_is_in_use_on_another_node_is_a_warning(service, simulator, node, pod) -> None:
    there = new_claim(storageClassName="", volumeName="pv")
    there["metadata"] |= {"namespace": "default", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    home = [{"name": "v", "persistentVolumeClaim": {"claimName": "home"}}]
    simulator.add(
        node("n1"),
        node("n2"),
        there,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "pv"},
            "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "10Gi"}},
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "VolumeAttachment",
            "metadata": {"name": "a"},
            "spec": {"attacher": "disk.example", "nodeName": "n1", "source": {"persistentVolumeName": "pv"}},
        },
        pod("other", on="n1", cpu="1", volumes=home),
    )

    question = {"pod": pod("q", cpu="1", volumes=home)}
    answer = await answered(service, question, lambda answer: answer.get("warnings"))

    assert answer["fits"]
    assert [sentence.partition(".")[0] for sentence in answer["warnings"]] == [
        "The volume of the storage claim home is in use on n1"
    ]


async def test_it_is_told_where_the_image_lies_and_how_much_there_is_to_load(serve, simulator, node) -> None:
    held, other = node("held"), node("other")
    held["status"]["images"] = [{"names": ["r.example/lab:1"], "sizeBytes": 5}]
    other["status"]["images"] = [{"names": ["r.example/other:1"], "sizeBytes": 5}]
    simulator.add(held, other, node("silent"))
    service = await serve(api_server=simulator.url)
    await service.until(lambda nodes: len(nodes) == 3)
    container = {"name": "c", "image": "r.example/lab:1"}

    answer = (await service.client.post(FIT, json={"pod": {"spec": {"containers": [container]}}})).json()

    present = {name: verdict["image_present"] for name, verdict in answer["nodes"].items()}
    assert present == {"held": True, "other": False, "silent": None}
    assert answer["image_bytes"] is None

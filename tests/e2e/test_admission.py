"""What the API server makes of a new pod, beside what moorage says that it would: stored so, or refused in these words."""

import contextlib
import os
import random
import re

import pytest

from moorage.objects import LimitRange, PriorityClass, ResourceQuota, RuntimeClass, decode
from moorage.scheduling.admission import admit
from rig.api import Refused
from rig.policies import Policies, standing
from rig.processes import until

SCENES, PODS = 12, 40
STORED = ("overhead", "nodeSelector", "priority", "priorityClassName")
# The API server tells all bounds of one LimitRange that are broken in one list, in no order.
BOUNDS = re.compile(", (?=minimum |maximum |\\S+ max limit )")


@pytest.fixture
def classes(admin):
    named = "admission"
    for obj in standing(named):
        admin.apply(obj)
    yield named
    for obj in standing(named):
        admin.delete(obj["kind"], obj["metadata"]["name"])


def stored(pod):
    """What decides where a pod fits."""
    spec = pod["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    tolerations = sorted((t.get("key", ""), t.get("effect", "")) for t in spec.get("tolerations") or ())
    return {
        **{field: spec.get(field) or None for field in STORED},
        "resources": amounts(spec),
        "containers": {container["name"]: amounts(container) for container in containers},
        "tolerations": tolerations,
    }


def amounts(holder):
    return {section: found for section, found in (holder.get("resources") or {}).items() if found}


def differs(answer, told):
    """What the two don't agree on, in a sentence."""
    if isinstance(answer, str):
        said = [refusal.message for refusal in told.refusals]
        names = {refusal.name for refusal in told.refusals if refusal.kind == "LimitRange"}
        bounds = [{r.message for r in told.refusals if (r.kind, r.name) == ("LimitRange", name)} for name in names]
        if answer in said or set(BOUNDS.split(answer.strip("[]"))) in bounds:
            return None
        return f"the server: {answer}; moorage: {said}"
    if told.refusals:
        return f"the server stores it; moorage: {[refusal.message for refusal in told.refusals]}"
    ours, theirs = stored(told.pod), stored(answer)
    wrong = {field: (theirs[field], ours[field]) for field in theirs if theirs[field] != ours[field]}
    return f"stored otherwise (theirs, ours): {wrong}" if wrong else None


def test_a_pod_is_stored_or_refused_as_moorage_says(admin, classes, results):
    seed = int(os.environ.get("MOORAGE_SEED", random.SystemRandom().randrange(1_000_000)))
    wrong, count = [], {"stored": 0, "refused": 0, "invalid": 0}
    runtimes = [decode(RuntimeClass, obj) for obj in admin.list("RuntimeClass")]
    priorities = [decode(PriorityClass, obj) for obj in admin.list("PriorityClass")]

    for number in range(SCENES):
        chance = random.Random(seed + number)
        namespace = f"admission-{seed}-{number}"
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        source = Policies(chance, namespace=namespace, named=classes)
        for made in (source.limit_range, source.quota):
            for index in range(chance.choice([0, 1, 1, 2])):
                with contextlib.suppress(Refused):  # scopes that don't go with what is counted
                    admin.create(made(f"r{index}", first=not index))
        ranges, quotas = _settled(admin, namespace)
        for index in range(PODS):
            pod = source.pod(f"p{index}")
            told = admit(
                pod, limitranges=ranges, resourcequotas=quotas, runtimeclasses=runtimes, priorityclasses=priorities
            )
            answer = _answer(admin, pod, count)
            difference = differs(answer, told) if answer is not None else None
            if difference is not None:
                wrong.append(f"seed {seed + number}: {pod['metadata']['name']}: {difference}")
        admin.delete("Namespace", namespace)

    print(f"\nPods before the scheduler, seed {seed}: {count}, disagreements: {len(wrong)}", *wrong, sep="\n")
    assert wrong == []
    assert min(count["stored"], count["refused"]) > SCENES * PODS / 20


def _settled(admin, namespace):
    """The namespace's rules, once the quota controller has counted and the API server has seen them all."""
    until(lambda: admin.find("ServiceAccount", "default", namespace=namespace), within=20, what="a service account")
    until(
        lambda: all(quota.get("status", {}).get("hard") for quota in admin.list("ResourceQuota", namespace=namespace)),
        within=20,
        what="the quotas are counted",
    )
    return [
        [decode(kind, obj) for obj in admin.list(kind.KIND, namespace=namespace)]
        for kind in (LimitRange, ResourceQuota)
    ]


def _answer(admin, pod, count):
    """The stored pod, the words of a refusal, or None for a pod that is none."""
    try:
        answer = admin.create(pod, dryRun="All")
    except Refused as refused:
        if refused.status == 422:
            count["invalid"] += 1
            return None
        assert refused.status == 403, refused
        count["refused"] += 1
        return str(refused).partition(" is forbidden: ")[2]
    count["stored"] += 1
    return answer

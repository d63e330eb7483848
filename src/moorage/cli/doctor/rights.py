"""The documented rights of the service and of the hub, each asked of the API server by name.

As the service account itself (`moorage doctor` in one of its pods) it asks for itself, which everybody may. As somebody
else it asks about that account, which needs the right to create `subjectaccessreviews`.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from moorage.cli.doctor.findings import Unknown
from moorage.cli.doctor.reading import Json, Reader, text
from moorage.cli.doctor.settings import is_on, listed
from moorage.kube.resources import FOLLOWED

_OPTIONAL = "kubectl apply -f deploy/kubernetes/optional/"
_AUTHORIZATION = "/apis/authorization.k8s.io/v1"
_ACCOUNT = "system:serviceaccount:"
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on one kind, whose `id` stays. `why` is what is lost without it; `mend` is what grants it."""

    id: str
    verbs: tuple[str, ...]
    group: str
    resource: str
    why: str
    mend: str
    namespace: str = ""
    name: str = ""
    base: bool = False
    required: bool = False
    wanted: bool = True  # an optional one that nothing asks for is only told
    of_hub: bool = False

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" {self.name}" if self.name else ""
        return f"{kind}{named}{f' in the namespace {self.namespace}' if self.namespace else ''}"


@dataclass(frozen=True, slots=True)
class Answered:
    """One right with the verbs that the API server denies, or why it did not say."""

    right: Right
    account: str  # namespace/name
    denied: tuple[str, ...] | Unknown


async def ask_rights(
    reader: Reader,
    deployment: Json | Unknown | None,
    settings: dict[str, str] | Unknown | None,
    hub: Json | Unknown | None,
) -> list[Answered]:
    """Every right that the Deployment's settings and the cluster's add-ons ask for, and the hub's optional ones."""
    me = await reader.review("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    name = "" if isinstance(me, Unknown) else text(me, "userInfo.username")
    account = _account(deployment) if isinstance(deployment, dict) else None
    if isinstance(deployment, Unknown) and isinstance(settings, dict) and name.startswith(_ACCOUNT):
        account = name.removeprefix(_ACCOUNT).replace(":", "/")  # one of the service's own pods
    asked: list[tuple[Right, str]] = []
    if account is not None:
        karpenter, kueue = await asyncio.gather(reader.serves("karpenter.sh"), reader.serves("kueue.x-k8s.io"))
        known = settings if isinstance(settings, dict) else {}
        rights = [*_base(), *_of_settings(known), *_of_addons(karpenter=karpenter is True, kueue=kueue is True)]
        asked += [(right, account) for right in rights]
    if isinstance(hub, dict):
        asked += [(right, _account(hub)) for right in _of_hub(text(hub, "metadata.namespace"))]
    few = asyncio.Semaphore(_AT_ONCE)

    async def answered(right: Right, account: str) -> Answered:
        async with few:
            return Answered(right, account, await _denied(reader, right, account, me=name))

    return list(await asyncio.gather(*(answered(*one) for one in asked)))


async def _denied(reader: Reader, right: Right, account: str, *, me: str) -> tuple[str, ...] | Unknown:
    namespace, _, name = account.partition("/")
    user = f"{_ACCOUNT}{namespace}:{name}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    resource, _, subresource = right.resource.partition("/")
    denied = []
    for verb in right.verbs:
        attributes = {
            "verb": verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": right.namespace,
            "name": right.name,
        }
        spec: Json = {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
        if me == user:
            status = await reader.review(f"{_AUTHORIZATION}/selfsubjectaccessreviews", spec)
        else:
            spec |= {"user": user, "groups": groups}
            status = await reader.review(f"{_AUTHORIZATION}/subjectaccessreviews", spec)
        if isinstance(status, Unknown):
            return Unknown(
                status.reason, next=f"`kubectl auth can-i --list --as {user}` shows them, or run the doctor in its pod"
            )
        if status.get("allowed") is not True:
            denied.append(verb)
    return tuple(denied)


def _account(deployment: Json) -> str:
    name = text(deployment, "spec.template.spec.serviceAccountName") or "default"
    return f"{text(deployment, 'metadata.namespace')}/{name}"


def _base() -> Iterator[Right]:
    for one in FOLLOWED:
        group = one.path.split("/")[2] if one.path.startswith("/apis/") else ""
        yield Right(
            one.name,
            ("list", "watch"),
            group,
            one.name,
            "Without it nothing can be told." if one.required else f"Verdicts that depend on {one.name} are undecided.",
            "`kubectl apply -f deploy/kubernetes/cluster-role.yaml`, or upgrade the release of moorage's chart",
            base=True,
            required=one.required,
        )


def _of_settings(settings: dict[str, str]) -> Iterator[Right]:
    for namespace in listed(settings, "MOORAGE_QUOTA_NAMESPACES"):
        for kind in ("resourcequotas", "limitranges"):
            yield Right(
                "quotas", ("list",), "", kind,
                "What a quota or limit range refuses is then told by the failed start alone.",
                f"`{_OPTIONAL}limits.yaml`, or `rights.quotaNamespaces: [{namespace}]` of the chart",
                namespace=namespace,
            )  # fmt: skip
    for given in listed(settings, "MOORAGE_SCHEDULER_CONFIGMAPS"):
        namespace, name = [*given.split("/"), ""][:2]
        yield Right(
            "scheduler", ("get",), "", "configmaps",
            "What the users' scheduler has switched off is checked all the same.",
            f"`{_OPTIONAL}scheduler.yaml`, or `rights.schedulerConfigMap: {namespace}/{name}` of the chart",
            namespace=namespace, name=name,
        )  # fmt: skip
    if is_on(settings, "MOORAGE_KUBERNETES_TOKENS"):
        for kind, group in (("tokenreviews", "authentication"), ("subjectaccessreviews", "authorization")):
            yield Right(
                "token-review", ("create",), f"{group}.k8s.io", kind,
                "Nobody gets in with a token of Kubernetes.",
                f"`{_OPTIONAL}token-review.yaml`, or `rights.tokenReview: true` of the chart",
            )  # fmt: skip
    if namespace := settings.get("MOORAGE_GPU_EXEC_NAMESPACE", ""):
        for kind, verbs in (("pods", ("list",)), ("pods/exec", ("get", "create"))):
            yield Right(
                "gpu-exec", verbs, "", kind,
                "Use and memory of the cards stay unknown.",
                f"`{_OPTIONAL}gpu-exec.yaml`, or `rights.gpuExecNamespace: {namespace}` of the chart",
                namespace=namespace,
            )  # fmt: skip
    if namespace := settings.get("MOORAGE_CLUSTER_AUTOSCALER_NAMESPACE", ""):
        yield Right(
            "cluster-autoscaler", ("list", "watch"), "", "configmaps",
            "How far its groups can grow stays unknown.",
            f"`{_OPTIONAL}cluster-autoscaler.yaml`, or `rights.clusterAutoscalerNamespace: {namespace}` of the chart",
            namespace=namespace, name="cluster-autoscaler-status",
        )  # fmt: skip


def _of_addons(*, karpenter: bool, kueue: bool) -> Iterator[Right]:
    if karpenter:
        for kind in ("nodepools", "nodeclaims"):
            yield Right(
                "karpenter", ("list", "watch"), "karpenter.sh", kind,
                "Karpenter runs here, and the machines that it may add are not told.",
                f"`{_OPTIONAL}karpenter.yaml`, or `rights.karpenter: true` of the chart",
            )  # fmt: skip
    if kueue:
        for kind in ("localqueues", "clusterqueues", "workloads"):
            yield Right(
                "kueue", ("list", "watch"), "kueue.x-k8s.io", kind,
                "Kueue runs here, and its queues and who waits in them are not told.",
                f"`{_OPTIONAL}kueue.yaml`, or `rights.kueue: true` of the chart",
            )  # fmt: skip


def _of_hub(namespace: str) -> Iterator[Right]:
    yield Right(
        "hub-resize", ("patch",), "", "pods/resize",
        "People then can't make a server larger or smaller while it runs.",
        f"`{_OPTIONAL}hub-resize.yaml`, or `rights.resize: true` and `hub.namespace: {namespace}` of the chart",
        namespace=namespace, wanted=False, of_hub=True,
    )  # fmt: skip
    yield Right(
        "hub-usage", ("get",), "metrics.k8s.io", "pods",
        "People then don't see how much of their memory and CPU is in use.",
        f"`{_OPTIONAL}hub-usage.yaml`, or `rights.usage: true` and `hub.namespace: {namespace}` of the chart",
        namespace=namespace, wanted=False, of_hub=True,
    )  # fmt: skip

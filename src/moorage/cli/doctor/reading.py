"""Reading single objects and short lists; what can't be read is `Unknown`, with the reason, and stops nothing."""

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from moorage.cli.doctor.findings import Unknown
from moorage.errors import MoorageError
from moorage.kube.client import Client
from moorage.kube.errors import Forbidden, NotFound, Unauthorized

Json = dict[str, Any]

_LONGEST_LIST = 200  # pages
_GROUPS = {
    "clusterrolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "deployments": "/apis/apps/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "localqueues": "/apis/kueue.x-k8s.io/v1beta2",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "priorityclasses": "/apis/scheduling.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "storageclasses": "/apis/storage.k8s.io/v1",
}
_REVIEWS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "selfsubjectreviews": "SelfSubjectReview",
    "subjectaccessreviews": "SubjectAccessReview",
}


class Reader:
    """Lists and objects of one API server, as plain JSON."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def namespace(self) -> str:
        """The namespace that the kubeconfig's context names."""
        return self._client.namespace

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self._client.server

    async def dated(self, path: str) -> tuple[Json, str]:
        """An answer, and the server's time as its `Date` header has it. Raises `MoorageError`."""
        body, date = await self._client.dated(path)
        return _object(body) or {}, date

    async def one(self, plural: str, name: str, *, namespace: str | None = None) -> Json | Unknown | None:
        """The object; None where there is none of this name."""
        try:
            found = _object(await self._client.get(f"{_path(plural, namespace)}/{name}"))
        except NotFound:
            return None
        except Forbidden:
            return _not_allowed("get", plural, namespace)
        except MoorageError as error:
            return Unknown(f"the API server did not give {plural}: {error.message}")
        return found if found is not None else Unknown(f"the API server's answer about {plural} is no object")

    async def serves(self, group: str) -> bool | Unknown:
        """Whether an API group, such as an add-on's, is there."""
        try:
            await self._client.get(f"/apis/{group}")
        except NotFound:
            return False
        except Unauthorized:
            raise
        except MoorageError as error:
            return Unknown(f"the API server does not say whether it serves {group}: {error.message}")
        return True

    async def review(self, path: str, spec: Json) -> Json | Unknown:
        """The status of a review, which asks and changes nothing."""
        plural = path.rpartition("/")[2]
        body = msgspec.json.encode(
            {"apiVersion": "/".join(path.split("/")[2:4]), "kind": _REVIEWS[plural], "spec": spec}
        )
        try:
            return mapping(_object(await self._client.review(path, body)), "status")
        except Forbidden:
            return _not_allowed("create", plural, None)
        except Unauthorized:
            raise
        except MoorageError as error:
            return Unknown(f"the API server did not answer {plural}: {error.message}")

    async def list(
        self,
        plural: str,
        *,
        namespace: str | None = None,
        selector: Mapping[str, str] | None = None,
        page: int = 50,
        root: str | None = None,
    ) -> list[Json] | Unknown:
        """All objects of a kind, or those with these labels, in one namespace or in all; `root` is another version."""
        query = {"limit": str(page)}
        if selector:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in selector.items())
        found: list[Json] = []
        for _ in range(_LONGEST_LIST):
            try:
                answer = _object(await self._client.get(_path(plural, namespace, root), query))
            except NotFound:
                return []
            except Forbidden:
                return _not_allowed("list", plural, namespace)
            except Unauthorized:
                raise
            except MoorageError as error:
                return Unknown(f"the API server did not list {plural}: {error.message}")
            if answer is None or not isinstance(answer.get("items"), list):
                return Unknown(f"the API server's answer about {plural} is no list")
            found += [item for item in answer["items"] if isinstance(item, dict)]
            after = at(answer, "metadata.continue")
            if not isinstance(after, str) or not after:
                break
            query["continue"] = after
        return found


def at(tree: Any, path: str) -> Any:
    """What stands at `a.b.c`, or None where the way ends before."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def mapping(tree: Any, path: str) -> Json:
    """The object at a path; empty where there is something else."""
    found = at(tree, path)
    return found if isinstance(found, dict) else {}


def rows(tree: Any, path: str) -> list[Json]:
    """The objects of the list at a path."""
    found = at(tree, path)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def text(tree: Any, path: str) -> str:
    """The text or number at a path; empty where there is something else."""
    found = at(tree, path)
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def _path(plural: str, namespace: str | None, root: str | None = None) -> str:
    root = root or _GROUPS.get(plural, "/api/v1")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def _object(body: bytes) -> Json | None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = msgspec.json.decode(body)
        return found if isinstance(found, dict) else None
    return None


def _not_allowed(verb: str, plural: str, namespace: str | None) -> Unknown:
    where = f"in the namespace {namespace}" if namespace else "cluster-wide"
    return Unknown(f"not allowed to {verb} {plural} {where}", next=f"grant {verb} on {plural} {where}")

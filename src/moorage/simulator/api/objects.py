"""Reading and writing objects as the API server does, without the HTTP around it.

    body ─► defaults ─► admission ─► validation ─► storage

The simulator's own parts (scheduler, kubelet, scenario) and tests in the same process call it directly; `apiserver`
calls it for everybody else. Bodies that come in are copied, bodies that go out are shared and must not be changed.
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moorage.simulator.rules import admission, defaulting, quotas, resizing, validation
from moorage.simulator.rules.canonical import canonicalize
from moorage.simulator.rules.shapes import without_nulls
from moorage.simulator.store.metadata import key_of, now, random_suffix
from moorage.simulator.store.reading import Reader
from moorage.simulator.store.resources import BY_PLURAL, KINDS, NAMESPACES, NODES, PODS, Kind
from moorage.simulator.store.status import (
    MODIFIED,
    Refusal,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    precondition_failed,
)
from moorage.simulator.store.storage import Storage, Stored

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_COUNTED = ("pods", "persistentvolumeclaims", "services", "secrets", "configmaps", "resourcequotas")
QUOTAS = BY_PLURAL["resourcequotas"]
_BY_KEY = {kind.key: kind for kind in reversed(KINDS) if kind.stored_as is None}


class Api(Reader):
    """The objects of one cluster."""

    def __init__(self, storage: Storage | None = None) -> None:
        super().__init__(storage or Storage())
        self._owned: dict[str, set[tuple[tuple[str, str], str]]] = {}
        for name in FIRST_NAMESPACES:
            self.create(NAMESPACES, None, {"metadata": {"name": name}}, trusted=True)

    def create(
        self, kind: Kind, namespace: str | None, body: Json, *, dry_run: bool = False, trusted: bool = False
    ) -> Stored:
        """Store a new object.

        `trusted` is for test data: a missing namespace is made, and neither admission nor validation stands in the way.
        """
        body = deepcopy(body)
        if not trusted:
            validation.readable(kind, body)
            body = without_nulls(body)
        body["apiVersion"], body["kind"] = kind.api_version, kind.name
        metadata = body["metadata"] = dict(body.get("metadata") or {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + random_suffix()
        if kind.namespaced:
            given = metadata.setdefault("namespace", namespace or "default")
            if namespace is not None and given != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
        else:
            metadata.pop("namespace", None)
        if metadata.get("resourceVersion") and not trusted:
            raise Refusal(500, "", "resourceVersion should not be set on objects to be created")
        if trusted and kind.namespaced and self.find(NAMESPACES, None, metadata["namespace"]) is None:
            self.create(NAMESPACES, None, {"metadata": {"name": metadata["namespace"]}}, trusted=True)
        name = metadata.get("name") or ""
        metadata |= {"uid": metadata.get("uid") if trusted and metadata.get("uid") else str(uuid.uuid4())}
        if not (trusted and metadata.get("creationTimestamp")):
            metadata["creationTimestamp"] = now()
        if not trusted:
            metadata.pop("deletionTimestamp", None)
        if not trusted:
            canonicalize(kind, body)
        keep_status = trusted or kind is NODES
        body = defaulting.prepare(kind, body, keep_status=keep_status)
        if not trusted:
            if kind is NODES:
                defaulting.taint_by_readiness(body)
            admission.mutate(self, kind, body)
            validation.check(kind, body)
            admission.validate(self, kind, body)
            # Admission may have added amounts, which count for the status and for what is defaulted by others.
            body = defaulting.prepare(kind, body, keep_status=keep_status)
        key = key_of(metadata.get("namespace"), name)
        if self.storage.read(kind.key, key) is not None:
            raise already_exists(kind, name)
        if dry_run:
            return Stored(body, 0)
        stored = self.storage.write(kind.key, key, body)
        self._note_owners(kind, key, body)
        if kind is NAMESPACES:
            self._furnish(name)
        self._after(kind, metadata.get("namespace"))
        return stored

    def _after(self, kind: Kind, namespace: str | None) -> None:
        """What follows from a write: the counts of the quotas, where there are any."""
        if namespace is not None and kind.plural in _COUNTED and self.storage.shelf(QUOTAS.key).items:
            for name, status in quotas.statuses(self, namespace):
                self.update(
                    QUOTAS,
                    namespace,
                    name,
                    lambda body, status=status: {**body, "status": status},  # type: ignore[misc]
                    subresource="status",
                    trusted=True,
                )

    def _furnish(self, namespace: str) -> None:
        """What the controller manager puts into every namespace, and pods need."""
        for plural, body in (("serviceaccounts", {"metadata": {"name": "default"}}),):
            kind = _BY_KEY["", plural]
            if self.find(kind, namespace, "default") is None:
                self.create(kind, namespace, body, trusted=True)

    def update(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        change: Callable[[Json], Json],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
        trusted: bool = False,
    ) -> Stored:
        """Replace an object by what `change` makes of a copy of it."""
        current = self.read(kind, namespace, name)
        body = change(deepcopy(current.body))
        old = current.body
        if not isinstance(body.get("metadata"), dict):
            body["metadata"] = {}
        metadata = body["metadata"]
        asked = metadata.get("resourceVersion")
        if asked and asked != old["metadata"]["resourceVersion"]:
            raise conflict(kind, name, MODIFIED)
        if metadata.get("uid") and metadata["uid"] != old["metadata"]["uid"]:
            given, held = metadata["uid"], old["metadata"]["uid"]
            why = f"Precondition failed: UID in precondition: {given}, UID in object meta: {held}"
            raise conflict(kind, name, why)
        if metadata.get("name", name) != name:
            raise bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
            )
        if not trusted:
            # A status may be written even where the rest of the object is test data that nobody can read.
            validation.readable(kind, {"status": body.get("status")} if subresource == "status" else body)
            body = without_nulls(body)
        body = self._merge_for_update(kind, old, body, subresource=subresource, trusted=trusted)
        body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if kind is NODES and subresource == "status" and not trusted:
            defaulting.taint_by_readiness(body)
        if not trusted:
            if kind is not PODS or subresource == "resize":
                canonicalize(kind, body)
            validation.check_update(kind, old, body, subresource=subresource)
            if subresource == "resize":
                resizing.admit(self, old, body)
        if body == old:
            return current
        if kind.has_status and body.get("spec") != old.get("spec"):
            body["metadata"]["generation"] = int(old["metadata"].get("generation") or 0) + 1
        if dry_run:
            return Stored(body, current.revision)
        key = key_of(old["metadata"].get("namespace"), name)
        if body["metadata"].get("deletionTimestamp") and not body["metadata"].get("finalizers") and kind is not PODS:
            return self._remove(kind, key)
        self._note_owners(kind, key, body)
        stored = self.storage.write(kind.key, key, body)
        self._after(kind, old["metadata"].get("namespace"))
        return stored

    @staticmethod
    def _merge_for_update(kind: Kind, old: Json, body: Json, *, subresource: str | None, trusted: bool) -> Json:
        """What this kind of update may change: the status or a pod's amounts alone, or all but the status and the
        system's metadata.
        """
        if subresource == "resize":
            body = resizing.kept(old, deepcopy(body))
        elif subresource == "status":
            body = {**old, "metadata": dict(old["metadata"]), "status": body.get("status") or {}}
            if kind is NODES:
                body["spec"] = dict(old.get("spec") or {})
        elif not trusted:
            if kind.has_status:
                body["status"] = old.get("status")
                if body["status"] is None:
                    del body["status"]
            for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
                body["metadata"].pop(field, None)
                if field in old["metadata"]:
                    body["metadata"][field] = old["metadata"][field]
        body["apiVersion"], body["kind"] = kind.api_version, kind.name
        for field in ("name", "namespace", "uid", "creationTimestamp", "generation"):
            if field in old["metadata"]:
                body["metadata"][field] = old["metadata"][field]
        return body if trusted else defaulting.prepare(kind, body, keep_status=True)

    def delete(
        self, kind: Kind, namespace: str | None, name: str, options: Json | None = None, *, dry_run: bool = False
    ) -> tuple[Stored, bool]:
        """The last state, and whether the object is gone (or only asked to end)."""
        options = options or {}
        current = self.read(kind, namespace, name)
        metadata = current.body["metadata"]
        wanted = options.get("preconditions") or {}
        for field, shown in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if wanted.get(field) and wanted[field] != metadata[field]:
                hint = "deleted and then recreated" if field == "uid" else "modified"
                why = (
                    f"the {shown} in the precondition ({wanted[field]}) does not match the {shown} in record "
                    f"({metadata[field]}). The object might have been {hint}"
                )
                raise precondition_failed(kind, name, why)
        if kind is NAMESPACES and name in ("default", "kube-system", "kube-public"):
            raise forbidden(kind, name, "this namespace may not be deleted")
        if dry_run:
            return current, True
        key = key_of(metadata.get("namespace"), name)
        grace = self._grace(kind, current.body, options)
        if grace > 0 or metadata.get("finalizers"):
            return self._ask_to_end(kind, key, current, grace), False
        if kind is NAMESPACES:
            self._empty(name)
        if kind is PODS and metadata.get("deletionGracePeriodSeconds") != 0:
            # Upstream writes the end of a pod before it takes the pod away, even where there is no grace.
            self._ask_to_end(kind, key, current, 0)
        return self._remove(kind, key), True

    @staticmethod
    def _grace(kind: Kind, body: Json, options: Json) -> int:
        if kind is not PODS:
            return 0
        spec, phase = body.get("spec") or {}, (body.get("status") or {}).get("phase")
        if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
            return 0
        asked = options.get("gracePeriodSeconds")
        return int(spec.get("terminationGracePeriodSeconds", 30) if asked is None else asked)

    def _ask_to_end(self, kind: Kind, key: str, current: Stored, grace: int) -> Stored:
        body = {**current.body, "metadata": dict(current.body["metadata"])}
        metadata = body["metadata"]
        if "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds", 0) <= grace:
            return current
        end = datetime.now(UTC) + timedelta(seconds=grace)
        metadata["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata["deletionGracePeriodSeconds"] = grace
        return self.storage.write(kind.key, key, body)

    def _remove(self, kind: Kind, key: str) -> Stored:
        gone = self.storage.remove(kind.key, key)
        self._after(kind, gone.body["metadata"].get("namespace"))
        for shelf, dependent in self._owned.pop(gone.body["metadata"]["uid"], set()):
            self._collect(shelf, dependent, gone.body["metadata"]["uid"])
        return gone

    def _note_owners(self, kind: Kind, key: str, body: Json) -> None:
        for owner in body["metadata"].get("ownerReferences") or ():
            self._owned.setdefault(owner.get("uid", ""), set()).add((kind.key, key))

    def _collect(self, shelf: tuple[str, str], key: str, owner: str) -> None:
        """Garbage collection: a dependent goes with the last of its owners."""
        found = self.storage.read(shelf, key)
        owners = (found.body["metadata"].get("ownerReferences") or ()) if found else ()
        if not found or all(reference.get("uid") != owner for reference in owners):
            return
        if any(reference.get("uid") != owner and reference.get("uid") in self._owned for reference in owners):
            return
        metadata = found.body["metadata"]
        self.delete(_BY_KEY[shelf], metadata.get("namespace"), metadata["name"])

    def _empty(self, namespace: str) -> None:
        for shelf, place in self.storage.shelves():
            for key, stored in list(place.items.items()):
                if stored.body["metadata"].get("namespace") == namespace:
                    self._remove(_BY_KEY[shelf], key)

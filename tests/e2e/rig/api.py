"""The API server, spoken to as plainly as can be: paths, JSON, and its refusals in its own words."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import yaml

Obj = dict[str, Any]

# What a List page's items lack, and where each kind is found.
_GROUPS = {
    "Node": ("api/v1", "nodes", False),
    "Namespace": ("api/v1", "namespaces", False),
    "Pod": ("api/v1", "pods", True),
    "Event": ("api/v1", "events", True),
    "ConfigMap": ("api/v1", "configmaps", True),
    "Secret": ("api/v1", "secrets", True),
    "ServiceAccount": ("api/v1", "serviceaccounts", True),
    "PersistentVolume": ("api/v1", "persistentvolumes", False),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims", True),
    "ResourceQuota": ("api/v1", "resourcequotas", True),
    "LimitRange": ("api/v1", "limitranges", True),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses", False),
    "CSINode": ("apis/storage.k8s.io/v1", "csinodes", False),
    "CSIDriver": ("apis/storage.k8s.io/v1", "csidrivers", False),
    "CSIStorageCapacity": ("apis/storage.k8s.io/v1", "csistoragecapacities", True),
    "VolumeAttachment": ("apis/storage.k8s.io/v1", "volumeattachments", False),
    "PriorityClass": ("apis/scheduling.k8s.io/v1", "priorityclasses", False),
    "RuntimeClass": ("apis/node.k8s.io/v1", "runtimeclasses", False),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets", True),
    "Deployment": ("apis/apps/v1", "deployments", True),
    "DaemonSet": ("apis/apps/v1", "daemonsets", True),
    "ResourceClaim": ("apis/resource.k8s.io/v1", "resourceclaims", True),
    "ResourceClaimTemplate": ("apis/resource.k8s.io/v1", "resourceclaimtemplates", True),
    "ResourceSlice": ("apis/resource.k8s.io/v1", "resourceslices", False),
    "DeviceClass": ("apis/resource.k8s.io/v1", "deviceclasses", False),
    "CustomResourceDefinition": ("apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "NodePool": ("apis/karpenter.sh/v1", "nodepools", False),
    "NodeClaim": ("apis/karpenter.sh/v1", "nodeclaims", False),
    "LocalQueue": ("apis/kueue.x-k8s.io/v1beta2", "localqueues", True),
    "ClusterQueue": ("apis/kueue.x-k8s.io/v1beta2", "clusterqueues", False),
    "ResourceFlavor": ("apis/kueue.x-k8s.io/v1beta2", "resourceflavors", False),
    "Workload": ("apis/kueue.x-k8s.io/v1beta2", "workloads", True),
    "WorkloadPriorityClass": ("apis/kueue.x-k8s.io/v1beta2", "workloadpriorityclasses", False),
    "APIService": ("apis/apiregistration.k8s.io/v1", "apiservices", False),
    "Service": ("api/v1", "services", True),
    "KWOKNodeClass": ("apis/karpenter.kwok.sh/v1alpha1", "kwoknodeclasses", False),
}


class Refused(AssertionError):
    """The API server said no."""

    def __init__(self, status: int, body: Obj) -> None:
        super().__init__(f"{status} {body.get('reason')}: {body.get('message')}")
        self.status = status
        self.body = body


def path_of(kind: str, name: str | None = None, *, namespace: str | None = None) -> str:
    group, plural, namespaced = _GROUPS[kind]
    parts = [group, *(["namespaces", namespace] if namespaced and namespace else []), plural, *([name] if name else [])]
    return "/" + "/".join(quote(part, safe="/") for part in parts)


class Api:
    """One connection, kept open. Not for two threads at once."""

    def __init__(self, server: str, *, token: str, ca: Path | None = None) -> None:
        self.server, self.token, self.ca = server, token, ca
        self._connection: http.client.HTTPConnection | None = None

    def __del__(self) -> None:
        # Tests make many of these in passing; an open socket left behind would be a warning, and so an error.
        self.close()

    @classmethod
    def from_kubeconfig(cls, path: Path) -> "Api":
        config = yaml.safe_load(path.read_text())
        cluster = config["clusters"][0]["cluster"]
        ca = cluster.get("certificate-authority")
        return cls(cluster["server"], token=config["users"][0]["user"]["token"], ca=Path(ca) if ca else None)

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            place = urlsplit(self.server)
            assert place.hostname is not None
            if place.scheme == "https":
                tls = ssl.create_default_context(cafile=str(self.ca))
                self._connection = http.client.HTTPSConnection(place.hostname, place.port, timeout=30, context=tls)
            else:
                self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def raw(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        for last in (False, True):
            connection = self._connect()
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                # A kept connection may have been closed since the last request.
                self.close()
                if last:
                    raise
            except BaseException:
                self.close()
                raise
        raise AssertionError

    def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **params: Any
    ) -> Any:
        full = path + ("?" + urlencode(params) if params else "")
        status, data = self.raw(method, full, body, content_type=content_type)
        try:
            answer = json.loads(data) if data else {}
        except ValueError:
            answer = {"message": data.decode(errors="replace")}
        if status >= 400:
            raise Refused(status, answer if isinstance(answer, dict) else {"message": str(answer)})
        return answer

    def create(self, obj: Obj, **params: Any) -> Obj:
        namespace = obj["metadata"].get("namespace")
        return self.call("POST", path_of(obj["kind"], namespace=namespace), obj, **params)

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Obj:
        return self.call("GET", path_of(kind, name, namespace=namespace))

    def find(self, kind: str, name: str, *, namespace: str | None = None) -> Obj | None:
        try:
            return self.get(kind, name, namespace=namespace)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def list(self, kind: str, *, namespace: str | None = None, **params: Any) -> list[Obj]:
        """Items with their kind and version put back, as `kubectl get -o json` shows them."""
        answer = self.call("GET", path_of(kind, namespace=namespace), **params)
        version = _GROUPS[kind][0].partition("/")[2]
        return [{"kind": kind, "apiVersion": version, **item} for item in answer["items"]]

    def patch(
        self, kind: str, name: str, change: Obj, *, namespace: str | None = None, part: str = "", how: str = "merge"
    ) -> Obj:
        """`how` is merge (lists are replaced) or strategic-merge."""
        path = path_of(kind, name, namespace=namespace) + (f"/{part}" if part else "")
        return self.call("PATCH", path, change, content_type=f"application/{how}-patch+json")

    def delete(self, kind: str, name: str, *, namespace: str | None = None, grace: int | None = None) -> None:
        """Gone or already gone."""
        params = {} if grace is None else {"gracePeriodSeconds": grace}
        try:
            self.call("DELETE", path_of(kind, name, namespace=namespace), **params)
        except Refused as refused:
            if refused.status != 404:
                raise

    def apply(self, obj: Obj) -> Obj:
        """Created, or put in the place of what has its name."""
        try:
            return self.create(obj)
        except Refused as refused:
            if refused.status != 409:
                raise
        metadata = obj["metadata"]
        path = path_of(obj["kind"], metadata["name"], namespace=metadata.get("namespace"))
        stored = self.call("GET", path)
        return self.call(
            "PUT", path, {**obj, "metadata": {**metadata, "resourceVersion": stored["metadata"]["resourceVersion"]}}
        )

    def token_for(self, namespace: str, account: str, *, seconds: int = 3600) -> str:
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        path = path_of("ServiceAccount", account, namespace=namespace) + "/token"
        return str(self.call("POST", path, request)["status"]["token"])

    def acting_as(self, token: str) -> "Api":
        return Api(self.server, token=token, ca=self.ca)

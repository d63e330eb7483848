"""What stands in a cluster, object by object, less what changes by itself."""

import json
import subprocess
from pathlib import Path

from rig.api import Obj

KINDS = (
    "namespaces,secrets,configmaps,serviceaccounts,services,deployments,daemonsets,poddisruptionbudgets,networkpolicies,roles,"
    "rolebindings,clusterroles,clusterrolebindings,persistentvolumeclaims"
)
_WRITTEN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
_REVISION = "deployment.kubernetes.io/revision"
_SYSTEM = ("kube-", "system:", "default", "edit", "view", "admin", "cluster-admin", "extension-apiserver")


def standing(kubectl: Path, kubeconfig: Path) -> dict[str, Obj]:
    """`Kind namespace/name` → object. Helm's own Secrets are left out: a release is compared by what it made."""
    command = [kubectl, "--kubeconfig", kubeconfig, "get", KINDS, "--all-namespaces", "--output", "json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)["items"]
    return {
        f"{obj['kind']} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}": _bare(obj)
        for obj in found
        if not obj["metadata"].get("namespace", "").startswith(("kube-", "default"))
        and not obj["metadata"]["name"].startswith(_SYSTEM)
        and obj.get("type") != "helm.sh/release.v1"
    }


def _bare(obj: Obj) -> Obj:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _WRITTEN}
    notes = {key: value for key, value in metadata.pop("annotations", {}).items() if key != _REVISION}
    return {**obj, "metadata": {**metadata, "annotations": notes}, "status": None}


def changes(before: dict[str, Obj], after: dict[str, Obj]) -> dict[str, str]:
    """What became of each object that is not as it was: made, gone or changed."""
    words = {(False, True): "made", (True, False): "gone", (True, True): "changed"}
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    return {key: words[key in before, key in after] for key in keys}

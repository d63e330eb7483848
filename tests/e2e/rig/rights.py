"""The tree's own manifests: the account of the service and what it may do, as an administrator applies them."""

from pathlib import Path

import yaml

from rig.api import Api, Obj

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
RIGHTS = ("namespace.yaml", "service-account.yaml", "cluster-role.yaml")
ACCOUNT = ("moorage", "moorage")


def manifests(*names: str) -> list[Obj]:
    """As `kubectl apply -k` sends them: with the kustomization's namespace."""
    objects = []
    for name in names:
        for obj in yaml.safe_load_all((DEPLOY / name).read_text()):
            if obj["kind"] == "ServiceAccount":
                obj["metadata"].setdefault("namespace", ACCOUNT[0])
            objects.append(obj)
    return objects


def grant(admin: Api) -> str:
    """Applied; returns a token of the service's account."""
    for obj in manifests(*RIGHTS):
        admin.apply(obj)
    return admin.token_for(*ACCOUNT, seconds=24 * 3600)


def revoke(admin: Api) -> None:
    """All but the namespace, which could not be made again before it is wholly gone."""
    for obj in reversed(manifests(*RIGHTS)):
        if obj["kind"] != "Namespace":
            admin.delete(obj["kind"], obj["metadata"]["name"], namespace=obj["metadata"].get("namespace"))

"""Kubernetes' own tokens: whom one belongs to (TokenReview), and what they may (SubjectAccessReview).

Whoever may list nodes in Kubernetes may read here, and whoever may list all pods sees who holds what: nobody learns
more than the API server would tell them. The form's defaults are changed by who may update `formdefaults.moorage`,
which no API server has, and a ClusterRole can name all the same.

Source: k8s.io/api v1.36 authentication/v1 and authorization/v1
"""

import asyncio
from typing import Any

import msgspec

from moorage.errors import MoorageError
from moorage.kube.client import Client
from moorage.service.signin.person import Person
from moorage.service.signin.remembered import Remembered, Silent

READS = {"verb": "list", "resource": "nodes"}
SEES_HOLDERS = {"verb": "list", "resource": "pods"}
CHANGES = {"verb": "update", "group": "moorage", "resource": "formdefaults"}


class Reviews(Remembered):
    def __init__(self, client: Client) -> None:
        super().__init__(self._review)
        self._client = client

    async def _review(self, token: str) -> Person | None:
        status = await self._ask_server("authentication", "TokenReview", {"token": token})
        user = status.get("user")
        if not status.get("authenticated") or not isinstance(user, dict) or not user.get("username"):
            return None
        reads, sees, changes = await asyncio.gather(
            *(self._may(user, attributes) for attributes in (READS, SEES_HOLDERS, CHANGES))
        )
        if not (reads or changes):
            return None
        return Person(str(user["username"]), "admin" if changes else "reader", sees_holders=sees, way="kubernetes")

    async def _may(self, user: dict[str, Any], attributes: dict[str, str]) -> bool:
        spec = {
            "resourceAttributes": attributes,
            "user": user["username"],
            **{name: user[name] for name in ("uid", "groups", "extra") if user.get(name)},
        }
        status = await self._ask_server("authorization", "SubjectAccessReview", spec)
        return status.get("allowed") is True

    async def _ask_server(self, group: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        body = {"apiVersion": f"{group}.k8s.io/v1", "kind": kind, "spec": spec}
        path = f"/apis/{group}.k8s.io/v1/{kind.lower()}s"
        try:
            answer = await self._client.review(path, msgspec.json.encode(body), within=5)
            status = msgspec.json.decode(answer, type=dict[str, Any]).get("status")
        except (MoorageError, msgspec.MsgspecError) as error:
            raise Silent(f"{kind}: {error}", hint="Apply the rights of optional/token-review.yaml.") from error
        return status if isinstance(status, dict) else {}

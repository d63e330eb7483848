"""`SelfSubjectAccessReview`, `SelfSubjectRulesReview` and `SubjectAccessReview`: may I?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from moorage.simulator.store.status import bad_request, no_such_path, unsupported_media

if TYPE_CHECKING:
    from moorage.simulator.api.authorization import User

Json = dict[str, Any]

_KINDS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
}
RESOURCES: Json = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "authorization.k8s.io/v1",
    "resources": [
        {"name": plural, "singularName": name.lower(), "namespaced": False, "kind": name, "verbs": ["create"]}
        for plural, name in _KINDS.items()
    ],
}


async def answer(user: User, request: web.Request, plural: str) -> web.Response:
    if plural not in _KINDS:
        raise no_such_path()
    if "protobuf" in request.content_type:
        raise unsupported_media(["application/json"])
    try:
        body = msgspec.json.decode(await request.read(), type=dict)
    except msgspec.MsgspecError as error:
        raise bad_request(f"error decoding the request's body: {error}") from error
    spec = body.get("spec") or {}
    status = _access(user, spec) if plural == "selfsubjectaccessreviews" else _rules(user)
    shown = {
        "kind": _KINDS[plural],
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {"creationTimestamp": None},
        "spec": spec,
        "status": status,
    }
    return web.json_response(shown, status=201)


def _access(user: User, spec: Json) -> Json:
    asked = spec.get("resourceAttributes")
    if not asked:
        return {"allowed": True}
    resource = str(asked.get("resource") or "*")
    if asked.get("subresource"):
        resource += f"/{asked['subresource']}"
    allowed = user.may(
        str(asked.get("verb") or "*"), str(asked.get("group") or ""), resource, asked.get("namespace") or None
    )
    return {"allowed": allowed} if allowed else {"allowed": False, "reason": "no rule of the token allows it"}


def _rules(user: User) -> Json:
    rules = [
        {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources)}
        for rule in user.rules
    ]
    return {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}

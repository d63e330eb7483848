"""Reviews: may I, may they, and whose token is this?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from moorage.simulator.store.status import Refusal, bad_request, no_such_path, unsupported_media

if TYPE_CHECKING:
    from moorage.simulator.api.authorization import Authorizer, User

Json = dict[str, Any]

_KINDS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "selfsubjectreviews": "SelfSubjectReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
    "subjectaccessreviews": "SubjectAccessReview",
    "tokenreviews": "TokenReview",
}
GROUPS = {
    "authorization.k8s.io": ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"),
    "authentication.k8s.io": ("selfsubjectreviews", "tokenreviews"),
}


def resources(group: str) -> Json:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/v1",
        "resources": [
            {
                "name": plural,
                "singularName": _KINDS[plural].lower(),
                "namespaced": False,
                "kind": _KINDS[plural],
                "verbs": ["create"],
            }
            for plural in GROUPS[group]
        ],
    }


async def answer(user: User, request: web.Request, group: str, plural: str, *, authorizer: Authorizer) -> web.Response:
    if plural not in GROUPS[group]:
        raise no_such_path()
    # What one may do oneself, everybody may ask.
    if not plural.startswith("self") and not user.may("create", group, plural, None):
        where = f'resource "{plural}" in API group "{group}" at the cluster scope'
        raise Refusal(403, "Forbidden", f'{plural}.{group} is forbidden: User "{user.name}" cannot create {where}')
    if "protobuf" in request.content_type:
        raise unsupported_media(["application/json"])
    try:
        body = msgspec.json.decode(await request.read(), type=dict)
    except msgspec.MsgspecError as error:
        raise bad_request(f"error decoding the request's body: {error}") from error
    spec = body.get("spec") or {}
    match plural:
        case "tokenreviews":
            status = _token(authorizer.holder(str(spec.get("token") or "")))
        case "subjectaccessreviews":
            status = _access(authorizer.named(str(spec.get("user") or "")), spec)
        case "selfsubjectreviews":
            status = {"userInfo": {"username": user.name, "groups": list(user.groups)}}
        case "selfsubjectaccessreviews":
            status = _access(user, spec)
        case _:
            status = _rules(user)
    shown = {
        "kind": _KINDS[plural],
        "apiVersion": f"{group}/v1",
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


def _token(user: User | None) -> Json:
    if user is None:
        return {"user": {}, "error": "invalid bearer token"}
    return {"authenticated": True, "user": {"username": user.name, "groups": list(user.groups)}}


def _rules(user: User) -> Json:
    rules = [
        {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources)}
        for rule in user.rules
    ]
    return {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}

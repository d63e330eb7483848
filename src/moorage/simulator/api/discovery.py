"""What the API server says about itself: versions, groups, resources, health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from moorage.simulator.api import reviews
from moorage.simulator.store.resources import ALL_VERBS, KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Collection

    from moorage.simulator.api.authorization import Authorizer, User

Json = dict[str, Any]

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.3",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-07-01T00:00:00Z",
    "goVersion": "go1.26.0",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_GROUPS = sorted({(kind.group, kind.version) for kind in KINDS if kind.group and not kind.addon})
_PLACES = ["api/v1", *(f"apis/{group}/{version}" for group, version in _GROUPS)]


async def answer(
    user: User, request: web.Request, path: str, *, authorizer: Authorizer, addons: Collection[tuple[str, str]] = ()
) -> web.StreamResponse | None:
    """None where this path is unknown here. `addons` are the groups and versions that are served beside the usual."""
    match [part for part in path.split("/") if part]:
        case ["version"]:
            return web.json_response(VERSION)
        case ["openapi", "v3"]:
            return web.json_response(
                {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}"} for place in _PLACES}}
            )
        case ["openapi", "v3", *rest] if "/".join(rest) in _PLACES:
            return web.json_response(_openapi("/".join(rest)))
        case ["apis", group] if group in reviews.GROUPS:
            return web.json_response({"kind": "APIGroup", "apiVersion": "v1", **_group(group, "v1")})
        case ["apis", group, "v1"] if group in reviews.GROUPS:
            return web.json_response(reviews.resources(group))
        case ["apis", group, "v1", plural] if group in reviews.GROUPS and request.method == "POST":
            return await reviews.answer(user, request, group, plural, authorizer=authorizer)
        case ["livez" | "readyz" | "healthz", *_]:
            return await health(request)
        case []:
            return web.json_response(
                {"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"]}
            )
        case ["api"]:
            return web.json_response({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        case ["apis"]:
            return web.json_response(
                {
                    "kind": "APIGroupList",
                    "apiVersion": "v1",
                    "groups": [_group(*g) for g in [*_GROUPS, *((name, "v1") for name in reviews.GROUPS)]],
                }
            )
        case ["apis", group] if any(group == name for name, _ in [*_GROUPS, *addons]):
            version = next(version for name, version in [*_GROUPS, *addons] if name == group)
            return web.json_response({"kind": "APIGroup", "apiVersion": "v1", **_group(group, version)})
        case ["api", "v1"]:
            return web.json_response(_resources("", "v1"))
        case ["apis", group, version] if (group, version) in _GROUPS:
            return web.json_response(_resources(group, version))
        case _:
            return None


def _openapi(place: str) -> Json:
    """As little as kubectl needs to leave the validation of fields to the server."""
    group, version = ("", "v1") if place == "api/v1" else tuple(place.split("/")[1:])
    paths: Json = {}
    schemas: Json = {}
    for kind in KINDS:
        if (kind.group, kind.version) != (group, version):
            continue
        named = {"group": group, "version": version, "kind": kind.name}
        template = kind.path(namespace="{namespace}", name="{name}")
        paths[template] = {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": named,
            }
        }
        schemas[f"io.k8s.simulated.{group or 'core'}.{version}.{kind.name}"] = {
            "type": "object",
            "description": "The simulator publishes no fields.",
            "x-kubernetes-group-version-kind": [named],
        }
    info = {"title": "Kubernetes", "version": "v1.36.3"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def knows(path: str) -> bool:
    """Whether this path lies below a group and version that is served."""
    return any(path.startswith(f"/{place}/") for place in _PLACES)


async def health(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _group(group: str, version: str) -> Json:
    shown = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [shown], "preferredVersion": shown}


def _resources(group: str, version: str) -> Json:
    rows: list[Json] = []
    for kind in KINDS:
        if (kind.group, kind.version) == (group, version):
            rows += _rows(kind)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": rows,
    }


def _rows(kind: Kind) -> list[Json]:
    row: Json = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list(ALL_VERBS),
    }
    if kind.short:
        row["shortNames"] = list(kind.short)
    if kind.categories:
        row["categories"] = list(kind.categories)
    rows = [row]
    if kind.has_status:
        verbs = ["get", "patch", "update"]
        rows.append({**_sub(kind, "status"), "kind": kind.name, "verbs": verbs})
    if kind.plural == "pods":
        rows.append({**_sub(kind, "log"), "kind": "Pod", "verbs": ["get"]})
        rows.append({**_sub(kind, "binding"), "kind": "Binding", "verbs": ["create"]})
        rows.append({**_sub(kind, "resize"), "kind": "Pod", "verbs": ["get", "patch", "update"]})
        eviction = {"group": "policy", "version": "v1", "kind": "Eviction", "verbs": ["create"]}
        rows.append({**_sub(kind, "eviction"), **eviction})
    return rows


def _sub(kind: Kind, name: str) -> Json:
    return {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}

"""The service as an application of its own, and as a router for somebody else's."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

import moorage
from moorage.service.http.description import Described
from moorage.service.http.errors import answer_error
from moorage.service.paths import (
    dashboard,
    fit,
    health,
    hub_config,
    images,
    machines,
    queues,
    resources,
    streaming,
    waiting,
)
from moorage.service.settings import Settings
from moorage.service.state.parts import Parts, running

PREFIX = "/api/v1"
DESCRIPTION = "What is really free on each Kubernetes node, whether a pod fits, and what would fit instead."


def create_router(settings: Settings | None = None, *, parts: Parts | None = None) -> APIRouter:
    """Every path of the API, without its prefix. Its lifespan starts the service.

    Settings that are not given come from the environment when it starts. `parts`: a service that runs already.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
        if parts is not None:
            yield {"moorage": parts}
            return
        async with running(settings if settings is not None else Settings()) as started:
            yield {"moorage": started}

    router = APIRouter(lifespan=lifespan)
    for resource in (resources, streaming, fit, waiting, queues, machines, images, hub_config):
        router.include_router(resource.router)
    return router


class UnderPath:
    """For a proxy that passes on the path as it is, such as JupyterHub's: what is before ours is the root path."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._prefix}/"):
            scope = {**scope, "root_path": self._prefix}
        await self._app(scope, receive, send)


def create_app(settings: Settings | None = None, *, parts: Parts | None = None) -> FastAPI:
    settings = settings if settings is not None else Settings()
    app = Described(
        title="moorage",
        version=moorage.__version__,
        description=DESCRIPTION,
        # FastAPI's own pages load their scripts from elsewhere, which a closed network does not allow.
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            HTTPException: answer_error,
            RequestValidationError: answer_error,
            Exception: answer_error,
        },
    )
    app.needs_token = settings.guarded
    if settings.root_path:
        app.add_middleware(UnderPath, prefix=settings.root_path)
    app.include_router(create_router(settings, parts=parts), prefix=PREFIX)
    app.include_router(health.router)
    dashboard.add_to(app, hub_logs_in=settings.hub_api_url is not None)
    return app

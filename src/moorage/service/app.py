"""The service as an application of its own, and as a router for somebody else's."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

import moorage
from moorage.service import dashboard, fit, health, hub_config, images, resources, streaming
from moorage.service.errors import answer_error
from moorage.service.parts import Parts, running
from moorage.service.settings import Settings

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
    for resource in (resources, streaming, fit, images, hub_config):
        router.include_router(resource.router)
    return router


def create_app(settings: Settings | None = None, *, parts: Parts | None = None) -> FastAPI:
    settings = settings if settings is not None else Settings()
    app = FastAPI(
        title="moorage",
        version=moorage.__version__,
        description=DESCRIPTION,
        root_path=settings.root_path,
        # FastAPI's own pages load their scripts from elsewhere, which a closed network does not allow.
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            HTTPException: answer_error,
            RequestValidationError: answer_error,
            Exception: answer_error,
        },
    )
    app.include_router(create_router(settings, parts=parts), prefix=PREFIX)
    app.include_router(health.router)
    dashboard.add_to(app)
    return app

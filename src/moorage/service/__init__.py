"""The HTTP service: `create_app` for `moorage serve`, `moorage_router` for an application that exists already."""

from moorage.service.app import create_app, create_router
from moorage.service.settings import Settings

__all__ = ["Settings", "create_app", "create_router", "moorage_router"]

moorage_router = create_router()

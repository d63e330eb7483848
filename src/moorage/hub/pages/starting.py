"""Our templates of the hub's pages. The page of a start stands in place of JupyterHub's own: that one stands still
while the hub is being restarted, and where a Content-Security-Policy allows no inline scripts. Home and the admin page
are JupyterHub's own with something added; the form's page and those of an end get the landmark that they lack. An
administrator's own template has precedence over all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from jupyterhub.utils import url_path_join

from moorage.hub.pages import files, waits
from moorage.hub.pages.rows import of_user as servers
from moorage.texts import t
from moorage.texts.pages import texts

_FOLDER = str(Path(__file__).with_name("templates") / "hub")


def take_the_place(app: Any) -> None:
    """Let this hub find our templates before its own."""
    static = url_path_join(app.hub_prefix, "moorage", "static", files.version(), files.STATIC)
    for name in ("jinja2_env", "jinja2_env_sync"):
        environment = app.tornado_settings.get(name)
        if environment is None:
            continue
        environment.globals.update(
            moorage_static=static,
            moorage_t=t,
            moorage_texts=texts,
            moorage_servers=servers,
            moorage_wait=waits.about,
            moorage_part=waits.part,
            moorage_image=waits.image,
        )
        for loader in getattr(environment.loader, "loaders", ()):
            # JupyterHub's own folder is the last one, and stands behind a prefix once more, for templates that extend.
            if isinstance(loader, FileSystemLoader) and _FOLDER not in loader.searchpath:
                loader.searchpath.insert(len(loader.searchpath) - 1, _FOLDER)

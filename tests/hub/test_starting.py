"""The page of a start takes the place of JupyterHub's own, and of nobody else's."""

from types import SimpleNamespace

import pytest
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

from moorage.hub.pages.starting import take_the_place


@pytest.fixture
def hub_of(tmp_path):
    """JupyterHub's loaders, with a folder of the administrator's that holds these templates."""

    def made(**templates):
        site, own = tmp_path / "site", tmp_path / "own"
        for folder, files in ((site, templates), (own, {"spawn_pending": "theirs", "page": "page"})):
            folder.mkdir()
            for name, text in files.items():
                (folder / f"{name}.html").write_text(text)
        loader = ChoiceLoader(
            [
                PrefixLoader({"templates": FileSystemLoader([str(own)])}, "/"),
                FileSystemLoader([str(site), str(own)]),
            ]
        )
        return SimpleNamespace(hub_prefix="/hub/", tornado_settings={"jinja2_env": Environment(loader=loader)})

    return made


def source(app, name="spawn_pending.html"):
    environment = app.tornado_settings["jinja2_env"]
    return environment.loader.get_source(environment, name)[0]


def test_ours_comes_before_jupyterhubs(hub_of):
    app = hub_of()

    take_the_place(app)

    assert "moorage-starting" in source(app)
    assert source(app, "page.html") == "page"
    assert app.tornado_settings["jinja2_env"].globals["moorage_static"].startswith("/hub/moorage/static/")


def test_an_administrators_own_page_comes_before_ours(hub_of):
    app = hub_of(spawn_pending="the site's")

    take_the_place(app)

    assert source(app) == "the site's"


def test_jupyterhubs_own_can_still_be_extended(hub_of):
    app = hub_of()

    take_the_place(app)

    assert source(app, "templates/spawn_pending.html") == "theirs"


def test_nothing_of_the_page_is_an_inline_script(hub_of):
    app = hub_of()

    take_the_place(app)

    assert "<script>" not in source(app)
    assert "style=" not in source(app)

"""Several versions of JupyterHub are tested: each run on the one that it is named after."""

import jupyterhub
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_hub_is_the_version_that_these_tests_stand_on(hub):
    _, about = await hub.api("GET", "/")

    assert about["version"] == jupyterhub.__version__

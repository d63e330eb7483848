"""Generated requests against the API's own description, over a real port."""

import asyncio
import threading
from concurrent.futures import Future

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from moorage.service.run import serving
from moorage.service.settings import Settings
from moorage.simulator import Simulator, node, pod

EXAMPLES = 25
TOKEN = "t" * 40


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A service on a loop of its own, since the generated tests are not asynchronous."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text(f"ada:admin:{TOKEN}\n")
    started: Future[str] = Future()
    stop = threading.Event()

    async def run() -> None:
        async with Simulator() as simulator:
            simulator.add(node("a", gpu=1), node("b"), pod("p", on="a", cpu="1"))
            settings = Settings(port=0, api_server=simulator.url, images=["q/x:1"], token_file=tokens)
            async with serving(settings) as (address, parts):
                while parts.live.snapshot is None:
                    await asyncio.sleep(0.02)
                started.set_result(address)
                while not stop.is_set():
                    await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    yield started.result(timeout=20)
    stop.set()
    thread.join(20)


@pytest.fixture(scope="module")
def schema(url):
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


OPERATIONS = [
    ("GET", "/api/v1/cluster/resources"),
    ("GET", "/api/v1/cluster/resources/{name}"),
    ("POST", "/api/v1/cluster/fit"),
    ("GET", "/api/v1/images/jupyter"),
    ("GET", "/api/v1/jupyterhub/config"),
    ("PUT", "/api/v1/jupyterhub/config"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_is_answered_is_what_is_described(schema, url, method, path) -> None:
    @hypothesis.given(case=schema[path][method].as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        derandomize=True,
        database=None,
    )
    def generated(case) -> None:
        # Quantities and pods have rules that a schema can't say: what it allows may still be refused in a sentence.
        case.call_and_validate(
            base_url=url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            excluded_checks=[positive_data_acceptance] if method in ("POST", "PUT") else [],
        )

    generated()

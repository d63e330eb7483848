"""`moorage doctor`"""

import asyncio
import contextlib

import click

from moorage.cli.doctor.checks import findings
from moorage.cli.doctor.facts import read_facts
from moorage.cli.doctor.findings import FINE, Finding, as_json
from moorage.cli.doctor.hub import Hub, find_hub
from moorage.cli.doctor.reading import Reader
from moorage.cli.doctor.show import show
from moorage.cli.options import kubeconfig_options, output_option
from moorage.cli.show import console, structured
from moorage.kube.connect import connect
from moorage.kube.errors import Forbidden


@click.command(
    help="Check a zero-to-jupyterhub hub, its moorage and the cluster; say what to do. Only reads, shows no secret. "
    "Exit status: 0 if all is well, 1 if there is something to look at, 2 if the cluster or the hub could not be found."
)
@kubeconfig_options
@click.option("-n", "--namespace", metavar="NAME", help="Namespace of the hub. Default: all that can be read.")
@click.option("--release", metavar="NAME", help="Helm release of the hub, if there are several.")
@click.option(
    "--server",
    metavar="URL",
    envvar="MOORAGE_SERVER",
    help="Where the running service can be asked, as by a port-forward; in the cluster it is by its own name.",
)
@click.option("--token", metavar="TOKEN", envvar="MOORAGE_TOKEN", help="Token for that. Default: the hub's.")
@output_option
def doctor(
    *,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    release: str | None,
    server: str | None,
    token: str | None,
    output: str,
) -> int:
    asked = _examine(kubeconfig, context=context, namespace=namespace, release=release, server=server, token=token)
    hub, found = asyncio.run(asked)
    if output == "table":
        show(found, hub=hub.name, namespace=hub.namespace, console=console())
    else:
        structured(as_json(found, hub=hub.name, namespace=hub.namespace), output=output)
    return 0 if all(one.state in FINE for one in found) else 1


async def _examine(
    kubeconfig: str | None,
    *,
    context: str | None,
    namespace: str | None,
    release: str | None,
    server: str | None,
    token: str | None,
) -> tuple[Hub, list[Finding]]:
    async with await connect(kubeconfig=kubeconfig, context=context) as client:
        with contextlib.suppress(Forbidden):
            await client.get("/version", within=10)
        reader = Reader(client)
        hub = await find_hub(reader, namespace=namespace, release=release)
        return hub, findings(await read_facts(reader, hub, server=server, token=token))

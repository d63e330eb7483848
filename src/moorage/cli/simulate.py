"""`moorage simulate`"""

from pathlib import Path

import click


@click.command(help="Run a small simulated cluster that speaks the Kubernetes API on 127.0.0.1.")
@click.option("--from", "dumps", metavar="FILE", multiple=True, help="Begin with a dump. Several are put together.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="Port; 0 picks a free one."
)
@click.option("--kubeconfig-out", type=click.Path(path_type=Path), metavar="FILE", help="Write a kubeconfig for it.")
def simulate(*, dumps: tuple[str, ...], port: int, kubeconfig_out: Path | None) -> None:
    from moorage.simulator.demo.run import run

    run(dumps=dumps, port=port, kubeconfig_out=kubeconfig_out)

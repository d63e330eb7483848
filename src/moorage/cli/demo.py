"""`moorage demo`"""

import sys
from pathlib import Path

import click


@click.command(help="Run JupyterHub, the service and a simulated cluster on 127.0.0.1. Ctrl-C stops everything.")
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", default=8000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder for its files [.demo].")
def demo(*, port: int, folder: Path | None) -> None:
    from moorage.simulator.demo.demo import main

    sys.exit(main(port=port, folder=folder))

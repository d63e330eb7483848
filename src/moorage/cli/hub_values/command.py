"""`moorage hub-values`"""

import re
from typing import IO

import click
from yaml.nodes import MappingNode

from moorage.cli.hub_values.documents import UnfitValues, mapping, read, write
from moorage.cli.hub_values.fit import fit, moorages
from moorage.cli.hub_values.overlay import overlay
from moorage.cli.show import safe

_HEAD = "# Made by `moorage hub-values`: your values and those that moorage needs in the hub, for one `helm upgrade`.\n"


@click.command(
    "hub-values",
    help="Put your values files of the hub (- reads standard input) and moorage's together into one, whatever form "
    "yours have. The result goes to standard output, what was changed and why to standard error. Several files are put "
    "together as Helm does it; without any, the result is moorage's values alone.",
)
@click.argument("files", nargs=-1, type=click.File(encoding="utf-8"), metavar="[FILE]...")
@click.option("--image", metavar="REF", help="moorage's image, as your nodes pull it.")
@click.option(
    "--service-namespace", metavar="NAME", default="moorage", show_default=True, help="Namespace of moorage's service."
)
@click.option("--under", metavar="KEY", help="Key of the hub's values, where its chart is part of another one.")
def hub_values(*, files: tuple[IO[str], ...], image: str | None, service_namespace: str, under: str | None) -> None:
    if image is not None and not re.fullmatch(r"[\w.:/@-]+", image):
        raise click.UsageError("--image is no reference of an image.")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", service_namespace):
        raise click.UsageError("--service-namespace is no name of a namespace.")
    made, told = MappingNode("tag:yaml.org,2002:map", [], flow_style=False), []
    for file in files:
        told += overlay(made, read(_text(file), name=file.name), name=file.name)
    prefix = f"{under}." if under else ""
    place = mapping(made, under) if under else made
    told += [f"{prefix}{sentence}" for sentence in fit(place, moorages(image=image, namespace=service_namespace))]
    made.flow_style = False
    click.echo(_HEAD + write(made), nl=False)
    for sentence in told:
        click.echo(f"moorage: {safe(sentence)}", err=True)


def _text(file: IO[str]) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise UnfitValues(f"{file.name} is not text in UTF-8") from error

"""`moorage import-profiles`"""

from typing import IO, Literal

import click

from moorage.cli.hub_values.documents import UnfitValues, compose
from moorage.cli.profiles.lists import profiles
from moorage.cli.profiles.turned import turned
from moorage.cli.profiles.written import python, values
from moorage.cli.show import safe


@click.command(
    "import-profiles",
    help="Turn a list of KubeSpawner's profiles into moorage's images and presets. FILE (- reads standard input) is "
    "the hub's values with singleuser.profileList, the list itself as JSON or YAML, or Nebari's configuration. The "
    "options go to standard output; what could not be turned goes to standard error, with its line.",
)
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "-o",
    "--output",
    type=click.Choice(["python", "values"]),
    default="python",
    show_default=True,
    help="Python for jupyterhub_config.py, or values for the chart.",
)
def import_profiles(*, file: IO[str], output: Literal["python", "values"]) -> None:
    try:
        text = file.read()
    except UnicodeDecodeError as error:
        raise UnfitValues(f"{file.name} is not text in UTF-8") from error
    made = turned(profiles(compose(text, name=file.name), name=file.name))
    click.echo(values(made) if output == "values" else python(made), nl=False)
    notes = made.notes.sorted()
    for note in notes:
        click.echo(f"{safe(file.name)}:{note.line}: {safe(note.path)}: {safe(note.text)}", err=True)
    images, presets = len(made.images), len(made.presets)
    click.echo(f"moorage: {images} images, {presets} presets, {len(notes)} things to look at", err=True)

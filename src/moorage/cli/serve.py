"""`moorage serve`: every setting of the service as an option."""

import os
import types
import typing
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from moorage.errors import MoorageError
from moorage.service.settings import Settings

# A password on a command line is seen by everybody on the machine.
_NOT_AN_OPTION = (SecretStr,)


def _options() -> list[click.Parameter]:
    made: list[click.Parameter] = []
    for name, field in Settings.model_fields.items():
        kind = _kind(field)
        if kind in _NOT_AN_OPTION:
            continue
        flag = kind is bool
        made.append(
            click.Option(
                [f"--{name.replace('_', '-')}"],
                type=_click_type(kind),
                is_flag=flag,
                default=None,
                metavar=None if flag or typing.get_origin(kind) is typing.Literal else _metavar(kind, name),
                help=f"{field.description} [MOORAGE_{name.upper()}]",
            )
        )
    return made


def _kind(field: FieldInfo) -> Any:
    """The type of a field, less the None."""
    annotation = field.annotation
    if isinstance(annotation, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation


def _click_type(kind: Any) -> Any:
    if typing.get_origin(kind) is typing.Literal:
        return click.Choice(typing.get_args(kind))
    return kind if kind in (int, float, bool) else str


def _metavar(kind: Any, name: str) -> str:
    if kind is Path:
        return "FILE"
    if name.endswith("_url") or name == "api_server":
        return "URL"
    return {int: "NUMBER", float: "SECONDS"}.get(kind, "TEXT")


@click.command(
    params=_options(),
    help="Run the HTTP service. Each option can also be set by the environment variable named after it.",
)
def serve(**given: Any) -> None:
    from moorage.service.managed import managed_by_hub
    from moorage.service.run import run

    try:
        chosen = {name: value for name, value in given.items() if value is not None}
        settings = Settings(**{**managed_by_hub(os.environ), **chosen})
    except ValidationError as exc:
        raise MoorageError(_sentence(exc)) from exc
    run(settings)


def _sentence(exc: ValidationError) -> str:
    """The first problem; the others show when it is solved."""
    problem = exc.errors(include_url=False, include_input=False)[0]
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    name = str(problem["loc"][0])
    return f"--{name.replace('_', '-')} (MOORAGE_{name.upper()}): {message}"

"""Options that several commands share: where the answer comes from, and how it is shown."""

import functools
from collections.abc import Callable
from typing import Any

import click

from moorage.cli.sources.source import Origin

OUTPUTS = ("table", "json", "yaml")


def kubeconfig_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which cluster is read."""
    context = click.option("--context", metavar="NAME", envvar="MOORAGE_CONTEXT", help="Context of the kubeconfig.")
    return click.option(
        "--kubeconfig",
        metavar="FILE",
        envvar="MOORAGE_KUBECONFIG",
        help="Read the cluster of this kubeconfig. Default: $KUBECONFIG or ~/.kube/config.",
    )(context(command))


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of a source and hands the command an `origin` in their place."""

    @click.option("--server", metavar="URL", envvar="MOORAGE_SERVER", help="A running moorage service.")
    @click.option(
        "--token", metavar="TOKEN", envvar="MOORAGE_TOKEN", help="Token for that service; better set as MOORAGE_TOKEN."
    )
    @kubeconfig_options
    @click.option(
        "--from",
        "dumps",
        metavar="FILE",
        multiple=True,
        help="A dump, as from kubectl get nodes,pods,pvc,pv,sc,csinodes,ns -A -o json; - reads standard input. "
        "Can be repeated: several dumps are put together.",
    )
    @functools.wraps(command)
    def with_origin(
        *args: Any,
        server: str | None,
        token: str | None,
        kubeconfig: str | None,
        context: str | None,
        dumps: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        given = _from_command_line("server", "kubeconfig", "dumps")
        if len(given) > 1:
            raise click.UsageError("Use only one of --server, --kubeconfig and --from.")
        if dumps.count("-") > 1:
            raise click.UsageError("Only one --from can read standard input.")
        if given:  # an option on the command line stands before another source's environment variable
            server = server if "server" in given else None
            kubeconfig = kubeconfig if "kubeconfig" in given else None
        if context is not None and (dumps or server) and "context" in _from_command_line("context"):
            raise click.UsageError("--context needs a kubeconfig, not --server or --from.")
        origin = Origin(server=server, token=token, kubeconfig=kubeconfig, context=context, dumps=dumps)
        return command(*args, origin=origin, **kwargs)

    return with_origin


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-o", "--output", type=click.Choice(OUTPUTS), default="table", show_default=True, help="Output format."
    )(command)


def _from_command_line(*names: str) -> list[str]:
    context = click.get_current_context()
    return [name for name in names if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]

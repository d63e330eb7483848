"""The commands. Each command is imported when it is called: `moorage nodes` needs no web server."""

import sys
from typing import Any

import click

import moorage
from moorage.cli.extras import missing
from moorage.errors import MoorageError

NAMES = {
    "nodes": "What is free on each node right now.",
    "fit": "Whether a pod fits, where, and what would fit instead.",
    "images": "The images that a notebook can be started from.",
    "doctor": "Check a hub and its moorage, and say what to do.",
    "hub-values": "Put your values of the hub and moorage's together.",
    "import-profiles": "Turn a list of profiles into moorage's images and presets.",
    "serve": "Run the HTTP service.",
    "simulate": "Run a small simulated cluster.",
    "demo": "Run a hub, the service and a simulated cluster on this machine.",
}


class Commands(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in NAMES:
            import difflib

            near = difflib.get_close_matches(args[0], NAMES, 1)
            meant = f"Did you mean “{near[0]}”?" if near else "“moorage --help” lists them."
            raise click.UsageError(f"There is no command “{args[0]}”. {meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(NAMES.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Exit status 2 and one sentence for whatever went wrong; never a traceback."""
        kwargs["standalone_mode"] = False
        try:
            try:
                status = super().main(*args, **kwargs)
            except ModuleNotFoundError as exc:
                raise missing(exc) from exc
        except click.exceptions.NoArgsIsHelpError as exc:
            exc.show()
            sys.exit(2)
        except click.ClickException as exc:
            _say(exc.format_message())
            sys.exit(2)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except MoorageError as exc:
            _say(f"{exc}; {exc.hint}" if exc.hint else str(exc))
            sys.exit(2)
        except BrokenPipeError:
            # The reader has seen enough, as with `moorage nodes | head`.
            sys.stderr.close()
            sys.exit(0)
        except Exception as exc:  # a person gets a sentence; who wants the trace asks for it
            if click.get_current_context(silent=True) is None and _wants_trace():
                raise
            _say(f"unexpected error: {type(exc).__name__}: {exc}; set MOORAGE_DEBUG=1 for a traceback")
            sys.exit(2)
        sys.exit(status if isinstance(status, int) else 0)


def _wants_trace() -> bool:
    import os

    return bool(os.environ.get("MOORAGE_DEBUG"))


def _say(sentence: str) -> None:
    click.echo(f"moorage: {' '.join(sentence.split())}", err=True)


def _command(name: str) -> click.Command | None:
    match name:
        case "nodes":
            from moorage.cli.nodes import nodes

            return nodes
        case "fit":
            from moorage.cli.fit import fit

            return fit
        case "images":
            from moorage.cli.images import images

            return images
        case "doctor":
            from moorage.cli.doctor.command import doctor

            return doctor
        case "hub-values":
            from moorage.cli.hub_values.command import hub_values

            return hub_values
        case "import-profiles":
            from moorage.cli.profiles.command import import_profiles

            return import_profiles
        case "serve":
            from moorage.cli.serve import serve

            return serve
        case "simulate":
            from moorage.cli.simulate import simulate

            return simulate
        case "demo":
            from moorage.cli.demo import demo

            return demo
    return None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="What is really free on each Kubernetes node, and whether a pod fits.",
)
@click.version_option(moorage.__version__, prog_name="moorage")
def main() -> None:
    pass

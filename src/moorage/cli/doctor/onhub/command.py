"""The command line of it, with what every Python has."""

import argparse
import asyncio
import json
import logging
import sys
import textwrap
from collections.abc import Iterator

from moorage.cli.doctor.findings import FINE, Finding, State, as_json, summed_up
from moorage.cli.doctor.onhub.checks import findings
from moorage.cli.doctor.onhub.seen import Seen, look

_MARKS = {
    State.OK: "✓",
    State.NOTE: "i",
    State.ATTENTION: "!",
    State.FAILED: "✗",
    State.UNKNOWN: "?",
    State.SKIPPED: "–",
}
_WIDTH = 100


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "moorage doctor",
        description="What this hub sees of moorage and may do. Exit status: 0 if all is well, 1 if there is something "
        "to look at, 2 for a wrong option. Run `moorage doctor` on a workstation for the release and the cluster.",
    )
    parser.add_argument("--server", metavar="URL", help="Where the service is. Default: as the hub's values say.")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="Output format.")
    asked = parser.parse_args(words)
    # What the packages below say to their logs is said in the findings.
    logging.disable(logging.CRITICAL)
    seen = asyncio.run(look(server=asked.server))
    found = findings(seen)
    if asked.output == "json":
        told = json.dumps(as_json(found, hub="", namespace=seen.cluster.namespace), indent=1, ensure_ascii=False)
    else:
        told = "\n".join(_lines(found, seen))
    sys.stdout.write(f"{told}\n")
    return 0 if all(one.state in FINE for one in found) else 1


def _lines(found: list[Finding], seen: Seen) -> Iterator[str]:
    yield f"In the hub's pod, namespace {seen.cluster.namespace or 'unknown'}"
    yield ""
    wide = max(len(one.subject) for one in found)
    for one in found:
        said = [" ".join(filter(None, (one.says, one.why))), *([f"→ {one.next}"] if one.next else [])]
        first, *others = [row for text in said for row in textwrap.wrap(_plain(text), _WIDTH - wide - 3)]
        yield f"{_MARKS[one.state]} {one.subject:<{wide}} {first}"
        yield from (f"  {'':<{wide}} {row}" for row in others)
    yield ""
    yield summed_up(found)


def _plain(text: str) -> str:
    """Escape sequences in an answer must not steer the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)

"""As much of helm as the role calls: releases with a history, in one JSON file."""

import argparse
import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_STATE"]) / "releases.json"
LOG = Path(os.environ["FAKE_STATE"]) / "helm.log"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    for option in (
        "kube-context",
        "namespace",
        "output",
        "version",
        "description",
        "history-max",
        "timeout",
        "repo",
    ):
        parser.add_argument(f"--{option}", default="")
    parser.add_argument("--values", action="append", default=[])
    for option in ("install", "wait"):
        parser.add_argument(f"--{option}", action="store_true")
    args = parser.parse_intermixed_args()
    with LOG.open("a") as log:
        log.write(" ".join(sys.argv[1:]) + "\n")
    releases = json.loads(STATE.read_text()) if STATE.exists() else {}
    match args.words:
        case ["history", name]:
            if name not in releases:
                sys.exit("Error: release: not found")
            print(json.dumps(releases[name]))
        case ["upgrade", name, _]:
            revisions = releases.setdefault(name, [])
            for revision in revisions:
                revision["status"] = "superseded"
            values = [Path(path).read_text() for path in args.values]
            revisions.append(
                {
                    "revision": len(revisions) + 1,
                    "status": "deployed",
                    "description": args.description,
                    "values": values,
                }
            )
        case ["rollback", name, revision]:
            for former in releases[name]:
                former["status"] = "superseded"
            releases[name].append(
                {"revision": len(releases[name]) + 1, "status": "deployed", "description": f"Rollback to {revision}"}
            )
        case _:
            sys.exit(f"the fake helm does not know: {args.words}")
    STATE.write_text(json.dumps(releases))


main()

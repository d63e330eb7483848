"""Commands as the pages have them, for the tests that run them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def section(page: str, title: str) -> str:
    """The part of a page below a heading, up to the next one of the same height or above."""
    text = (ROOT / page).read_text()
    [found] = re.finditer(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    rest = text[found.end() :]
    end = re.search(
        rf"^#{{1,{len(found[1])}}} ", re.sub(r"(?s)```.*?```", lambda b: "x" * len(b[0]), rest), re.MULTILINE
    )
    return rest[: end.start()] if end else rest


def commands(text: str) -> list[str]:
    """The commands of its console blocks, each with the lines that belong to it."""
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif found and re.search(r"[\\|]$", found[-1]):
                found[-1] += f"\n{line}"
    return found

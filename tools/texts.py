"""Brings the catalogues of `src/moorage/texts` up to date with the texts of the code: what is new comes in without a
translation, what is gone goes. `--check` changes nothing and fails where something would.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "moorage"
FOLDER = PACKAGE / "texts"
METHODS = [("**.py", "python"), ("**.js", "javascript"), ("**.html", "jinja2.ext.babel_extract")]
KEYWORDS = {"t": None, "later": None, "tn": (1, 2)}


def extracted() -> Catalog:
    """All texts of the code, each with the files that it stands in."""
    found = Catalog(fuzzy=False)
    for name, _, message, _, _ in extract_from_dir(PACKAGE, METHODS, keywords=KEYWORDS):
        if message:
            found.add(message, locations=[(name, 0)])
    for message in found:
        message.locations = sorted(set(message.locations))
    return found


def fresh(file: Path) -> tuple[bytes, Catalog]:
    """The catalogue of this file as it should be."""
    catalogue = read_po(BytesIO(file.read_bytes()), locale=file.stem)
    catalogue.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
    out = BytesIO()
    write_po(out, catalogue, width=120, omit_header=True, sort_output=True, ignore_obsolete=True, include_lineno=False)
    # Babel's own header has dates and knows no names of ours.
    header = file.read_bytes().partition(b"\n\n")[0]
    return b"\n\n".join([header.rstrip(), out.getvalue().strip()]).rstrip() + b"\n", catalogue


def main() -> int:
    status = 0
    for file in sorted(FOLDER.glob("*.po")):
        content, catalogue = fresh(file)
        missing = [message.id for message in catalogue if message.id and not all(_strings(message))]
        for text in missing:
            print(f"{file.name}: not translated: {text}")
        if content != file.read_bytes():
            status = 1
            print(f"{file.name}: {'is not as the code is: run tools/texts.py' if '--check' in sys.argv else 'changed'}")
        if "--check" in sys.argv:
            status |= bool(missing)
        else:
            file.write_bytes(content)
    return status if "--check" in sys.argv else 0


def _strings(message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, list | tuple) else (message.string or "",)


if __name__ == "__main__":
    sys.exit(main())

"""`moorage images`"""

import asyncio
from typing import Any

import click
from rich.table import Table

from moorage.cli.options import output_option, source_options
from moorage.cli.show import console, safe, size, structured, table
from moorage.cli.sources.source import Origin, opened


@click.command(
    help="The images that a notebook can be started from. Without --server, they come from MOORAGE_IMAGES_FILE, "
    "MOORAGE_HARBOR_URL and the like."
)
@output_option
@source_options
def images(*, origin: Origin, output: str) -> None:
    found = asyncio.run(_images(origin))
    if output == "table":
        console().print(_table(found))
    else:
        structured(found, output=output)


async def _images(origin: Origin) -> list[dict[str, Any]]:
    async with opened(origin) as source:
        return await source.images()


def _table(found: list[dict[str, Any]]) -> Table:
    made = table(
        ("IMAGE", {"overflow": "fold", "min_width": 12}),
        ("SHOWN AS", {"overflow": "fold", "min_width": 8}),
        ("SIZE", {"justify": "right", "no_wrap": True}),
        ("ARCH", {"overflow": "fold"}),
        ("PUSHED", {"no_wrap": True}),
        ("NODES", {"justify": "right", "no_wrap": True}),
    )
    for image in found:
        present = image["nodes_present"]
        made.add_row(
            safe(image["name"] + (" *" if image["default"] else "")),
            safe(image["display_name"]),
            size(image["size_bytes"]) if image["size_bytes"] is not None else "-",
            safe(", ".join(image["arch"]) or "-"),
            safe((image["pushed_at"] or "-")[:10]),
            str(len(present)) if present is not None else "-",
        )
    if not found:
        made.add_row(safe("No images on offer."))
    return made

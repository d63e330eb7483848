"""One module for each place that knows something of cards. `base` says what a source is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.gpus.sources.base import Source
    from moorage.gpus.sources.prometheus import Directory
    from moorage.kube.client import Client


def from_settings(settings: Mapping[str, Any], *, client: Client, directory: Directory) -> list[Source]:
    """The sources that settings switch on; see `configured` for their names."""
    # Not at the top: who reads labels and counts alone needs no HTTP client.
    from moorage.gpus.sources import configured

    return configured.sources(settings, client=client, directory=directory)

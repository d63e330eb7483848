"""How large the options of a server may be. Whatever is posted is saved, read at each look at the hub's users, and sent
to whoever asks for them.
"""

from __future__ import annotations

import json
from typing import Any

from moorage.hub.choice.refusal import Refusal

# Characters of JSON. A choice has some two hundred, and profiles add what their own fields hold.
LARGEST = 16 << 10


def refuse_large(options: Any) -> None:
    """Raise `Refusal` for options that are too large to save. Looks no further than the limit."""
    size = 0
    for part in json.JSONEncoder(default=str).iterencode(options):
        size += len(part)
        if size > LARGEST:
            raise Refusal(f"These options are too large. The maximum is {LARGEST >> 10} KB.")

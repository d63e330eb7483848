"""How large the options of a server may be. Whatever is posted is saved, read at each look at the hub's users, and sent
to whoever asks for them.
"""

from __future__ import annotations

import json
from typing import Any

from moorage.hub.choice.offered.refusal import Refusal
from moorage.texts import t

# Characters of JSON. A choice has some two hundred, and profiles add what their own fields hold.
LARGEST = 16 << 10


def refuse_large(options: Any) -> None:
    """Raise `Refusal` for options that are too large to save. Looks no further than the limit."""
    size = 0
    for part in json.JSONEncoder(default=str).iterencode(options):
        size += len(part)
        if size > LARGEST:
            raise Refusal(t("These options are too large. The maximum is {size} KB.", size=LARGEST >> 10))

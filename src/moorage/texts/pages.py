"""What a page needs to speak a language by itself."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from moorage.texts import current, languages


def texts() -> dict[str, Any]:
    """Its `language`, which way that is written (`direction`), the `others` with their names, and as `island` what the
    scripts need of it, as JSON that nothing in it can break out of HTML by.
    """
    return _texts(current())


@cache
def _texts(language: str) -> dict[str, Any]:
    catalogue = languages()[language]
    names = {each: known.name for each, known in languages().items()}
    data = json.dumps({"language": language, "languages": names, **catalogue.page}, separators=(",", ":"))
    for letter in "<>&":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    others = [(each, name) for each, name in names.items() if each != language]
    return {"language": language, "direction": catalogue.direction, "others": others, "island": data}

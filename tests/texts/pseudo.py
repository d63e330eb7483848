"""A language of marks, written from right to left: every text of the catalogue is its English in ⟦ ⟧. What a page shows
outside of them has not come out of the catalogue.
"""

from __future__ import annotations

import importlib.util
import re
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

ROOT = Path(__file__).parents[2]
LANGUAGE = "ar"
HEADER = """msgid ""
msgstr ""
"X-Name: Pseudo\\n"
"X-Direction: rtl\\n"
"Plural-Forms: nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);\\n"
"""
# Every text that a page shows, with what is read out of it: nodes of text, labels and placeholders.
SHOWN = """root => {
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!parent.closest("script, noscript, style, datalist, dialog:not([open]), [hidden]")) found.push(node.textContent);
  }
  for (const one of root.querySelectorAll("[aria-label], [placeholder], [title]")) {
    if (one.closest("[hidden], .reasons")) continue; // what Kubernetes says is its own
    for (const name of ["aria-label", "placeholder", "title"]) if (one.hasAttribute(name)) found.push(one.getAttribute(name));
  }
  return found;
}"""


def write(folder: Path) -> None:
    """The catalogue of this language."""
    spec = importlib.util.spec_from_file_location("moorage_tools_texts", ROOT / "tools" / "texts.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    catalogue = Catalog(locale=LANGUAGE)
    for message in tool.extracted():
        if isinstance(message.id, tuple):
            one, many = message.id
            forms = tuple(f"⟦{one if form == 1 else many}⟧" for form in range(6))
            catalogue.add(message.id, forms, locations=message.locations)
        elif message.id:
            catalogue.add(message.id, f"⟦{message.id}⟧", locations=message.locations)
    out = BytesIO()
    write_po(out, catalogue, omit_header=True, include_lineno=False)
    (folder / f"{LANGUAGE}.po").write_text(f"{HEADER}\n{out.getvalue().decode()}", encoding="utf-8")


def outside(shown: list[str], *, names: set[str]) -> list[str]:
    """The texts with words outside of the marks, names of things aside."""
    found = []
    for text in shown:
        bare = text
        while (less := re.sub(r"⟦[^⟦⟧]*⟧", " ", bare)) != bare:
            bare = less
        # A text with an element in its middle stands in several nodes.
        bare = re.sub(r"^[^⟦⟧]*⟧|⟦[^⟦⟧]*$", " ", bare)
        words = set(re.findall(r"[A-Za-z][A-Za-z0-9./_-]{2,}", bare))
        if words - names:
            found.append(text.strip())
    return found

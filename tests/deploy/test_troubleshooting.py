"""The page about troubleshooting quotes what the code says, and has a section for each finding of the doctor."""

import ast
import re

import pytest

# What clusters and people's own policies say, and cells of the dashboard.
OTHERS = {"Unknown: …", "moorage needs …", "Unknown"}


@pytest.fixture(scope="module")
def told(root):
    return (root / "docs/troubleshooting.md").read_text()


@pytest.fixture(scope="module")
def trees(root):
    return {path: ast.parse(path.read_text()) for path in sorted((root / "src/moorage").rglob("*.py"))}


def texts(trees, root):
    """Patterns of all that the code can say: literals of Python, and the catalogue, which has those of the pages."""
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(re.escape(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 500:
                yield re.sub(r"\\\{\w+\\\}", "\0", re.escape(node.value))
    catalogue = re.sub(r'"\n"', "", (root / "src/moorage/texts/de.po").read_text())
    for text in re.findall(r'^msgid(?:_plural)? "(.*)"$', catalogue, re.MULTILINE):
        yield re.sub(r"\\\{\w+\\\}", "\0", re.escape(text.replace('\\"', '"')))


def test_each_sentence_that_the_page_quotes_is_one_that_is_said(told, trees, root):
    known = [(len(text.replace("\0", "")), re.compile(text.replace("\0", ".*"))) for text in set(texts(trees, root))]

    def is_said(sentence):
        # A pattern that is little more than its values would match anything. A full stop may be put behind later.
        forms = (sentence, sentence.removesuffix("."))
        return any(own > len(sentence) / 3 and any(map(text.fullmatch, forms)) for own, text in known)

    quoted = {sentence for sentence in re.findall(r"“([^”]+)”", told) if sentence not in OTHERS}
    assert len(quoted) > 60
    assert sorted(sentence for sentence in quoted if not is_said(sentence)) == []


def test_each_finding_of_the_doctor_has_a_section_and_each_section_a_finding(told, root):
    table = (
        (root / "docs/cli.md").read_text().partition("<!-- doctor: checks -->")[2].partition("<!-- end of checks")[0]
    )
    checked = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    sections = re.findall(r"^### `(.+)`$", told.partition("## What `moorage doctor` says")[2], re.MULTILINE)

    assert len(checked) > 10
    assert sorted(sections) == sorted(checked)

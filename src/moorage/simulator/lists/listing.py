"""Lists: pages of one consistent state, `resourceVersion` and `resourceVersionMatch`.

Source: kubernetes v1.36 apiserver pkg/storage/cacher/cacher.go and pkg/storage/continue.go; answers compared with a
running v1.36.3.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.simulator.lists.conversion import item
from moorage.simulator.lists.selectors import Test, parse_fields, parse_labels
from moorage.simulator.store.status import bad_request, expired, invalid_options, too_large_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.simulator.store.resources import Kind
    from moorage.simulator.store.storage import Storage, Stored

Json = dict[str, Any]

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a list request."""

    items: list[Stored]
    revision: int
    next: str | None = None
    remaining: int | None = None

    def meta(self) -> Json:
        meta: Json = {"resourceVersion": str(self.revision)}
        if self.next:
            meta["continue"] = self.next
            if self.remaining is not None:
                meta["remainingItemCount"] = self.remaining
        return meta


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind a request is about."""

    namespace: str | None
    tests: tuple[Test, ...]

    def holds(self, body: Json) -> bool:
        if self.namespace is not None and body["metadata"].get("namespace") != self.namespace:
            return False
        return all(test(body) for test in self.tests)

    def pick(self, items: Iterable[tuple[str, Stored]]) -> Iterable[tuple[str, Stored]]:
        if self.namespace is None and not self.tests:
            return items
        return ((key, stored) for key, stored in items if self.holds(stored.body))


def selection(kind: Kind, namespace: str | None, query: Mapping[str, str]) -> Selection:
    tests = parse_labels(query.get("labelSelector", "")) + parse_fields(query.get("fieldSelector", ""), kind)
    return Selection(namespace, tuple(tests))


def is_true(text: str | None) -> bool:
    """A boolean query parameter; present without a value counts as true."""
    return text is not None and text.lower() not in ("false", "0")


def number(query: Mapping[str, str], field: str) -> int:
    """A query parameter that is a whole number; 0 where it isn't given or is negative, 400 where it is none."""
    text = query.get(field, "0")
    if re.fullmatch(r"-?[0-9]+", text, re.ASCII) is None:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return max(0, int(text))


def revision_asked(query: Mapping[str, str]) -> int | None:
    """The resourceVersion of a request; None where it names none."""
    text = query.get("resourceVersion", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f'invalid resource version: resourceVersion: Invalid value: "{text}": {why}')
    return int(text)


def list_page(storage: Storage, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> Page:
    """Raises 400, 410 or 504 as the API server does."""
    chosen = selection(kind, namespace, query)
    limit = number(query, "limit")
    number(query, "timeoutSeconds")
    token = query.get("continue")
    match = query.get("resourceVersionMatch", "")
    asked = revision_asked(query)
    if "sendInitialEvents" in query:
        why = "Forbidden: sendInitialEvents is forbidden for list"
        raise invalid_options("ListOptions", "sendInitialEvents", "FieldValueForbidden", why)
    _check_combination(match, asked, token)
    if token:
        revision, start = _read_token(token, storage)
    else:
        start = ""
        revision = _revision_to_show(storage, match, asked)
    # A cached read (resourceVersion=0) ignores the limit and gives everything.
    if asked == 0 and match == "" and not token:
        limit = 0
    items = storage.shelf(kind.key).at(revision)
    return _cut(items, chosen, revision=revision, limit=limit, start=start)


def _check_combination(match: str, asked: int | None, token: str | None) -> None:
    if not match:
        if token and asked:
            raise bad_request("specifying resource version is not allowed when using continue")
        return
    reason, why = "FieldValueForbidden", ""
    if match not in ("Exact", "NotOlderThan"):
        reason, why = (
            "FieldValueNotSupported",
            f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""',
        )
    elif token:
        why = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
    elif asked is None:
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif match == "Exact" and asked == 0:
        why = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    if why:
        raise invalid_options("ListOptions", "resourceVersionMatch", reason, why)


def _revision_to_show(storage: Storage, match: str, asked: int | None) -> int:
    if asked is None:
        return storage.revision
    if asked > storage.revision:
        raise too_large_version(asked, storage.revision)
    if match == "Exact":
        if asked < storage.compacted:
            raise expired("The resourceVersion for the provided list is too old.")
        return asked
    return storage.revision


def _cut(items: list[tuple[str, Stored]], chosen: Selection, *, revision: int, limit: int, start: str) -> Page:
    rest = [(key, stored) for key, stored in items if key >= start] if start else items
    picked = list(chosen.pick(rest))
    if not limit or len(picked) <= limit:
        return Page([stored for _, stored in picked], revision)
    remaining = None if chosen.tests else len(picked) - limit
    return Page(
        [stored for _, stored in picked[:limit]],
        revision,
        next=_make_token(revision, picked[limit - 1][0] + "\0"),
        remaining=remaining,
    )


def _make_token(revision: int, start: str) -> str:
    text = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": revision, "start": start})
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _read_token(token: str, storage: Storage) -> tuple[int, str]:
    try:
        content = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = int(content["rv"]), str(content["start"])
    except (binascii.Error, ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    if revision == -1:
        return storage.revision, start
    if revision < storage.compacted:
        raise expired(_TOO_OLD, continue_token=_make_token(-1, start))
    return min(revision, storage.revision), start


def encode_list(kind: Kind, page: Page) -> bytes:
    """The body of the answer, from the encoded objects."""
    head = msgspec.json.encode({"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": page.meta()})
    return head[:-1] + b',"items":[' + b",".join([item(kind, stored) for stored in page.items]) + b"]}"

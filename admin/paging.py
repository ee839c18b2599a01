"""Lists: the filter, the order and the place in a list are its URL, and a page begins where the one before ended.

Nothing in a URL is an error: what cannot be read is as if it were not there.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from admin.forms import Fields

PAGE_ROWS = 50
MAX_FIND = 200
"""Characters of a filter."""
MAX_MARK = 2000
"""Characters of a place in a list."""
Mark = tuple[Any, ...]
"""Where a page ends: the value sorted by, and the value that tells equals apart."""


class ListAsk(msgspec.Struct, frozen=True):
    """What is asked of a list."""

    path: str
    sort: str
    """The column; `default` stands in no URL."""
    default: str
    descending: bool = False
    find: str = ""
    """Text that rows hold."""
    chosen: dict[str, str] = msgspec.field(default_factory=dict)
    """Further filters, such as {"state": "suspended"}; "" is all."""
    after: Mark | None = None
    before: Mark | None = None

    @property
    def filtered(self) -> bool:
        """Whether rows may be missing that there are."""
        return bool(self.find) or any(self.chosen.values())

    def url(self, **changes: Any) -> str:
        """The URL of the list with changes; from its beginning, unless they name a place."""
        ask = msgspec.structs.replace(self, **({"after": None, "before": None} | changes))
        pairs = {"find": ask.find, **ask.chosen}
        if ask.sort != ask.default or ask.descending:
            pairs["sort"] = f"-{ask.sort}" if ask.descending else ask.sort
        pairs |= {key: mark_text(mark) for key, mark in (("after", ask.after), ("before", ask.before)) if mark}
        query = urlencode({key: value for key, value in pairs.items() if value})
        return f"{self.path}?{query}" if query else self.path

    def sorted_by(self, key: str) -> str:
        """The URL of the list in another order; the same column again turns it around."""
        return self.url(sort=key, descending=not self.descending if key == self.sort else False)


class Listing(msgspec.Struct, frozen=True):
    """One page of a list, for its template."""

    ask: ListAsk
    rows: Sequence[Any]
    total: int
    """Rows that fit the filter, on all pages."""
    before: str = ""
    """URL of the page before, "" on the first."""
    after: str = ""
    """URL of the next page, "" on the last."""

    def sorted(self, key: str) -> str:
        """As `ListAsk.sorted_by`."""
        return self.ask.sorted_by(key)


def read_list(
    query: Fields, path: str, sorts: Sequence[str], filters: Mapping[str, Sequence[str]] | None = None
) -> ListAsk:
    """What a URL asks for. `sorts` are the columns, the first the default; `filters` the values of each."""
    wanted = query.get("sort")
    sort = wanted.removeprefix("-")
    known = sort in sorts
    chosen = {key: query.get(key) if query.get(key) in values else "" for key, values in (filters or {}).items()}
    return ListAsk(
        path,
        sort if known else sorts[0],
        sorts[0],
        known and wanted.startswith("-"),
        "".join(c for c in query.get("find").strip()[:MAX_FIND] if c.isprintable()),
        chosen,
        read_mark(query.get("after")),
        read_mark(query.get("before")),
    )


def listing(ask: ListAsk, rows: Sequence[Any], marks: Sequence[Mark], total: int, *, more: bool) -> Listing:
    """A page of what was found. `marks` are the places of the rows; `more` says that there are rows beyond the last
    one in the direction that was read."""
    backwards = ask.before is not None and ask.after is None
    more_before = more if backwards else ask.after is not None
    more_after = True if backwards else more
    if not marks:
        return Listing(ask, rows, total, ask.url() if more_before else "", "")
    return Listing(
        ask,
        rows,
        total,
        ask.url(before=marks[0]) if more_before else "",
        ask.url(after=marks[-1]) if more_after else "",
    )


def mark_text(mark: Mark) -> str:
    """A place in a list, for a URL."""
    return base64.urlsafe_b64encode(json.dumps(mark, separators=(",", ":")).encode()).decode().rstrip("=")


def read_mark(text: str) -> Mark | None:
    """What `mark_text` made: two values, each text or a whole number; None for anything else."""
    if not text or len(text) > MAX_MARK:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or len(values) != 2 or not all(_plain(value) for value in values):
        return None
    return tuple(values)


def _plain(value: object) -> bool:
    if isinstance(value, str):
        return value.isprintable()
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63

"""The quick way of FETCH: what is asked for stands in columns, so a chunk of answers is a few list operations.

`FetchPlan` can answer every FETCH; this answers the listings that mail clients send for whole folders, from plain
tuples instead of rows.
"""

from collections.abc import Sequence
from typing import Any

from imap.view import MailboxView, Selection
from imap.wire.dates import internal_date
from imap.wire.fetch_att import Attribute, FetchItem

_COLUMNS = {
    "INTERNALDATE": ("internaldate", b'INTERNALDATE "%b"'),
    "RFC822.SIZE": ("size", b"RFC822.SIZE %d"),
    "ENVELOPE": ("envelope", b"ENVELOPE %b"),
    "BODYSTRUCTURE": ("bodystructure", b"BODYSTRUCTURE %b"),
    "BODY": ("body", b"BODY %b"),
    "UID": ("", b"UID %d"),
    "FLAGS": ("", b"FLAGS (%b)"),
}
"""Column of the store ("" where the view knows it) and how the answer shows it, by item."""


class ColumnPlan:
    """A FETCH of attributes alone."""

    def __init__(self, items: Sequence[FetchItem]) -> None:
        self._names = [item.name for item in items if isinstance(item, Attribute)]
        self.fits = len(self._names) == len(items)
        """Whether every item stands in a column; otherwise `FetchPlan` must do it."""
        self.columns = tuple(_COLUMNS[name][0] for name in self._names if _COLUMNS[name][0])
        """What to ask the store for, besides the UID."""
        self._template = b"* %%d FETCH (%b)\r\n" % b" ".join([_COLUMNS[name][1] for name in self._names])

    def lines(self, view: MailboxView, chunk: Selection, rows: Sequence[tuple[Any, ...]]) -> bytes | None:
        """The responses for a chunk of messages; `rows` hold the UID and `columns`. None where one of them is gone."""
        if len(rows) != len(chunk):
            return None
        columns = iter(list(zip(*rows, strict=True))[1:])
        values: list[Sequence[Any]] = []
        for name in self._names:
            if name == "UID":
                values.append(chunk.uids)
            elif name == "FLAGS":
                texts = view.flag_texts(chunk)
                if None in texts:
                    return None
                view.told(chunk.uids)
                values.append(texts)
            elif name == "INTERNALDATE":
                values.append([internal_date(at) for at in next(columns)])
            else:
                values.append(next(columns))
        template = self._template
        return b"".join([template % one for one in zip(chunk.numbers, *values, strict=True)])

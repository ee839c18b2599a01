"""The quick way of FETCH: what is asked for stands in columns, so a chunk of answers is a few list operations.

`FetchPlan` can answer every FETCH; this answers the listings that mail clients send for whole folders (attributes,
and header fields that are known), from plain tuples instead of rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from imap.fetch_data import FieldSets
from imap.header_subset import closed, subset_key, subset_of
from imap.sections import from_header, literal_of
from imap.view import MailboxView, Selection
from imap.wire.dates import internal_date
from imap.wire.fetch_att import Attribute, BodySection, FetchItem

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


def is_subset(item: FetchItem) -> bool:
    """Whether an item is some fields of the message's own header, which can be known beforehand."""
    return isinstance(item, BodySection) and from_header(item) and item.text != "HEADER"


class ColumnPlan:
    """A FETCH of attributes and header subsets alone."""

    def __init__(self, items: Sequence[FetchItem]) -> None:
        self._items = tuple(items)
        self.fits = all(isinstance(item, Attribute) or is_subset(item) for item in items)
        """Whether every item stands in a column; otherwise `FetchPlan` must do it."""
        if not self.fits:
            return
        names = [_COLUMNS[item.name][0] for item in items if isinstance(item, Attribute)]
        subsets = [item for item in items if isinstance(item, BodySection)]
        self.columns = (*(("prefix",) if subsets else ()), *(name for name in names if name))
        """What to ask the store for, besides the UID."""
        self._template = b"* %%d FETCH (%b)\r\n" % b" ".join(map(_template, items))

    def lines(
        self, view: MailboxView, chunk: Selection, rows: Sequence[tuple[Any, ...]], known: FieldSets
    ) -> bytes | None:
        """The responses for a chunk of messages; `rows` hold the UID and `columns`, `known` every subset asked for.

        None where one of the messages is gone.
        """
        if len(rows) != len(chunk) or not rows:
            return None
        columns = list(zip(*rows, strict=True))[1:]
        prefixes = columns.pop(0) if "prefix" in self.columns else ()
        values: list[Sequence[Any]] = []
        for item in self._items:
            if isinstance(item, BodySection):
                values.append(_literals(item, chunk.uids, prefixes, known[subset_key(item)]))
            elif item.name == "UID":
                values.append(chunk.uids)
            elif item.name == "FLAGS":
                texts = view.flag_texts(chunk)
                if None in texts:
                    return None
                view.told(chunk.uids)
                values.append(texts)
            elif item.name == "INTERNALDATE":
                values.append([internal_date(at) for at in columns.pop(0)])
            else:
                values.append(columns.pop(0))
        template = self._template
        return b"".join([template % one for one in zip(chunk.numbers, *values, strict=True)])


def _template(item: FetchItem) -> bytes:
    if isinstance(item, BodySection):
        return item.label.replace(b"%", b"%%") + b" %b"
    return _COLUMNS[item.name][1]


def _literals(
    section: BodySection, uids: Sequence[int], prefixes: Sequence[bytes], kept: Mapping[int, bytes]
) -> list[bytes]:
    fields = [
        closed(subset_of(section, prefix) + kept[uid] if prefix else kept[uid])
        for uid, prefix in zip(uids, prefixes, strict=True)
    ]
    if section.partial is not None:
        return [literal_of(section, octets) for octets in fields]
    return [b"{%d}\r\n%b" % (len(octets), octets) for octets in fields]

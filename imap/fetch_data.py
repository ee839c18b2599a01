"""FETCH responses (RFC 3501 §7.4.2) out of rows: a FETCH is compiled once, then each message is one `%`.

All that stands in columns (flags, dates, sizes, ENVELOPE, BODYSTRUCTURE, header fields) is put together here in
bulk. Of a body only its places are told, as `sections.BodyCut`, so that a big one streams.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from appliance.mail.structure import PartSpan, unpack_parts
from appliance.records import MessageRow
from imap.header_subset import closed, subset_key, subset_of
from imap.sections import Extent, Piece, find_section, from_header, literal_of, needs_parts
from imap.view import MailboxView, Selection
from imap.wire.dates import internal_date
from imap.wire.fetch_att import Attribute, BodySection, FetchItem

FieldSets = Mapping[str, Mapping[int, bytes]]
"""Header subsets already known, by `subset_key` and UID: the stored body's fields, without prefix and empty line."""

Column = Callable[[Sequence[MessageRow]], Sequence[Any]]
_COLUMNS: dict[str, tuple[bytes, Column]] = {
    "INTERNALDATE": (b'INTERNALDATE "%b"', lambda rows: [internal_date(row.internaldate) for row in rows]),
    "RFC822.SIZE": (b"RFC822.SIZE %d", lambda rows: [row.size for row in rows]),
    "ENVELOPE": (b"ENVELOPE %b", lambda rows: [row.envelope for row in rows]),
    "BODYSTRUCTURE": (b"BODYSTRUCTURE %b", lambda rows: [row.bodystructure for row in rows]),
    "BODY": (b"BODY %b", lambda rows: [row.body for row in rows]),
}
_NEEDS = {"ENVELOPE": "envelope", "BODYSTRUCTURE": "bodystructure", "BODY": "body"}


class FetchPlan:
    """One FETCH, compiled. A UID FETCH answers with the UID, asked for or not (RFC 3501 §6.4.8).

    `need` names the costlier columns of a row that must be filled (`store.messages.Need`).
    """

    def __init__(self, items: Sequence[FetchItem], *, uid: bool) -> None:
        names = [item.name for item in items if isinstance(item, Attribute)]
        self.items: tuple[FetchItem, ...] = tuple(items)
        if uid and "UID" not in names:
            self.items = (Attribute("UID"), *self.items)
        sections = [item for item in items if isinstance(item, BodySection)]
        self.marks_seen = any(not section.peek for section in sections)
        """Whether reading sets \\Seen (RFC 3501 §6.4.5), on messages of a mailbox that is not read-only."""
        self.contents = tuple(section for section in sections if not from_header(section))
        """Sections that need the body's octets; where there are none, `lines` answers."""
        self.subsets = {subset_key(s): s for s in sections if from_header(s) and s.text != "HEADER"}
        """Header subsets asked for, by the key under which they may be kept."""
        self.tells_flags = "FLAGS" in names
        self.needs_rows = bool(sections) or any(name not in ("FLAGS", "UID") for name in names)
        """False for FLAGS and UID alone, which the view knows: `lines` without rows."""
        self._headers = any(from_header(section) for section in sections)
        self._template, self._columns = self._compile()

    @property
    def need(self) -> frozenset[str]:
        """Columns to fill, when no subset is known beforehand."""
        return self.need_of(all_known=False)

    def need_of(self, *, all_known: bool) -> frozenset[str]:
        """Columns to fill; `all_known` if every subset of `subsets` is known for every message."""
        need = {_NEEDS[item.name] for item in self.items if isinstance(item, Attribute) and item.name in _NEEDS}
        whole = any(isinstance(item, BodySection) and item.text == "HEADER" and not item.part for item in self.items)
        if self._headers and (whole or not all_known):
            need.add("header")
        if any(needs_parts(section) for section in self.contents):
            need.add("parts")
        return frozenset(need)

    def lines(
        self,
        view: MailboxView,
        selection: Selection,
        rows: Sequence[MessageRow] | None = None,
        known: FieldSets | None = None,
    ) -> bytes:
        """Responses for a selection without any body content, in its order; messages that are gone are left out.

        `rows` are those of the selection's UIDs, ascending; needed unless `needs_rows` is False.
        """
        numbers, uids = selection.numbers, selection.uids
        texts: Sequence[bytes | None] = view.flag_texts(selection)
        if self.tells_flags:
            view.told(uids)
        if None in texts or (rows is not None and len(rows) != len(uids)):
            there = set(uids) if rows is None else {row.uid for row in rows}
            kept = [at for at, uid in enumerate(uids) if uid in there and texts[at] is not None]
            held = {uids[at] for at in kept}
            rows = None if rows is None else [row for row in rows if row.uid in held]
            numbers, texts = [numbers[at] for at in kept], [texts[at] for at in kept]
            return self._joined(numbers, [uids[at] for at in kept], texts, rows or (), known or {})
        return self._joined(numbers, uids, texts, rows or (), known or {})

    def pieces(
        self,
        view: MailboxView,
        number: int,
        row: MessageRow,
        known: FieldSets | None = None,
        whole: Extent | None = None,
    ) -> list[Piece] | None:
        """The response for one message with body content; None where it is gone. The octets of each cut are to be
        sent in its place, of the body as stored, and nothing else between. `whole` is all of the message
        (`sections.whole_of`), None for its prefix and all of the stored body."""
        if view.truth.index(row.uid) is None:
            return None
        text: bytes | None = None
        if self.tells_flags:
            text = view.flag_text(row.uid)
            view.told((row.uid,))
        parts: Mapping[str, PartSpan] = unpack_parts(row.parts) if row.parts is not None else {}
        whole = whole or Extent(row.prefix, 0, row.size - len(row.prefix))
        pieces: list[Piece] = [b"* %d FETCH (" % number]
        for place, (item, (template, column)) in enumerate(zip(self.items, self._columns, strict=True)):
            lead = b" " if place else b""
            if isinstance(item, BodySection) and not from_header(item):
                pieces.append(lead + item.label + b" ")
                pieces += find_section(item, whole, parts)
            else:
                (value,) = column((row.uid,), (text,), (row,), known or {})
                pieces.append(lead + template % (value,))
        pieces.append(b")\r\n")
        return pieces

    def _joined(
        self,
        numbers: Sequence[int],
        uids: Sequence[int],
        texts: Sequence[bytes | None],
        rows: Sequence[MessageRow],
        known: FieldSets,
    ) -> bytes:
        columns = [column(uids, texts, rows, known) for _, column in self._columns]
        template = self._template
        return b"".join([template % values for values in zip(numbers, *columns, strict=True)])

    def _compile(self) -> tuple[bytes, "list[tuple[bytes, _Column]]"]:
        columns = [_column(item) for item in self.items]
        return b"* %%d FETCH (%b)\r\n" % b" ".join([template for template, _ in columns]), columns


_Column = Callable[[Sequence[int], Sequence[bytes | None], Sequence[MessageRow], FieldSets], Sequence[Any]]


def _column(item: FetchItem) -> tuple[bytes, _Column]:
    """The template of an item, and the function that gives its values for some messages."""
    if isinstance(item, BodySection):
        return item.label.replace(b"%", b"%%") + b" %b", partial(_header_column, item)
    if item.name == "UID":
        return b"UID %d", lambda uids, texts, rows, known: uids
    if item.name == "FLAGS":
        return b"FLAGS (%b)", lambda uids, texts, rows, known: texts
    template, column = _COLUMNS[item.name]
    return template, lambda uids, texts, rows, known: column(rows)


def _header_column(
    section: BodySection,
    uids: Sequence[int],
    texts: Sequence[bytes | None],
    rows: Sequence[MessageRow],
    known: FieldSets,
) -> Sequence[bytes]:
    if section.text == "HEADER":
        return [literal_of(section, row.prefix + (row.header or b"")) for row in rows]
    kept = known.get(subset_key(section), {})
    return [literal_of(section, closed(_fields(section, row, kept.get(row.uid)))) for row in rows]


def _fields(section: BodySection, row: MessageRow, kept: bytes | None) -> bytes:
    fields = subset_of(section, row.header or b"") if kept is None else kept
    return subset_of(section, row.prefix) + fields if row.prefix else fields

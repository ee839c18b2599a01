"""Finds the parts of a MIME message as byte offsets (RFC 2045, RFC 2046), without taking a line apart.

A multipart is cut from the outside in: the delimiters of the outer one rule, so an inner one that is never closed
ends where the outer one goes on (RFC 2046 §5.1.2). Each level is one `find` for its own delimiter; the work of all
levels together is bounded, so hostile nesting costs linear time. No input raises. An inner multipart that has the
very boundary of the one around it, which no RFC allows, is read as its sender means it.
"""

import re
from itertools import pairwise
from mmap import mmap

from appliance.mail.content_type import (
    MESSAGE_RFC822,
    OCTET_STREAM,
    TEXT_PLAIN,
    MediaType,
    boundary_of,
    parse_media_type,
    parse_token,
)
from appliance.mail.header import Octets, header_end, raw_fields, unfold
from appliance.mail.imap_envelope import ENVELOPE_FIELDS, LISTS

MAX_DEPTH = 200
"""Depth that no setting goes beyond: what is nested is rendered recursively."""
MAX_FIELD = 256 * 1024
"""Octets of one field that are looked at."""
MAX_PART_HEADERS = 1024 * 1024
"""Octets of all part headers together that are looked at; parts after that are read as if without fields."""
PART_FIELDS = frozenset(
    b"content-type content-transfer-encoding content-id content-description content-md5 content-disposition "
    b"content-language content-location".split()
)
"""Keys of the fields that describe a body."""
FALSE_HIT = 4096
"""What a line that only begins like a delimiter costs of the bounded work, in octets."""

_tail = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\r?\Z)").match
_WANTED = PART_FIELDS | ENVELOPE_FIELDS
_IDENTITY = frozenset([b"7bit", b"8bit", b"binary"])


class Part:
    """One entity: a message, or a part of a multipart, with its place and what its header says of it.

    A multipart has its parts as `children`; a message/rfc822 the one message in it; all else is a leaf. Of a
    multipart, `closed_at` is the offset after its closing delimiter, or its end.
    """

    __slots__ = (
        *("body_end", "body_start", "boundary", "children", "closed_at", "encoding", "fields"),
        *("header_start", "kind", "lines", "media"),
    )

    def __init__(self, header_start: int, body_start: int, body_end: int) -> None:
        self.header_start = header_start
        self.body_start = body_start
        self.body_end = body_end
        self.kind = "leaf"
        self.boundary = b""
        self.closed_at = body_end
        self.media = TEXT_PLAIN
        self.encoding = b"7bit"
        self.fields: dict[bytes, bytes] = {}
        self.children: list[Part] = []
        self.lines = 0


def read_fields(data: Octets, start: int, end: int, wanted: frozenset[bytes] = _WANTED) -> dict[bytes, bytes]:
    """The fields of a header block that describe a message or part: folded values by key, the first of each name,
    but for address lists, which are read as one."""
    fields: dict[bytes, bytes] = {}
    repeated: dict[bytes, list[bytes]] = {}
    for name, value in raw_fields(data, start, end):
        key = name.lower()
        if key in wanted:
            if key not in fields:
                fields[key] = value[:MAX_FIELD]
            elif key in LISTS:
                repeated.setdefault(key, [fields[key]]).append(value)
    for key, values in repeated.items():
        fields[key] = b",".join(values)[:MAX_FIELD]
    return fields


class PartScanner:
    """Scans one message. `max_depth` and `max_parts` 0 are no limit of the caller's."""

    def __init__(self, data: Octets, max_depth: int, max_parts: int) -> None:
        self._data = data
        self._max_depth = min(max_depth or MAX_DEPTH, MAX_DEPTH)
        self._parts_left = max_parts or len(data)
        self._headers_left = MAX_PART_HEADERS
        self._work_left = 16 * len(data) + (64 << 20)
        self._with_lines: list[Part] = []
        self._nested = False

    def scan(self) -> Part:
        """The message with all its parts."""
        end = len(self._data)
        part = Part(0, header_end(self._data, 0, end), end)
        part.fields = read_fields(self._data, 0, part.body_start)
        self._classify(part, TEXT_PLAIN, 0)
        self._count_lines()
        return part

    def _entity(self, start: int, end: int, default: MediaType, depth: int, wanted: frozenset[bytes]) -> Part:
        self._parts_left -= 1
        part = Part(start, header_end(self._data, start, end), end)
        size = part.body_start - start
        if size <= self._headers_left:
            self._headers_left -= size
            part.fields = read_fields(self._data, start, part.body_start, wanted)
        self._classify(part, default, depth)
        return part

    def _classify(self, part: Part, default: MediaType, depth: int) -> None:
        fields = part.fields
        if raw := fields.get(b"content-type"):
            part.media = _with_charset(parse_media_type(unfold(raw)) or TEXT_PLAIN)
        else:
            part.media = default
        if (raw := fields.get(b"content-transfer-encoding")) and (token := parse_token(unfold(raw))):
            part.encoding = token[0]
        kind, subtype, parameters = part.media
        open_to_parts = depth < self._max_depth and self._parts_left > 0
        if kind == b"multipart":
            self._multipart(part, boundary_of(parameters), depth) if open_to_parts else self._opaque(part)
        elif kind == b"message" and subtype == b"rfc822":
            # RFC 2046 §5.2.1: in no other encoding; what claims one cannot be looked into.
            if open_to_parts and part.encoding in _IDENTITY:
                self._message(part, depth)
            else:
                self._opaque(part)
        elif kind == b"text":
            self._with_lines.append(part)

    def _opaque(self, part: Part) -> None:
        """A container that is not opened: its own type would promise clients a structure."""
        part.media = MediaType(OCTET_STREAM.type, OCTET_STREAM.subtype, part.media.parameters)

    def _message(self, part: Part, depth: int) -> None:
        part.kind = "message"
        part.children = [self._entity(part.body_start, part.body_end, TEXT_PLAIN, depth + 1, _WANTED)]
        self._with_lines.append(part)
        self._nested = True

    def _multipart(self, part: Part, boundary: bytes, depth: int) -> None:
        part.kind, part.boundary = "multipart", boundary
        default = MESSAGE_RFC822 if part.media.subtype == b"digest" else TEXT_PLAIN  # RFC 2046 §5.1.5
        end = part.body_end
        mark = b"\n--" + boundary
        hit = self._delimiter(mark, part.body_start, end) if boundary else None
        if hit is None:  # nothing of it can be told apart: shown as one text
            self._stand_in(part, part.body_start, end)
            return
        while not hit[2]:
            start = hit[1]
            if self._parts_left <= 0:
                _extend(part.children, end)
                return
            hit = self._delimiter(mark, start, end)
            if hit is None:
                part.children.append(self._entity(start, end, default, depth + 1, PART_FIELDS))
                return
            child = self._entity(start, self._before(hit, start), default, depth + 1, PART_FIELDS)
            if child.boundary == boundary:
                # Not allowed (RFC 2046 §5.1.2), yet sent: the delimiters up to a closing one are the inner one's.
                child = self._entity(start, end, default, depth + 1, PART_FIELDS)
                hit = self._delimiter(mark, child.closed_at, end)
                child.body_end = self._before(hit, child.closed_at) if hit else end
            part.children.append(child)
            if hit is None:
                return
        part.closed_at = hit[1]
        if not part.children:
            self._stand_in(part, hit[1], hit[1])

    def _before(self, hit: tuple[int, int, bool], start: int) -> int:
        """Where the part ends that began at `start`: the line end before a delimiter is its own (RFC 2046 §5.1.1)."""
        at = hit[0]
        return max(start, at - 1 if self._data[at - 1 : at] == b"\r" else at)

    def _delimiter(self, mark: bytes, start: int, end: int) -> tuple[int, int, bool] | None:
        """The next delimiter line of data[start:end]: offset of its LF before, of what follows it, and if it closes.

        The line must be the boundary and nothing more but "--" and blanks: a boundary may begin another one.
        """
        data = self._data
        at = max(start - 1, 0)
        while self._work_left > 0:
            found = data.find(mark, at, end)
            self._work_left -= (end if found < 0 else found) - at + FALSE_HIT
            if found < 0:
                return None
            at = found + len(mark)
            if tail := _tail(data, at, end):
                return found, tail.end(), tail[1] is not None
        return None

    def _stand_in(self, part: Part, start: int, end: int) -> None:
        """A multipart without parts gets one of plain text: the grammar of IMAP asks for one (RFC 3501 §9)."""
        self._parts_left -= 1
        text = Part(start, start, end)
        part.children.append(text)
        self._with_lines.append(text)

    def _count_lines(self) -> None:
        """Line ends of each text and message; where messages hold texts, every stretch is counted once."""
        data, parts = self._data, self._with_lines
        if not self._nested:
            for part in parts:
                part.lines = _line_ends(data, part.body_start, part.body_end)
            return
        offsets = sorted({at for part in parts for at in (part.body_start, part.body_end)})
        before = {offsets[0]: 0}
        for low, high in pairwise(offsets):
            before[high] = before[low] + _line_ends(data, low, high)
        for part in parts:
            part.lines = before[part.body_end] - before[part.body_start]


def _with_charset(media: MediaType) -> MediaType:
    if media.type != b"text" or any(name.lower() == b"charset" for name, _ in media.parameters):
        return media
    return media._replace(parameters=media.parameters + TEXT_PLAIN.parameters)  # RFC 2046 §4.1.2: the default


def _extend(children: list[Part], end: int) -> None:
    """Gives the rest of a multipart to its last part, and to the last parts in that."""
    while children:
        children[-1].body_end = end
        children = children[-1].children


def _line_ends(data: Octets, start: int, end: int) -> int:
    if isinstance(data, mmap):  # which cannot count; in slices, so that no large body is copied whole
        step = 1 << 20
        return sum(data[at : min(at + step, end)].count(b"\n") for at in range(start, end, step))
    return data.count(b"\n", start, end)

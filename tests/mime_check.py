"""A strict reader of ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 §9), and the check of a rendition against its bytes.

Written from the grammar alone: one blank where it says SP and none elsewhere, no atoms for strings, NIL only where
an nstring or list may stand. Any deviation is an AssertionError.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from appliance.mail.structure import PartSpan, Rendition, unpack_parts

_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_NUMBER = re.compile(rb"0|[1-9]\d*")


@dataclass
class Body:
    """One body as the structure tells it."""

    type: bytes
    subtype: bytes
    parameters: list[tuple[bytes, bytes]] = field(default_factory=list)
    encoding: bytes = b""
    octets: int = 0
    lines: int | None = None
    children: list["Body"] = field(default_factory=list)
    fields: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.type.decode()}/{self.subtype.decode()}"


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def expect(self, octets: bytes) -> None:
        assert self.data.startswith(octets, self.at), (octets, self.at, self.data)
        self.at += len(octets)

    def sees(self, octets: bytes) -> bool:
        return self.data.startswith(octets, self.at)

    def number(self) -> int:
        found = _NUMBER.match(self.data, self.at)
        assert found, (self.at, self.data)
        self.at = found.end()
        return int(found[0])

    def string(self) -> bytes:
        if found := _QUOTED.match(self.data, self.at):
            self.at = found.end()
            return re.sub(rb"\\(.)", rb"\1", found[1])
        found = _LITERAL.match(self.data, self.at)
        assert found, (self.at, self.data)
        self.at = found.end() + int(found[1])
        octets = self.data[found.end() : self.at]
        assert len(octets) == int(found[1])
        assert b"\0" not in octets
        return octets

    def nstring(self) -> bytes | None:
        if self.sees(b"NIL"):
            self.at += 3
            return None
        return self.string()

    def addresses(self) -> list[tuple[bytes | None, ...]] | None:
        if self.sees(b"NIL"):
            self.at += 3
            return None
        self.expect(b"(")
        found = []
        while not self.sees(b")") or not found:
            self.expect(b"(")
            address = [self.nstring()]
            for _ in range(3):
                self.expect(b" ")
                address.append(self.nstring())
            self.expect(b")")
            found.append(tuple(address))
        self.expect(b")")
        return found

    def envelope(self) -> tuple[Any, ...]:
        self.expect(b"(")
        members: list[Any] = [self.nstring()]
        for read in (self.nstring, *[self.addresses] * 6, self.nstring, self.nstring):
            self.expect(b" ")
            members.append(read())
        self.expect(b")")
        return tuple(members)

    def parameters(self) -> list[tuple[bytes, bytes]]:
        if self.sees(b"NIL"):
            self.at += 3
            return []
        self.expect(b"(")
        found = []
        while True:
            name = self.string()
            self.expect(b" ")
            found.append((name, self.string()))
            if self.sees(b")"):
                break
            self.expect(b" ")
        self.expect(b")")
        return found

    def extension(self) -> tuple[Any, ...]:
        """Disposition, language and location, each after its blank."""
        self.expect(b" ")
        disposition = None
        if self.sees(b"("):
            self.expect(b"(")
            kind = self.string()
            self.expect(b" ")
            disposition = (kind, self.parameters())
            self.expect(b")")
        else:
            self.expect(b"NIL")
        self.expect(b" ")
        languages: list[bytes] = []
        if self.sees(b"("):
            self.expect(b"(")
            languages.append(self.string())
            while not self.sees(b")"):
                self.expect(b" ")
                languages.append(self.string())
            self.expect(b")")
        else:
            self.expect(b"NIL")
        self.expect(b" ")
        return disposition, languages, self.nstring()

    def body(self, extended: bool) -> Body:
        self.expect(b"(")
        body = self.multipart(extended) if self.sees(b"(") else self.single(extended)
        self.expect(b")")
        return body

    def multipart(self, extended: bool) -> Body:
        children = []
        while self.sees(b"("):
            children.append(self.body(extended))
        self.expect(b" ")
        body = Body(b"multipart", self.string(), children=children)
        if extended:
            self.expect(b" ")
            body.parameters = self.parameters()
            body.fields = self.extension()
        return body

    def single(self, extended: bool) -> Body:
        body_type = self.string()
        self.expect(b" ")
        body = Body(body_type, self.string())
        self.expect(b" ")
        body.parameters = self.parameters()
        self.expect(b" ")
        body_id = self.nstring()
        self.expect(b" ")
        description = self.nstring()
        self.expect(b" ")
        body.encoding = self.string()
        self.expect(b" ")
        body.octets = self.number()
        assert body_type != b"multipart"
        if (body_type, body.subtype) == (b"message", b"rfc822"):
            self.expect(b" ")
            envelope = self.envelope()
            self.expect(b" ")
            body.children = [self.body(extended)]
            body.children[0].fields = (*body.children[0].fields, envelope)
        if (body_type, body.subtype) == (b"message", b"rfc822") or body_type == b"text":
            self.expect(b" ")
            body.lines = self.number()
        if extended:
            self.expect(b" ")
            md5 = self.nstring()
            body.fields = (body_id, description, md5, *self.extension())
        return body


def parse_envelope(data: bytes) -> tuple[Any, ...]:
    reader = Reader(data)
    envelope = reader.envelope()
    assert reader.at == len(data)
    return envelope


def parse_body(data: bytes, extended: bool) -> Body:
    reader = Reader(data)
    body = reader.body(extended)
    assert reader.at == len(data)
    return body


def numbered(body: Body) -> dict[str, Body]:
    """Bodies by section number (RFC 3501 §6.4.5)."""
    found: dict[str, Body] = {}

    def message(inside: Body, prefix: str) -> None:
        for number, part in enumerate(inside.children if inside.type == b"multipart" else [inside], 1):
            add(part, f"{prefix}{number}")

    def add(part: Body, section: str) -> None:
        found[section] = part
        if part.type == b"multipart":
            for number, child in enumerate(part.children, 1):
                add(child, f"{section}.{number}")
        elif part.name == "message/rfc822":
            message(part.children[0], section + ".")

    message(body, "")
    return found


def check_rendition(message: bytes, rendition: Rendition) -> dict[str, tuple[Body, PartSpan]]:
    """Checks all that can be checked of a rendition without knowing the message; gives its parts by section."""
    assert len(parse_envelope(rendition.envelope)) == 10
    short = numbered(parse_body(rendition.body, extended=False))
    bodies = numbered(parse_body(rendition.bodystructure, extended=True))
    spans = unpack_parts(rendition.parts)
    assert list(short) == list(bodies)
    assert list(spans) == ["", *bodies]
    assert (spans[""].header_start, spans[""].body_end) == (0, len(message))
    assert message[: spans[""].header_end] == rendition.header
    for section, body in bodies.items():
        check_part(message, section, body, spans)
        assert (short[section].name, short[section].octets) == (body.name, body.octets)
        assert short[section].lines == body.lines
    for text in (rendition.from_text, rendition.to_text, rendition.cc_text, rendition.bcc_text, rendition.subject_text):
        assert text == text.casefold()
        text.encode()
        assert "\0" not in text
    return {section: (body, spans[section]) for section, body in bodies.items()}


def check_part(message: bytes, section: str, body: Body, spans: dict[str, PartSpan]) -> None:
    span = spans[section]
    kinds = {"multipart": "multipart", "message": "message"}
    expected = kinds.get(body.name.partition("/")[0] if body.children else "", "leaf")
    assert span.kind == expected
    assert 0 <= span.header_start <= span.header_end == span.body_start <= span.body_end <= len(message)
    octets = message[span.body_start : span.body_end]
    if span.kind != "multipart":
        assert body.octets == len(octets)
    if body.lines is not None:
        assert body.lines == octets.count(b"\n")
    if span.kind == "message":
        assert span.msg_header_start == span.body_start <= span.msg_header_end <= span.msg_body_end == span.body_end
    above = spans[section.rpartition(".")[0]]
    if span != above and (span.header_start, span.body_end) != (above.header_start, above.body_end):
        assert above.body_start <= span.header_start
        assert span.body_end <= above.body_end


def fetched(rendition: Rendition) -> list[object]:
    """The rendition as the response lines that IMAPClient's parser takes: (line, literal) pairs, then a line."""
    rest = b"1 (ENVELOPE %b BODYSTRUCTURE %b)" % (rendition.envelope, rendition.bodystructure)
    lines: list[object] = []
    while b"}\r\n" in rest:
        line, _, rest = rest.partition(b"}\r\n")
        size = int(line.rpartition(b"{")[2])
        lines.append((line + b"}", rest[:size]))
        rest = rest[size:]
    return [*lines, rest]

"""How bytes become commands: lines, literals, and what is dropped."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.framing import Announced, Chunk, Complete, Framer, LineTooLong, Refused
from imap.wire.lexer import Held

LIMIT = 1000


def read_all(framer: Framer, decide: str = "take") -> list[object]:
    """All events there are; literals are taken, streamed or refused."""
    events: list[object] = []
    while (event := framer.read(LIMIT)) is not None:
        events.append(event)
        if isinstance(event, Announced):
            if decide == "take":
                framer.take(event.literal)
            elif decide == "stream":
                framer.stream(event.literal, "here")
            elif framer.refuse(event.literal):
                events.append("refused at once")
    return events


def fed(octets: bytes, decide: str = "take") -> list[object]:
    framer = Framer()
    framer.feed(octets)
    return read_all(framer, decide)


def test_a_line_is_a_command() -> None:
    """CRLF ends a line, a bare LF is forgiven, several commands come one by one."""
    assert fed(b"a NOOP\r\nb NOOP\nc NO") == [Complete([b"a NOOP"]), Complete([b"b NOOP"])]


def test_a_literal_is_read_into_its_command() -> None:
    """The text before it keeps its announcement, the text after it follows."""
    events = fed(b"a LOGIN {3+}\r\njoe {2+}\r\npw\r\nb NOOP\r\n")
    assert [e.parts for e in events if isinstance(e, Complete)] == [
        [b"a LOGIN {3+}", b"joe", b" {2+}", b"pw", b""],
        [b"b NOOP"],
    ]


def test_a_streamed_literal_comes_in_chunks() -> None:
    """It is handed out as it arrives; in the command its holder stands for it."""
    framer = Framer()
    framer.feed(b"a APPEND x {5+}\r\nhe")
    assert read_all(framer, "stream")[1:] == [Chunk(b"he", last=False)]
    framer.feed(b"llo\r\n")
    assert read_all(framer) == [
        Chunk(b"llo", last=True),
        Complete([b"a APPEND x {5+}", Held(5, "here"), b""]),
    ]


def test_an_empty_streamed_literal_has_one_chunk() -> None:
    assert Chunk(b"", last=True) in fed(b"a APPEND x {0+}\r\n\r\n", "stream")


@pytest.mark.parametrize(
    "octets",
    [
        b"a X {5+}\r\nb Y\r\n\r\nc NOOP\r\n",
        b"a X {5+}\r\nb Y\r\n {3+}\r\nd \n\r\nc NOOP\r\n",
        b"a X {5+}\r\nb Y\r\n {99}\r\nc NOOP\r\n",
    ],
)
def test_a_refused_literal_never_runs(octets: bytes) -> None:
    """It is dropped with all that belongs to its command; what comes after is a command again."""
    events = fed(octets, "refuse")
    assert [e for e in events if not isinstance(e, Announced)] == [Refused(), Complete([b"c NOOP"])]


def test_a_refused_synchronising_literal_is_not_waited_for() -> None:
    """The client has not sent it (RFC 7888 §4)."""
    events = fed(b"a X {5}\r\nc NOOP\r\n", "refuse")
    assert events[1:] == ["refused at once", Complete([b"c NOOP"])]


def test_a_stream_can_be_given_up() -> None:
    framer = Framer()
    framer.feed(b"a APPEND x {9+}\r\nhell")
    read_all(framer, "stream")
    framer.abort_stream()
    framer.feed(b"o wor more\r\nb NOOP\r\n")
    assert read_all(framer) == [Refused(), Complete([b"b NOOP"])]


def test_many_literals_in_a_refused_command_cost_no_stack() -> None:
    octets = b"a X {1+}\r\n" + b"y{1+}\r\n" * 20_000 + b"y\r\nb NOOP\r\n"
    assert fed(octets, "refuse")[1:] == [Refused(), Complete([b"b NOOP"])]


@pytest.mark.parametrize("octets", [b"a" * 1001, b"a" * 1001 + b"\r\n", b"a {1+}\r\nx" + b"b" * 1000 + b"\r\n"])
def test_a_line_has_a_limit(octets: bytes) -> None:
    """All text of a command together counts, literals do not."""
    with pytest.raises(LineTooLong):
        fed(octets)


def test_clear_forgets_everything() -> None:
    framer = Framer()
    framer.feed(b"a X {5+}\r\nab")
    read_all(framer)
    assert framer.midway
    framer.clear()
    assert not framer.midway
    framer.feed(b"b NOOP\r\n")
    assert read_all(framer) == [Complete([b"b NOOP"])]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=20), st.sampled_from(["take", "stream", "refuse"]))
def test_pieces_make_no_difference(pieces: list[bytes], decide: str) -> None:
    """However the octets are cut into packets, the same commands come out."""
    octets = b"".join(pieces) + b"\r\n"

    def commands(packets: list[bytes]) -> list[object]:
        framer = Framer()
        found: list[object] = []
        for packet in packets:
            framer.feed(packet)
            found += [e for e in read_all(framer, decide) if isinstance(e, Complete | Refused)]
        return found

    assert commands([*pieces, b"\r\n"]) == commands([octets])

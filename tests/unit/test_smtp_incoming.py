"""Lines out of chunks: whatever the cut, the same lines and the same refusals, and never much in memory."""

import asyncio
import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp import replies
from smtp.limits import RESYNC
from smtp.wire.incoming import Incoming, LineError

LIMIT = 8
LONG, FAR, BARE = replies.LINE_TOO_LONG, replies.LINE_FAR_TOO_LONG, replies.BARE_LINE_END


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def said(loop: asyncio.AbstractEventLoop, chunks: list[bytes]) -> list[object]:
    """Lines and refusals in their order, up to the one that ends the session."""
    incoming, out = Incoming(loop), list[object]()
    for chunk in chunks:
        incoming.feed(chunk)
        while True:
            try:
                line = incoming.take_line(LIMIT)
            except LineError as error:
                out.append(error.reply)
                if error.reply.close:
                    return out
                continue
            if line is None:
                break
            out.append(line)
        unread = incoming.take_all()
        assert len(unread) <= LIMIT
        incoming.put_back(unread)
    return out


def cuts(wire: bytes) -> list[list[bytes]]:
    """The wire whole, byte by byte, and cut once at every place."""
    return [
        [wire],
        [wire[i : i + 1] for i in range(len(wire))],
        *([wire[:i], wire[i:]] for i in range(1, len(wire))),
    ]


@pytest.mark.parametrize(
    ("wire", "out"),
    [
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"123456\r\n", [b"123456"]),
        (b"1234567\r\nb\r\n", [LONG, b"b"]),
        (b"x" * 100 + b"\r\nb\r\n", [LONG, b"b"]),
        (b"x" * 100 + b"\nEVIL\r\nb\r\n", [LONG, b"b"]),
        (b"x" * 100 + b"\rEVIL\r\nb\r\n", [LONG, b"b"]),
        (b"x" * 100 + b"\n\n\nEVIL\n\r\r\nb\r\n", [LONG, b"b"]),
        (b"12345678\nEVIL\r\nb\r\n", [LONG, b"b"]),
        (b"1234567\nEVIL\r\n", [BARE]),
        (b"a\nb\r\n", [BARE]),
        (b"\n", [BARE]),
        (b"a\rb\r\n", [b"a\rb"]),  # what it means is the parser's to say
        (b"a\r\r\n", [b"a\r"]),
        (b"\r\n", [b""]),
        (b"x" * 100 + b"\r\n" + b"y" * 100 + b"\r\nc\r\n", [LONG, LONG, b"c"]),
    ],
)
def test_lines(loop: asyncio.AbstractEventLoop, wire: bytes, out: list[object]) -> None:
    for chunks in cuts(wire):
        assert said(loop, chunks) == out, chunks


@pytest.mark.parametrize("end", [b"\r\n", b"\n\r\n", b""])
@pytest.mark.parametrize("step", [1000, 65_536, 1 << 20])
def test_a_line_of_more_than_64_kb_is_nobodys_command(loop: asyncio.AbstractEventLoop, step: int, end: bytes) -> None:
    wire = b"x" * (RESYNC + 2) + end + b"y" * 2000
    assert said(loop, [wire[i : i + step] for i in range(0, len(wire), step)]) == [FAR]


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"abc", b"x" * 9]), max_size=14), st.data())
@settings(max_examples=150)
def test_the_cut_never_changes_anything(pieces: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(pieces)
    places = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=6)) | {0, len(wire)})
    loop = asyncio.new_event_loop()
    try:
        assert said(loop, [wire[a:b] for a, b in itertools.pairwise(places)]) == said(loop, [wire])
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("chunks", "woken"),
    [
        ([b"N", b"O", b"\r", b"\n"], 4),
        ([b"N", b"O\n"], 2),
        ([b"12345678", b"9", b"0"], 2),
        ([b"x" * 100], 1),
        ([b"\x16", b"\x03"], 1),
        ([b"\xff"], 1),
        ([b"a\r\nb\r\n"], 1),
    ],
)
async def test_only_a_line_wakes_who_waits_for_one(chunks: list[bytes], woken: int) -> None:
    """Or what can never be one; not each octet of a peer that drips."""
    incoming = Incoming(asyncio.get_running_loop())
    waiting = asyncio.ensure_future(incoming.wait(LIMIT))
    for number, chunk in enumerate(chunks, 1):
        await asyncio.sleep(0)
        incoming.feed(chunk)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert waiting.done() == (number >= woken)


async def test_while_a_line_is_passed_over_it_is_dropped_in_pieces() -> None:
    incoming = Incoming(asyncio.get_running_loop())
    incoming.feed(b"x" * 9)
    assert incoming.take_line(LIMIT) is None
    for piece, wakes in ((b"y" * 7, False), (b"z", True)):
        waiting = asyncio.ensure_future(incoming.wait(LIMIT))
        await asyncio.sleep(0)
        incoming.feed(piece)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert waiting.done() == wakes
        waiting.cancel()
    assert incoming.take_line(LIMIT) is None
    incoming.feed(b"\r\nNOOP\r\n")
    with pytest.raises(LineError):
        incoming.take_line(LIMIT)
    assert incoming.take_line(LIMIT) == b"NOOP"


@pytest.mark.parametrize("stir", [Incoming.wake, Incoming.end, Incoming.stop])
async def test_whatever_ends_a_session_wakes_it(stir: Callable[[Incoming], None]) -> None:
    incoming = Incoming(asyncio.get_running_loop())
    waiting = asyncio.ensure_future(incoming.wait(LIMIT))
    await asyncio.sleep(0)
    incoming.feed(b"NO")
    stir(incoming)
    await asyncio.wait_for(waiting, 10)


@pytest.mark.parametrize("line", [0, LIMIT])
async def test_what_came_while_nobody_waited_is_not_waited_for(line: int) -> None:
    """While the session writes its replies, for one."""
    incoming = Incoming(asyncio.get_running_loop())
    assert incoming.take_line(LIMIT) is None
    incoming.feed(b"NOOP\r\n")
    await asyncio.wait_for(incoming.wait(line), 10)
    assert incoming.take_line(LIMIT) == b"NOOP"

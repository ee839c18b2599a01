"""Real clients, slow ones and rude ones, against the listener on loopback with the real store."""

import asyncio
import imaplib
import re
import ssl
from pathlib import Path
from typing import TypeVar

import aioimaplib
import imapclient
import pytest

from imap.front import Patience
from tests.imap_house import LIMIT, PASSWORD, ImapHouse, Raw, play, until

T = TypeVar("T")
BIG = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 64 * 1024 * 8


def test_imaplib_reads_what_it_appended(tmp_path: Path) -> None:
    """The standard library's client: STARTTLS, login, append, fetch, flags, move, expunge, delete."""
    message = b"From: a@example.org\r\nSubject: =?utf-8?q?h=C3=A9?=\r\n\r\nBody \xff \x00\r\n".replace(b"\0", b"")

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")

        def client() -> None:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            box = imaplib.IMAP4("127.0.0.1", house.port)
            box.starttls(context)
            box.login(address, PASSWORD)
            assert box.create("Project")[0] == "OK"
            assert box.append("Project", r"(\Flagged)", imaplib.Time2Internaldate(1_700_000_000), message)[0] == "OK"
            assert box.select("Project") == ("OK", [b"1"])
            _, found = box.fetch("1", "(RFC822 FLAGS INTERNALDATE)")
            assert isinstance(found[0], tuple)
            assert found[0][1] == message
            assert box.uid("STORE", "1", "+FLAGS", r"(\Deleted)")[0] == "OK"
            assert box.expunge() == ("OK", [b"1"])
            assert box.close()[0] == "OK"
            assert box.delete("Project")[0] == "OK"
            box.logout()

        await asyncio.to_thread(client)

    play(ImapHouse(tmp_path), journey)


def test_imapclient_sees_folders_and_moves(tmp_path: Path) -> None:
    """IMAPClient over imaps: special folders, search, copy, move, idle."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        for _ in range(3):
            await house.deliver(address)

        def client() -> None:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with imapclient.IMAPClient("127.0.0.1", house.tls_port, ssl=True, ssl_context=context) as box:
                box.login(address, PASSWORD)
                assert box.find_special_folder(imapclient.imapclient.SENT) == "Sent"
                assert box.select_folder("INBOX")[b"EXISTS"] == 3
                assert box.search(["SUBJECT", "Number 2"]) == [2]
                found = box.fetch([1, 3], ["ENVELOPE", "BODYSTRUCTURE", "FLAGS"])
                assert found[3][b"ENVELOPE"].subject == b"Number 3"
                assert found[1][b"BODYSTRUCTURE"][0] == b"text"
                box.create_folder("Grüße/日本")
                box.copy([1], "Grüße/日本")
                box.move([2, 3], "Grüße/日本")
                assert box.folder_status("Grüße/日本")[b"MESSAGES"] == 3
                assert box.search() == [1]
                assert "Grüße/日本" in [name for _, _, name in box.list_folders()]

        await asyncio.to_thread(client)

    play(ImapHouse(tmp_path), journey)


def test_aioimaplib_hears_of_new_mail_in_idle(tmp_path: Path) -> None:
    """EXISTS comes by itself when a message is delivered."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        box = aioimaplib.IMAP4("127.0.0.1", house.port)
        await box.wait_hello_from_server()
        await box.login(address, PASSWORD)
        await box.select("INBOX")
        idle = await box.idle_start(timeout=LIMIT)
        await house.deliver(address)
        assert await box.wait_server_push(LIMIT) == [b"1 EXISTS", b"1 RECENT"]
        box.idle_done()
        await asyncio.wait_for(idle, LIMIT)
        assert (await box.uid("fetch", "1:*", "(FLAGS)")).result == "OK"
        await box.logout()

    play(ImapHouse(tmp_path), journey)


def test_a_slow_reader_holds_up_nobody(tmp_path: Path) -> None:
    """One client stops reading in the middle of much mail; another is served, and the memory stays bounded."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        for _ in range(4):
            await house.deliver(address, message=BIG)
        slow = await Raw.connect(house, address)
        await slow.command("a SELECT INBOX")
        slow.writer.transport.pause_reading()
        slow.send("b FETCH 1:4 BODY.PEEK[]")
        await asyncio.to_thread(lambda: None)
        other = await Raw.connect(house, address)
        await other.command("a SELECT INBOX")
        await other.command("b STORE 1 +FLAGS.SILENT (\\Deleted)")
        assert (await other.command("c EXPUNGE"))[0] == b"* 1 EXPUNGE\r\n"
        assert await house.deliver(address) == 5
        held = [one.transport.get_write_buffer_size() for one in house.front.connections() if one.transport]
        assert max(held) < 2 * 1024 * 1024
        slow.writer.transport.resume_reading()
        got = await asyncio.wait_for(slow.reader.readuntil(b"b OK"), LIMIT)
        assert got.count(BIG) == 4

    play(ImapHouse(tmp_path), journey)


def test_a_big_message_goes_through_disk_both_ways(tmp_path: Path) -> None:
    """Eight megabytes by APPEND, and its parts of octets by partial FETCH."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        raw = await Raw.connect(house, address)
        raw.writer.write(b"a APPEND INBOX {%d+}\r\n" % len(BIG) + BIG + b"\r\n")
        assert b"[APPENDUID" in (await raw.answer("a"))[-1]
        await raw.command("b SELECT INBOX")
        raw.send("c FETCH 1 (RFC822.SIZE BODY.PEEK[]<5000000.10>)")
        lines = b"".join(await raw.answer("c"))
        assert b"RFC822.SIZE %d" % len(BIG) in lines
        assert b"BODY[]<5000000> {10}\r\n" + BIG[5_000_000:5_000_010] in lines
        assert list((tmp_path / "data" / "spool").iterdir()) == []

    play(ImapHouse(tmp_path), journey)


def test_a_client_that_breaks_off_an_append_leaves_nothing(tmp_path: Path) -> None:
    """Half a message, then a reset: no message, no spool file."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        raw = await Raw.connect(house, address)
        raw.writer.write(b"a APPEND INBOX {%d+}\r\n" % len(BIG) + BIG[: len(BIG) // 2])
        await raw.writer.drain()
        raw.writer.transport.abort()
        await until(lambda: not house.front.connections())
        other = await Raw.connect(house, address)
        assert b"MESSAGES 0" in (await other.command("a STATUS INBOX (MESSAGES)"))[0]
        await until(lambda: not list((tmp_path / "data" / "spool").iterdir()))

    play(ImapHouse(tmp_path), journey)


@pytest.mark.parametrize("logged_in", [False, True])
def test_silence_ends_a_session(tmp_path: Path, logged_in: bool) -> None:
    """Autologout: five minutes before login, thirty after it, also in IDLE (here: a moment)."""
    patience = Patience(login=0.05, autologout=1000) if not logged_in else Patience(login=1000, autologout=0.05)

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        raw = await Raw.connect(house, address if logged_in else "")
        if logged_in:
            raw.send("a IDLE")
            await raw.line()
        assert (await raw.line()).startswith(b"* BYE Autologout")
        assert await raw.line() == b""

    play(ImapHouse(tmp_path, patience=patience), journey)


def test_a_client_that_never_reads_is_cut_off(tmp_path: Path) -> None:
    """An answer left unread ends the connection in the end."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        await house.deliver(address, message=BIG)
        raw = await Raw.connect(house, address)
        await raw.command("a SELECT INBOX")
        raw.writer.transport.pause_reading()
        raw.send("b FETCH 1 BODY.PEEK[]")
        await until(lambda: not house.front.connections())

    # The first look comes with the login's patience.
    play(ImapHouse(tmp_path, patience=Patience(login=0.05, stalled=0.05)), journey)


def test_stopping_says_goodbye_to_all(tmp_path: Path) -> None:
    """Idle sessions get BYE at once, and new ones are turned away."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        idle, silent = await Raw.connect(house, address), await Raw.connect(house)
        idle.send("a IDLE")
        await idle.line()
        await house.listeners.drain(5)
        for raw in (idle, silent):
            assert await raw.line() == b"* BYE [UNAVAILABLE] The server is going down\r\n"
            assert await raw.line() == b""

    play(ImapHouse(tmp_path), journey)


def test_sessions_agree_with_the_truth(tmp_path: Path) -> None:
    """Several sessions change one folder at once; at the end each knows what is there, by number and UID."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        sessions = [await Raw.connect(house, address) for _ in range(4)]
        for raw in sessions:
            await raw.command("s SELECT INBOX")

        async def rush(raw: Raw, seed: int) -> None:
            for turn in range(12):
                await house.deliver(address)
                await raw.command(
                    f"a{turn} UID STORE {seed + turn * 3}:{seed + turn * 3 + 1} +FLAGS.SILENT (\\Deleted)"
                )
                await raw.command(f"b{turn} " + ("EXPUNGE" if turn % 3 == seed % 3 else "NOOP"))

        await asyncio.gather(*(rush(raw, seed) for seed, raw in enumerate(sessions, 1)))
        seen = set()
        for raw in sessions:
            await raw.command("n NOOP")
            lines = await raw.command("f UID FETCH 1:* (FLAGS)")
            seen.add(b"".join(re.sub(rb" ?\\Recent", b"", line) for line in lines))
        assert len(seen) == 1

    play(ImapHouse(tmp_path), journey)


def test_too_many_connections_are_turned_away(tmp_path: Path) -> None:
    """One connection too many hears BYE and is closed."""

    async def journey(house: ImapHouse) -> None:
        places = ["one"]
        house.front.limit(lambda address: (lambda: places.append("back")) if places and places.pop() else None)
        first = await Raw.connect(house)
        second = Raw(*await asyncio.open_connection("127.0.0.1", house.port))
        assert await second.line() == b"* BYE [UNAVAILABLE] Too many connections\r\n"
        assert await second.line() == b""
        await first.command("a LOGOUT")
        await until(lambda: places == ["back"])

    play(ImapHouse(tmp_path), journey)


@pytest.mark.parametrize("secure", [False, True])
def test_any_number_of_commands_may_be_pipelined(tmp_path: Path, secure: bool) -> None:
    """Far more than is read ahead, in one go, in clear and inside TLS: each has its answer, in order."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        port, wrap = (house.tls_port, context) if secure else (house.port, None)
        raw = Raw(*await asyncio.open_connection("127.0.0.1", port, ssl=wrap))
        await raw.line()
        raw.send(f'l LOGIN "{address}" "{PASSWORD}"')
        raw.writer.write(b"".join(b"t%d NOOP\r\n" % number for number in range(20_000)))
        assert (await raw.line()).startswith(b"l OK")
        for number in range(20_000):
            assert await raw.line() == b"t%d OK NOOP completed\r\n" % number

    play(ImapHouse(tmp_path), journey)


def test_broken_handshakes_leave_nothing(tmp_path: Path) -> None:
    """Garbage instead of a handshake, after STARTTLS and on imaps, ends the connection and gives its place back."""

    async def journey(house: ImapHouse) -> None:
        clear = await Raw.connect(house)
        assert (await clear.command("a STARTTLS"))[0].startswith(b"a OK")
        secure = Raw(*await asyncio.open_connection("127.0.0.1", house.tls_port))
        await until(lambda: len(house.front.connections()) == 2)
        for raw in (clear, secure):
            raw.writer.write(b"this is no ClientHello\r\n" * 10)
        await until(lambda: not house.front.connections())

    play(ImapHouse(tmp_path), journey)


def test_a_handshake_that_never_comes_holds_a_place(tmp_path: Path) -> None:
    """On imaps a connection counts from its first moment, so that many silent ones are turned away."""

    async def journey(house: ImapHouse) -> None:
        places = ["one"]
        house.front.limit(lambda address: (lambda: places.append("back")) if places and places.pop() else None)
        silent = Raw(*await asyncio.open_connection("127.0.0.1", house.tls_port))
        await until(lambda: len(house.front.connections()) == 1)
        second = Raw(*await asyncio.open_connection("127.0.0.1", house.tls_port))
        assert await second.line() == b""
        silent.writer.transport.abort()
        await until(lambda: places == ["back"])

    play(ImapHouse(tmp_path), journey)

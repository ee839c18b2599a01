"""What an IMAP session answers when something is not as it should be: no room, no file, no right any more."""

from pathlib import Path

from tests.imap_house import ImapHouse, Raw, play

SMALL = b"Subject: small\r\n\r\n" + b"x" * 400
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4096
HUGE = b"Subject: huge\r\n\r\n" + b"0123456789abcdef" * 65536


def append(message: bytes) -> str:
    return f"APPEND INBOX {{{len(message)}+}}\r\n{message.decode()}"


def test_a_full_mailbox_takes_nothing_more(tmp_path: Path) -> None:
    """APPEND and COPY say OVERQUOTA (RFC 5530 §3); MOVE and deleting go on."""

    async def journey(house: ImapHouse) -> None:
        raw = await Raw.connect(house, await house.account("joe", quota_bytes=1000))
        for tag in "ab":
            assert (await raw.command(f"{tag} {append(SMALL)}"))[-1].startswith(tag.encode() + b" OK")
        assert (await raw.command(f"c {append(SMALL)}"))[-1].startswith(b"c NO [OVERQUOTA]")
        await raw.command("d SELECT INBOX")
        assert (await raw.command("e COPY 1:2 Archive"))[-1].startswith(b"e NO [OVERQUOTA]")
        assert (await raw.command("f MOVE 1 Archive"))[-1].startswith(b"f OK")
        await raw.command(r"g STORE 1 +FLAGS (\Deleted)")
        assert b"* 1 EXPUNGE\r\n" in await raw.command("h EXPUNGE")
        assert (await raw.command(f"i {append(SMALL)}"))[-1].startswith(b"i OK")

    play(ImapHouse(tmp_path), journey)


def test_below_the_disk_reserve_only_append_is_refused(tmp_path: Path) -> None:
    """Reading, flags and EXPUNGE still work."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        await house.deliver(address)
        raw = await Raw.connect(house, address)
        assert (await raw.command(f"a {append(SMALL)}"))[-1].startswith(b"a NO [UNAVAILABLE]")
        await raw.command("b SELECT INBOX")
        assert (await raw.command("c FETCH 1 BODY[]"))[-1].startswith(b"c OK")
        await raw.command(r"d STORE 1 +FLAGS (\Deleted)")
        assert (await raw.command("e EXPUNGE"))[0] == b"* 1 EXPUNGE\r\n"

    play(ImapHouse(tmp_path, disk_reserve=1 << 60), journey)


def test_a_missing_body_is_an_internal_error(tmp_path: Path) -> None:
    """The client gets an id and nothing else, the log has the rest, and the session goes on."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        await house.deliver(address, message=LARGE)
        for file in (tmp_path / "data" / "blobs").rglob("*"):
            if file.is_file():
                file.unlink()
        raw = await Raw.connect(house, address)
        await raw.command("a SELECT INBOX")
        answer = (await raw.command("b FETCH 1 BODY.PEEK[]"))[-1]
        assert answer.startswith(b"b NO [SERVERBUG] Internal error ")
        assert str(tmp_path).encode() not in answer
        assert (await raw.command("c FETCH 1 ENVELOPE"))[-1].startswith(b"c OK")

    play(ImapHouse(tmp_path), journey)


def test_a_body_cut_short_ends_the_connection(tmp_path: Path) -> None:
    """Its size was announced: what follows must never be taken for it."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        await house.deliver(address, message=HUGE)
        for file in (tmp_path / "data" / "blobs").rglob("*"):
            if file.is_file():
                file.chmod(0o600)
                file.write_bytes(HUGE[:600_000])
        raw = await Raw.connect(house, address)
        await raw.command("a SELECT INBOX")
        raw.send("b FETCH 1 BODY.PEEK[]")
        try:
            got = await raw.reader.read()
        except ConnectionError:
            got = b""
        assert b"b OK" not in got
        assert b"b NO" not in got

    play(ImapHouse(tmp_path), journey)


def test_a_revoked_password_ends_its_sessions(tmp_path: Path) -> None:
    """At once, also in the middle of IDLE."""

    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        idle, silent = await Raw.connect(house, address), await Raw.connect(house, address)
        idle.send("a IDLE")
        await idle.line()
        await house.revoke(address)
        for raw in (idle, silent):
            assert (await raw.line()).startswith(b"* BYE")
            assert await raw.line() == b""
        other = await Raw.connect(house)
        assert (await other.command(f'b LOGIN "{address}" correct-horse-battery'))[-1].startswith(
            b"b NO [AUTHENTICATIONFAILED]"
        )

    play(ImapHouse(tmp_path), journey)


def test_a_header_beyond_its_limits_is_not_stored(tmp_path: Path) -> None:
    """As over SMTP, many or long fields are refused; the session goes on."""

    async def journey(house: ImapHouse) -> None:
        raw = await Raw.connect(house, await house.account("joe"))
        assert (await raw.command("a " + append(b"A: b\r\n" * 20 + b"\r\nx")))[-1].startswith(b"a NO [LIMIT]")
        assert (await raw.command("b " + append(b"A: " + b"b" * 900 + b"\r\n\r\nx")))[-1].startswith(b"b NO [LIMIT]")
        assert (await raw.command(f"c {append(SMALL)}"))[-1].startswith(b"c OK")
        assert list((tmp_path / "data" / "spool").iterdir()) == []

    play(ImapHouse(tmp_path, header_fields=10, header_bytes=500), journey)

"""`trace show` tells rightly what happened, for the sessions that people ask about; on the running daemon."""

import asyncio
import imaplib
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from appliance import provision
from appliance.cli.session_text import session_text
from appliance.control.client import ask, connect
from appliance.ids import id_text
from tests.house import ACTOR, PASSWORD, House

T = TypeVar("T")
ANN = "ann@one.test"
TEXT = b"From: ann@one.test\r\nSubject: Lunch?\r\nMessage-ID: <1@one.test>\r\n\r\nhello\r\n"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, limits={"greet_delay": 0.2, "connections_per_address": 0}) as opened:
        await opened.add_domain("one.test")
        await opened.add_domain("away.test")
        for name in ("ann", "bob"):
            await opened.add_mailbox(f"{name}@one.test")
        yield opened


async def run(act: Callable[..., T], *args: Any) -> T:
    return await asyncio.to_thread(act, *args)


async def show(house: House, id: str) -> str:
    """What people are shown, by way of the control socket."""

    def blocking() -> Any:
        connected = connect(house.store.data_dir)
        assert connected is not None
        return ask(connected, "trace.show", {"id": id}, lambda _: None)

    return session_text(await run(blocking))


async def last(house: House, table: str = "smtp_session") -> str:
    """The session that ended last, on record."""
    async with asyncio.timeout(10):
        while True:
            if not house.appliance.sessions:
                break
            await asyncio.sleep(0)
    await house.store.record.flush()
    return id_text(house.store.engine.reader.execute(f"SELECT max(id) FROM {table}").fetchone()[0])


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def exchange(port: int, *said: bytes) -> bytes:
    """Says it all at once, and hears what there is to hear."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(b"".join(said))
        heard = b""
        while data := peer.recv(4096):
            heard += data
        return heard


def facts(shown: str) -> dict[str, str]:
    head = shown.split("\n\n")[0].splitlines()
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in head}


def said(shown: str, title: str) -> list[str]:
    """The lines of a transcript without their times."""
    block = next(part for part in shown.split("\n\n") if part.startswith(f"transcript {title}:"))
    return [line.split(maxsplit=1)[1] for line in block.splitlines()[1:]]


async def test_a_refused_recipient(town: House) -> None:
    def act() -> None:
        with smtplib.SMTP("127.0.0.1", town.mx, "far.test", timeout=20) as client:
            client.ehlo()
            client.mail("joe@far.test")
            client.rcpt("nobody@one.test")

    await run(act)
    shown = await show(town, await last(town))
    assert facts(shown)["outcome"] == "the peer said QUIT"
    assert facts(shown)["HELO"] == "far.test"
    assert "nobody@one.test  refused  550 5.1.1 <nobody@one.test>: no such user" in shown
    assert said(shown, "of transaction 1")[:4] == [
        "< mail FROM:<joe@far.test>",
        "> 250 2.1.0 Sender OK",
        "< rcpt TO:<nobody@one.test>",
        "> 550 5.1.1 <nobody@one.test>: no such user",
    ]
    assert await show(town, await last(town, "smtp_transaction")) == shown


async def test_a_broken_tls_handshake(town: House) -> None:
    def act() -> None:
        with pytest.raises(ssl.SSLError):
            smtplib.SMTP_SSL(
                "127.0.0.1", town.submissions, "far.test", timeout=20, context=ssl.create_default_context()
            )

    await run(act)
    shown = await show(town, await last(town))
    assert facts(shown)["outcome"] == "the TLS handshake failed"
    assert facts(shown)["TLS"].startswith("handshake failed: ")
    assert "unknown ca" in facts(shown)["TLS"].lower().replace("_", " ")


async def test_an_early_talker(town: House) -> None:
    assert await run(exchange, town.mx, b"EHLO spam.test\r\n") == b"554 5.5.1 Protocol error\r\n"
    shown = await show(town, await last(town))
    assert facts(shown)["outcome"] == "the peer spoke before the banner"
    assert said(shown, "outside transactions") == ["< EHLO spam.test", "> 554 5.5.1 Protocol error"]


def browse(town: House) -> None:
    with socket.create_connection(("127.0.0.1", town.mx), timeout=20) as peer:
        assert peer.recv(4096).startswith(b"220 ")
        peer.sendall(b"GET / HTTP/1.1\r\nHost: mail.test\r\n\r\n")
        while peer.recv(4096):
            pass


async def test_an_http_request(town: House) -> None:
    await run(browse, town)
    shown = await show(town, await last(town))
    assert facts(shown)["outcome"] == "the peer spoke another protocol, not SMTP"
    assert said(shown, "outside transactions")[1:] == ["< GET / HTTP/1.1", "> 421 4.7.0 This is an SMTP server"]


async def test_a_flood(town: House) -> None:
    await asyncio.gather(*[run(exchange, town.mx, b"GET / HTTP/1.1\r\n") for _ in range(60)])
    await last(town)
    rows = town.store.engine.reader.execute("SELECT id, folded FROM smtp_session ORDER BY folded").fetchall()
    assert len(rows) < 60
    assert sum(folded for _, folded in rows) == 60
    shown = await show(town, id_text(rows[-1][0]))
    assert facts(shown)["folded"] == f"{rows[-1][1]} sessions like this within that minute"


async def test_three_fates(town: House) -> None:
    await provision.suspend_domain(town.store, ACTOR, "away.test")

    def act() -> str:
        with smtplib.SMTP("127.0.0.1", town.submission, "laptop.test", timeout=20) as client:
            client.starttls(context=trusting())
            client.login(ANN, PASSWORD)
            client.mail(ANN)
            for to in ("bob@one.test", "nobody@one.test", "eve@away.test"):
                client.rcpt(to)
            return client.data(TEXT)[1].decode().split()[-1]

    trace = await run(act)
    await last(town)
    shown = await show(town, trace)
    assert facts(shown)["account"] == ANN
    assert facts(shown)["TLS"].startswith("TLSv1.3 ")
    table = next(part for part in shown.split("\n\n") if part.startswith("recipient"))
    assert [line.split(maxsplit=2) for line in table.splitlines()[1:]] == [
        ["bob@one.test", "accepted", f"250 2.0.0 OK {trace}"],
        ["nobody@one.test", "refused", "550 5.1.1 <nobody@one.test>: no such user"],
        ["eve@away.test", "deferred", "450 4.2.1 <eve@away.test>: suspended, try again later"],
    ]
    for line in ("Message-ID     <1@one.test>", "author         ann@one.test", "subject        Lunch?"):
        assert line in shown
    assert PASSWORD not in shown
    assert "hello" not in shown.replace("ehlo", "")
    assert any(
        line.startswith("< (") and line.endswith(" bytes of message)") for line in said(shown, "of transaction 1")
    )


async def test_an_imap_session(town: House) -> None:
    def act() -> None:
        client = imaplib.IMAP4_SSL("127.0.0.1", town.imaps, ssl_context=trusting(), timeout=20)
        client.login(ANN, PASSWORD)
        client.logout()

    await run(act)
    shown = await show(town, await last(town, "imap_session"))
    assert shown.startswith("IMAP session")
    assert (facts(shown)["account"], facts(shown)["outcome"]) == (ANN, "the client logged out")


async def test_a_session_that_goes_on(town: House) -> None:
    client = await run(lambda: smtplib.SMTP("127.0.0.1", town.mx, "far.test", timeout=20))
    (live,) = town.appliance.sessions
    assert facts(await show(town, id_text(live.id)))["ended"] == "still open"
    await run(client.quit)


@pytest.mark.parametrize(("privacy", "kept"), [("full", True), ("no-subjects", True), ("metadata", False)])
async def test_privacy(town: House, privacy: str, kept: bool) -> None:
    await provision.set_domain(town.store, ACTOR, "one.test", privacy=privacy)
    await town.send(TEXT, ANN, mail_from="joe@far.test")
    shown = await show(town, await last(town))
    assert ("Lunch?" in shown) == (privacy == "full")
    assert ("joe@far.test" in shown) == kept
    assert ("transcript of transaction 1:" in shown) == kept
    assert ("transcript not kept: privacy metadata" in shown) == (not kept)
    assert ANN in shown

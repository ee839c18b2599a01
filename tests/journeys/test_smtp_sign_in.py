"""Signing in over SMTP: every shape of AUTH, guessing, a busy server, and what ends a session from outside."""

import asyncio
import smtplib
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from appliance.store import credential_acts, directory_acts
from tests.house import PASSWORD, House
from tests.imap_house import until

T = TypeVar("T")
ANN, BOB = "ann@one.test", "bob@one.test"
OWNER, GUESSER, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
MINUTE = 60 * 1_000_000
WRONG = "535 5.7.8 Authentication credentials invalid"
SHUT = "421 4.7.0 Try again later"
GOOD = "235 2.7.0 Authentication succeeded"


class Clock:
    """Time that only sleeping and the test move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000
        self.slept: list[float] = []

    def read(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds * 1_000_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def town(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    """One domain with two mailboxes; its time, and what a sign-in waits for, are the test's."""
    async with House(tmp_path, now=clock.read) as house:
        house.appliance.logins._sleep = clock.sleep
        await house.add_domain("one.test")
        await house.add_mailbox(ANN)
        await house.add_mailbox(BOB)
        yield house


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def client(house: House, source: str = OWNER) -> smtplib.SMTP:
    """Inside TLS, greeted, not signed in."""
    found = smtplib.SMTP("127.0.0.1", house.submission, "laptop.test", timeout=20, source_address=(source, 0))
    found.starttls(context=trusting())
    found.ehlo()
    return found


def said(answer: tuple[int, bytes]) -> str:
    return f"{answer[0]} {answer[1].decode()}"


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def plain(name: str, password: str) -> str:
    return coded(f"\0{name}\0{password}")


async def run(act: Callable[[], T]) -> T:
    return await asyncio.to_thread(act)


async def by_smtp(house: House, source: str, name: str, password: str = "wrong") -> str:
    """The answer to one sign-in on a connection of its own; after a 421 the server hangs up."""

    def act() -> str:
        with client(house, source) as smtp:
            answer = said(smtp.docmd(f"AUTH PLAIN {plain(name, password)}"))
            if answer.startswith("421"):
                with pytest.raises(smtplib.SMTPServerDisconnected):
                    smtp.getreply()
            return answer

    return await run(act)


async def by_imap(house: House, source: str, name: str, password: str = "wrong") -> str:
    """The same over IMAP."""

    def act() -> str:
        with socket.create_connection(("127.0.0.1", house.imap), 20, (source, 0)) as raw, raw.makefile("rb") as lines:
            lines.readline()
            raw.sendall(f'a LOGIN "{name}" "{password}"\r\n'.encode())
            while not (line := lines.readline()).startswith(b"a "):
                assert line
            return line.decode().strip()

    return await run(act)


async def test_guesses_are_slowed_down_and_shut_out_and_the_owner_is_not(town: House, clock: Clock) -> None:
    assert await by_smtp(town, OWNER, ANN, PASSWORD) == GOOD
    assert [await by_smtp(town, GUESSER, ANN) for _ in range(10)] == [WRONG] * 10
    assert clock.slept == [1, 2, 4, 8, 16]  # five are free, then each waits before anything is hashed
    for name, password in ((ANN, "wrong"), (ANN, PASSWORD), (BOB, PASSWORD), ("nobody@one.test", "x")):
        assert await by_smtp(town, GUESSER, name, password) == SHUT
    assert await by_smtp(town, OWNER, ANN, PASSWORD) == GOOD
    assert len(clock.slept) == 5
    clock.now += 14 * MINUTE
    assert await by_smtp(town, GUESSER, ANN, PASSWORD) == SHUT
    clock.now += 2 * MINUTE
    assert await by_smtp(town, GUESSER, ANN, PASSWORD) == GOOD


async def test_an_unknown_name_is_held_back_like_a_known_one(town: House, clock: Clock) -> None:
    told = []
    for source, name in ((GUESSER, ANN), (OTHER, "nobody@one.test")):
        clock.slept.clear()
        told.append(([await by_smtp(town, source, name) for _ in range(11)], list(clock.slept)))
    assert told[0] == told[1]


@pytest.mark.parametrize("first", [by_smtp, by_imap])
async def test_what_fails_over_one_protocol_counts_over_the_other(
    town: House, clock: Clock, first: Callable[..., object]
) -> None:
    """Seven here and three there are ten, and a door that is shut is shut for both."""
    second = by_imap if first is by_smtp else by_smtp
    refused = {by_smtp: WRONG, by_imap: "a NO [AUTHENTICATIONFAILED] Wrong address or password"}
    shut = {by_smtp: SHUT, by_imap: "a NO [UNAVAILABLE] Too many attempts, try again later"}
    opened = {by_smtp: GOOD, by_imap: "a OK "}
    for _ in range(7):
        assert await first(town, GUESSER, ANN) == refused[first]
    assert clock.slept == [1, 2]
    for _ in range(3):
        assert await second(town, GUESSER, BOB) == refused[second]
    assert clock.slept == [1, 2, 4, 8, 16]
    for way in (second, first):
        assert await way(town, GUESSER, BOB, PASSWORD) == shut[way]
        assert (await way(town, OTHER, BOB, PASSWORD)).startswith(opened[way])


async def test_while_too_many_passwords_are_hashed_it_says_so_and_the_session_goes_on(town: House) -> None:
    """Two at work and sixteen waiting; the next is told to come back, whoever it is."""
    free = threading.Event()
    work = [asyncio.create_task(town.appliance.passwords._run(lambda: free.wait(20))) for _ in range(18)]
    await asyncio.sleep(0)
    smtp = await run(lambda: client(town))
    try:
        for name in (ANN, "nobody@one.test"):
            answer = await run(lambda name=name: said(smtp.docmd(f"AUTH PLAIN {plain(name, PASSWORD)}")))
            assert answer == "454 4.7.0 Temporary authentication failure"
        free.set()
        await asyncio.gather(*work)
        assert await run(lambda: said(smtp.docmd(f"AUTH PLAIN {plain(ANN, PASSWORD)}"))) == GOOD
    finally:
        free.set()
        smtp.close()


@pytest.mark.parametrize("at", ["command", "recipient", "data"])
async def test_a_changed_password_ends_the_sessions_it_opened(town: House, at: str) -> None:
    """At once, wherever they are; nothing of what was under way arrives."""

    def begin() -> smtplib.SMTP:
        smtp = client(town)
        smtp.login(ANN, PASSWORD)
        if at != "command":
            smtp.mail(ANN)
            assert smtp.rcpt(BOB)[0] == 250
        if at == "data":
            assert smtp.docmd("DATA")[0] == 354
            smtp.send(f"From: {ANN}\r\n\r\n")
        return smtp

    smtp = await run(begin)
    (live,) = town.appliance.sessions.find(account=ANN)
    password = town.store.credentials.password_of(live.account_id)
    assert password is not None
    await town.store.engine.write(lambda tx: credential_acts.revoke(tx, password.id))
    assert await run(lambda: said(smtp.getreply())) == "421 4.7.0 Session ended: the password was changed"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        await run(smtp.getreply)
    assert await by_smtp(town, OWNER, ANN, PASSWORD) == WRONG
    account = town.store.directory.account(BOB)
    assert account is not None
    inbox = town.store.mailboxes.get(account.id, "INBOX")
    assert inbox is not None
    assert inbox.uidnext == 1


async def test_a_suspended_domain_sends_nothing(town: House) -> None:
    domain = town.store.directory.resolve("one.test")
    assert domain is not None
    await town.store.engine.write(lambda tx: directory_acts.suspend_domain(tx, domain.id))

    def act() -> str:
        with client(town) as smtp:
            smtp.login(ANN, PASSWORD)
            return said(smtp.mail(ANN))

    assert await run(act) == "450 4.2.1 one.test: domain suspended, try again later"


USERNAME, PASSWORD_ASKED = "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"
CANCELLED, UNREADABLE = "501 5.7.0 Authentication cancelled", "501 5.5.2 Cannot decode the response"


@pytest.mark.parametrize(
    ("lines", "answers"),
    [
        ([f"auth plain {plain(ANN, PASSWORD)}"], [GOOD]),
        (["AUTH PLAIN", plain(ANN, PASSWORD)], ["334 ", GOOD]),
        ([f"AUTH PLAIN {coded(f'Ann@One.Test{chr(0)}{ANN}{chr(0)}{PASSWORD}')}"], [GOOD]),
        ([f"AUTH PLAIN {coded(f'{BOB}{chr(0)}{ANN}{chr(0)}{PASSWORD}')}"], [WRONG]),
        (["AUTH LOGIN", coded(ANN), coded(PASSWORD)], [USERNAME, PASSWORD_ASKED, GOOD]),
        ([f"AUTH LOGIN {coded(ANN)}", coded(PASSWORD)], [PASSWORD_ASKED, GOOD]),
        # "=" is an initial response of no octets (RFC 4954 §4): nobody's name and no password.
        (["AUTH PLAIN =", "NOOP"], [WRONG, "250 2.0.0 OK"]),
        (["AUTH LOGIN =", coded(PASSWORD)], [PASSWORD_ASKED, WRONG]),
        (["AUTH PLAIN", ""], ["334 ", WRONG]),
        (["AUTH LOGIN", coded(ANN), ""], [USERNAME, PASSWORD_ASKED, WRONG]),
        (["AUTH PLAIN", "*", f"AUTH PLAIN {plain(ANN, PASSWORD)}"], ["334 ", CANCELLED, GOOD]),
        (["AUTH LOGIN", "*", "NOOP"], [USERNAME, CANCELLED, "250 2.0.0 OK"]),
        (["AUTH LOGIN", coded(ANN), "*", "NOOP"], [USERNAME, PASSWORD_ASKED, CANCELLED, "250 2.0.0 OK"]),
        (["AUTH PLAIN *"], [UNREADABLE]),
        (["AUTH PLAIN", "QUIT", "NOOP"], ["334 ", WRONG, "250 2.0.0 OK"]),
        (["AUTH LOGIN", "not base64", "NOOP"], [USERNAME, UNREADABLE, "250 2.0.0 OK"]),
        ([f"AUTH PLAIN {plain(ANN, PASSWORD)} more"], [UNREADABLE]),
        (["AUTH", "NOOP"], ["501 5.5.4 Syntax error in arguments", "250 2.0.0 OK"]),
        # Lines have an end: 1 KiB of text, then the command line's own bound, then that of any SMTP client.
        ([f"AUTH PLAIN {'A' * 1372}", "NOOP"], [UNREADABLE, "250 2.0.0 OK"]),
        ([f"AUTH PLAIN {'A' * 2048}", "NOOP"], ["500 5.5.2 Line too long", "250 2.0.0 OK"]),
        (
            ["AUTH PLAIN", "A" * 1372, "NOOP"],
            ["334 ", "500 5.5.6 Authentication exchange line too long", "250 2.0.0 OK"],
        ),
        (
            ["AUTH LOGIN", coded(ANN), "A" * 20_000, "NOOP"],
            [USERNAME, PASSWORD_ASKED, "500 5.5.6 Authentication exchange line too long", "250 2.0.0 OK"],
        ),
        (["AUTH PLAIN", "A" * 100_000], ["334 ", "500 5.5.2 Line too long"]),
        # Whatever follows in the same packet would be taken for a response.
        ([f"AUTH PLAIN {plain(ANN, PASSWORD)}\r\nNOOP"], ["554 5.5.1 Protocol error"]),
        (
            ["HELO laptop.test", f"AUTH PLAIN {plain(ANN, PASSWORD)}"],
            ["250 mail.test", "503 5.5.1 Say EHLO or HELO first"],
        ),
    ],
)
async def test_every_shape_of_the_exchange(town: House, lines: list[str], answers: list[str]) -> None:
    def act() -> list[str]:
        with client(town) as smtp:
            found = []
            for line in lines:
                smtp.send(line + "\r\n")
                found.append(said(smtp.getreply()))
            return found

    assert await run(act) == answers


SECRET = "a-password-nobody-may-read"


SAID = (
    [f"AUTH PLAIN {plain(ANN, SECRET)}"],
    ["auth  plain", plain(ANN, SECRET)],
    ["AUTH LOGIN", coded(ANN), coded(SECRET)],
    [f"AUTH LOGIN {coded(ANN)}", coded(SECRET)],
    [f"AUTH LOGIN {coded(ANN)} {coded(SECRET)}"],
    ["AUTH CRAM-MD5", coded(SECRET)],
    [f"AUTH {coded(SECRET)}"],
    [f"AUTH PLAIN {plain(ANN, SECRET)}{'A' * 2100}"],
    ["AUTH PLAIN", plain(ANN, SECRET) + "A" * 3000],
    [f"AUTH LOGIN\r\n{coded(ANN)}\r\n{coded(SECRET)}"],
)


@pytest.mark.parametrize("where", ["submission", "before TLS", "mx"])
async def test_a_password_is_in_no_log_and_no_record(
    town: House, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where no sign-in is offered, and a client says all it has nevertheless."""

    def act(lines: list[str]) -> None:
        port = town.mx if where == "mx" else town.submission
        smtp = client(town) if where == "submission" else smtplib.SMTP("127.0.0.1", port, "laptop.test", timeout=20)
        with smtp:
            smtp.ehlo()
            for line in lines:
                smtp.send(line + "\r\n")
                if smtp.getreply()[0] == 554:
                    return

    for lines in SAID:
        await run(lambda lines=lines: act(lines))
    await until(lambda: not len(town.appliance.sessions))
    await town.store.record.flush()
    assert len(town.store.engine.reader.execute("SELECT id FROM smtp_session").fetchall()) == len(SAID)
    written = b"".join(path.read_bytes() for path in (town.directory / "data").rglob("*") if path.is_file())
    assert written.count(b"< ehlo laptop.test") >= len(SAID)
    written += "".join(capfd.readouterr()).encode()
    for secret in (SECRET, coded(SECRET), plain(ANN, SECRET)):
        assert secret.encode() not in written

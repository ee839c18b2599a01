"""An account sends to so many recipients an hour and a day, and hears when it may send again."""

import asyncio
import re
import smtplib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.house import PASSWORD, House

ANN = "ann@one.test"
TEXT = b"From: ann@one.test\r\nSubject: hi\r\n\r\nhello\r\n"
OK = "250 2.1.5 Recipient OK"
NOON = 1_795_521_600_000_000
"""2026-11-24T12:00:00Z"""
OVER = f"450 4.7.1 <{ANN}> may send to 3 recipients an hour: try again after 13:00 UTC"


class Town(House):
    """one.test with ann, bob and carl; three recipients an hour, and a clock that stands."""

    def __init__(self, directory: Path, time: int = NOON, hour: int = 3) -> None:
        self.time = time
        super().__init__(directory, now=lambda: self.time, limits={"account_recipients_hour": hour})

    def signed_in(self, name: str = ANN) -> smtplib.SMTP:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = smtplib.SMTP("127.0.0.1", self.submission, "laptop.test", timeout=20)
        client.starttls(context=context)
        client.login(name, PASSWORD)
        return client


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    opened = Town(tmp_path)
    async with opened:
        await opened.add_domain("one.test")
        for name in ("ann", "bob", "carl"):
            await opened.add_mailbox(f"{name}@one.test")
        yield opened


def said(answer: tuple[int, bytes]) -> str:
    return f"{answer[0]} {answer[1].decode()}"


def rcpt(client: smtplib.SMTP, count: int = 1) -> list[str]:
    return [said(client.rcpt("bob@one.test")) for _ in range(count)]


async def test_one_transaction_and_what_frees_it(town: Town) -> None:
    def act() -> None:
        with town.signed_in() as client:
            client.mail(ANN)
            assert rcpt(client, 5) == [OK] * 3 + [OVER] * 2
            assert said(client.rcpt("nobody@one.test")) == "550 5.1.1 <nobody@one.test>: no such user"
            client.rset()
            client.mail(ANN)
            assert rcpt(client, 4) == [OK] * 3 + [OVER]
            client.ehlo()
            client.mail(ANN)
            assert rcpt(client) == [OK]

    await asyncio.to_thread(act)


async def test_sessions_together_and_each_account_by_itself(town: Town) -> None:
    def act() -> None:
        with town.signed_in() as first, town.signed_in() as second, town.signed_in("carl@one.test") as other:
            first.mail(ANN)
            second.mail(ANN)
            assert rcpt(first, 2) + rcpt(second, 2) + rcpt(first) == [OK] * 3 + [OVER] * 2
            other.mail("carl@one.test")
            assert rcpt(other, 3) == [OK] * 3
            first.quit()
            assert rcpt(second, 3) == [OK] * 2 + [OVER]

    await asyncio.to_thread(act)


async def test_a_pipelined_client_has_each_recipient_answered(town: Town) -> None:
    def act() -> bytes:
        with town.signed_in() as client:
            assert client.sock is not None
            assert client.file is not None
            group = [b"MAIL FROM:<ann@one.test>", *[b"RCPT TO:<bob@one.test>"] * 4, b"DATA"]
            client.sock.sendall(b"\r\n".join(group) + b"\r\n")
            return b"".join(client.file.readline() for _ in range(6))

    assert (await asyncio.to_thread(act)).decode().splitlines() == [
        "250 2.1.0 Sender OK",
        *[OK] * 3,
        OVER,
        "354 End data with <CR><LF>.<CR><LF>",
    ]


async def test_mail_from_outside_is_not_counted(town: Town) -> None:
    for _ in range(3):
        await town.send(TEXT, "bob@one.test", "carl@one.test", mail_from=ANN)


async def test_a_restart_forgets_nothing_and_time_frees(tmp_path: Path) -> None:
    def send(town: Town, *to: str) -> str:
        with town.signed_in() as client:
            client.mail(ANN)
            for address in to:
                answer = said(client.rcpt(address))
                if answer != OK:
                    return answer
            return said(client.data(TEXT))

    town = Town(tmp_path)
    async with town:
        await town.add_domain("one.test")
        await town.add_mailbox(ANN)
        await town.add_mailbox("bob@one.test")
        assert re.match("250 ", await asyncio.to_thread(send, town, "bob@one.test"))
        town.time += 20 * 60_000_000
        assert re.match("250 ", await asyncio.to_thread(send, town, "bob@one.test", ANN))
        assert await asyncio.to_thread(send, town, ANN) == OVER
        later = town.time + 5 * 60_000_000
    town = Town(tmp_path, later)
    async with town:
        assert await asyncio.to_thread(send, town, ANN) == OVER
        town.time = NOON + 3_600_000_000
        assert re.match("250 ", await asyncio.to_thread(send, town, ANN))
        assert (await asyncio.to_thread(send, town, ANN)).endswith("try again after 13:20 UTC")


async def test_sessions_that_race_get_no_more_than_the_limit(tmp_path: Path) -> None:
    town = Town(tmp_path, hour=40)

    def send() -> int:
        """How many recipients had their message, in ten transactions of three."""
        sent = 0
        with town.signed_in() as client:
            for _ in range(10):
                client.mail(ANN)
                accepted = rcpt(client, 3).count(OK)
                if accepted and said(client.data(TEXT)).startswith("250 "):
                    sent += accepted
                client.rset()
        return sent

    async with town:
        await town.add_domain("one.test")
        await town.add_mailbox(ANN)
        await town.add_mailbox("bob@one.test")
        assert sum(await asyncio.gather(*[asyncio.to_thread(send) for _ in range(5)])) == 40
        account = town.store.directory.account(ANN)
        assert account is not None
        assert town.store.traces.account_recipients(account.id, 0)[0] == 40

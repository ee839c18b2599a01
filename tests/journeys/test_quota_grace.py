"""A full mailbox puts mail off for a day, then refuses it, and takes it again once there is room."""

import asyncio
import imaplib
import smtplib
from pathlib import Path

from appliance import process
from tests.house import PASSWORD, House

HOUR = 3_600_000_000


def rcpt(port: int) -> tuple[int, str]:
    with smtplib.SMTP("127.0.0.1", port, "sender.test", timeout=20) as client:
        client.ehlo()
        client.mail("a@sender.test", ["SIZE=900"])
        code, text = client.rcpt("ann@dest.test")
        return code, text.decode().split(" ")[0]


def empty(port: int) -> None:
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login("ann@dest.test", PASSWORD)
        client.select("INBOX")
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()


async def test_a_day_of_grace_then_refused_then_room_again(tmp_path: Path) -> None:
    clock = [process.microseconds()]
    async with House(tmp_path, now=lambda: clock[0]) as house:
        await house.add_domain("dest.test")
        await house.add_mailbox("ann@dest.test", "1000")
        await house.send(b"Subject: fills it\r\n\r\n" + b"x" * 700 + b"\r\n", "ann@dest.test")
        assert await asyncio.to_thread(rcpt, house.mx) == (452, "4.2.2")
        clock[0] += 23 * HOUR
        assert await asyncio.to_thread(rcpt, house.mx) == (452, "4.2.2")
        clock[0] += 2 * HOUR
        assert await asyncio.to_thread(rcpt, house.mx) == (552, "5.2.2")
        await asyncio.to_thread(empty, house.imap)
        assert await asyncio.to_thread(rcpt, house.mx) == (250, "2.1.5")
        await house.send(b"Subject: fills it again\r\n\r\n" + b"x" * 700 + b"\r\n", "ann@dest.test")
        assert await asyncio.to_thread(rcpt, house.mx) == (452, "4.2.2")

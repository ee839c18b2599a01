"""The daemon's record: IMAP sessions from login to end, its own hours, and all of it written before it is gone."""

import asyncio
import imaplib
from pathlib import Path

from appliance.mail.session_record import ImapSessionRecord
from appliance.store.trace import Stretch
from tests.house import PASSWORD, House


def read_mail(port: int, address: str) -> None:
    client = imaplib.IMAP4("127.0.0.1", port, timeout=20)
    client.login(address, PASSWORD)
    client.xatom("ID", '("name" "Probe")')
    client.select("INBOX", readonly=True)
    client.logout()


async def test_an_imap_session_and_the_hours_of_the_server(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.add_domain("one.test")
        account = await house.add_mailbox("ann@one.test")
        await asyncio.to_thread(read_mail, house.imap, "ann@one.test")
        (first,) = house.store.traces.uptimes()
        assert first.stopped is None
    async with House(tmp_path) as house:
        ids = [row[0] for row in house.store.engine.reader.execute("SELECT id FROM imap_session").fetchall()]
        (found,) = [house.store.traces.find(id_) for id_ in ids]
        assert isinstance(found, ImapSessionRecord)
        assert (found.account, found.peer, found.client_id, found.outcome) == (
            account.id,
            "127.0.0.1",
            "Probe",
            "logout",
        )
        assert found.ended is not None
        assert found.ended >= found.started
        assert min(found.received, found.sent) > 20
        before, now = house.store.traces.uptimes()
        assert before == Stretch(first.started, before.alive, before.alive)
        assert now.stopped is None
        assert house.store.traces.gaps(before.started, now.alive) == ((before.end, now.started),)


async def test_sessions_under_way_at_a_stop_are_on_record(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.add_domain("one.test")
        await house.add_mailbox("ann@one.test")
        reader, writer = await house.connect(house.imap)
        writer.write(f"a LOGIN ann@one.test {PASSWORD}\r\n".encode())
        while b"a OK" not in await reader.readline():
            pass
    writer.close()
    async with House(tmp_path) as house:
        rows = house.store.engine.reader.execute("SELECT ended IS NOT NULL, outcome FROM imap_session").fetchall()
        assert [ended for ended, _ in rows] == [1]
        assert rows[0][1]


async def test_days_and_privacy_come_from_the_settings(tmp_path: Path) -> None:
    async with House(tmp_path, records={"privacy": "metadata", "days": 3}) as house:
        assert house.settings.records.days == 3
        await house.add_domain("one.test")
        await house.add_mailbox("ann@one.test")
        await house.send(b"Subject: secret\r\n\r\nhi\r\n", "ann@one.test")
    async with House(tmp_path) as house:
        rows = house.store.engine.reader.execute("SELECT subject, transcript FROM smtp_transaction").fetchall()
        assert all(row == ("", "") for row in rows)

"""The daemon's record: IMAP sessions from login to end, its own hours, and all of it written before it is gone."""

import asyncio
import imaplib
import smtplib
from pathlib import Path

import pytest

from appliance.mail.session_record import ImapSessionRecord
from appliance.store import directory_acts
from appliance.store.trace import Stretch
from tests.house import PASSWORD, House

MAIL = b"From: joe@far.test\r\nSubject: secret\r\n\r\nhi\r\n"


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
        await house.send(MAIL, "ann@one.test")
    async with House(tmp_path) as house:
        rows = house.store.engine.reader.execute("SELECT subject, transcript FROM smtp_transaction").fetchall()
        assert rows == [("", "")]


async def test_no_mail_without_its_record(tmp_path: Path) -> None:
    """The sender is told to come again, nothing is stored; and once the record can be written, mail comes in."""
    async with House(tmp_path) as house:
        await house.add_domain("one.test")
        account = await house.add_mailbox("ann@one.test")
        engine = house.store.engine
        trigger = "CREATE TRIGGER no BEFORE INSERT ON smtp_recipient BEGIN SELECT RAISE(ABORT, 'no record'); END"
        await engine.write(lambda tx: tx.execute(trigger).close())
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await house.send(MAIL, "ann@one.test")
        assert refused.value.smtp_code == 451
        inbox = house.store.mailboxes.get(account.id, "INBOX")
        assert (inbox.exists, inbox.uidnext) == (0, 1)
        await engine.write(lambda tx: tx.execute("DROP TRIGGER no").close())
        await house.send(MAIL, "ann@one.test")
        assert house.store.mailboxes.get(account.id, "INBOX").exists == 1
        await house.store.record.flush()
        rows = engine.reader.execute("SELECT id, outcome FROM smtp_transaction ORDER BY id").fetchall()
        accepted = [house.store.traces.find(id_) for id_, outcome in rows if outcome == "accepted"]
        assert [one.transactions[0].recipients[0].address for one in accepted] == ["ann@one.test"]
        deferred = [house.store.traces.find(id_) for id_, outcome in rows if outcome == "deferred"]
        assert all(one.transactions[0].code == 451 for one in deferred)
        assert len(rows) == 2


async def test_a_subject_that_a_domain_does_not_want_kept_is_not(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        open_, dark = await house.add_domain("open.test"), await house.add_domain("dark.test")
        await house.store.engine.write(lambda tx: directory_acts.set_domain(tx, dark.id, privacy="metadata"))
        await house.add_mailbox("ann@open.test")
        await house.add_mailbox("zoe@dark.test")
        await house.send(MAIL, "ann@open.test")
        await house.send(MAIL, "ann@open.test", "zoe@dark.test", mail_from="joe@far.test")
        sql = "SELECT subject, transcript, mail_from, domain FROM smtp_transaction ORDER BY id"
        first, second = house.store.engine.reader.execute(sql).fetchall()
        assert first[0] == "secret"
        assert "FROM:<out@sender.test>" in first[1]
        assert second[:2] == ("", "")
        assert second[2].startswith("#")
        assert second[2].endswith("@far.test")
        assert first[3] == open_.id

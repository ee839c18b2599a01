"""Check and repair: each fault is found, named, and put right where nothing is lost by it."""

import hashlib
import os
import sqlite3

import pytest

from appliance.mail.delivery import Content
from appliance.mail.structure import render
from appliance.store import message_acts
from appliance.store.blobs import GRACE_US
from tests.store_house import StoreHouse

BIG = b"Subject: big\r\n\r\n" + b"x" * 40_000


@pytest.fixture
async def house(tmp_path):
    house = StoreHouse(tmp_path / "data")
    account = await house.account("ann@one.test")
    folder = house.folder(account)
    for number in range(3):
        await house.append(folder.id, f"message {number}")
    stored = await house.store.blobs.store(Content(len(BIG), hashlib.sha256(BIG).digest(), BIG), (folder.domain,))
    await house.do(
        message_acts.append, house.store.blobs, folder.id, stored, render(BIG), internaldate=house.time, flags=1
    )
    await house.do(message_acts.remove, folder.id, [(1, 1)])
    await house.do(lambda tx: [house.store.audit.append(tx, "cli:0", "act", str(number)) for number in range(3)])
    yield house
    house.close()


def body_file(house):
    (path,) = [path for path in (house.store.data_dir / "blobs").rglob("*") if path.is_file()]
    return path


async def kinds(house, **options):
    return [finding.kind for finding in await house.store.check.check(**options)]


async def test_a_store_in_order_has_no_findings(house):
    assert await kinds(house, bodies=True) == []


DAMAGE = [
    ('UPDATE mailbox SET "exists" = "exists" + 1 WHERE name = \'INBOX\'', "counters", True),
    ("UPDATE mailbox SET unseen = 9 WHERE name = 'Junk'", "counters", True),
    ("UPDATE mailbox SET uidnext = 4 WHERE name = 'INBOX'", "uidnext", True),
    ("UPDATE mailbox SET highestmodseq = 1 WHERE name = 'INBOX'", "modseq", True),
    ("UPDATE account SET used_bytes = 5", "usage-account", True),
    ("UPDATE organisation SET used_bytes = 5", "usage-organisation", True),
    ("DELETE FROM blob_orphan", "unused-body", True),
    ("DELETE FROM blob WHERE id = (SELECT blob FROM message WHERE uid = 2)", "message-without-body", False),
    ("DELETE FROM rendition WHERE blob = (SELECT blob FROM message WHERE uid = 2)", "rendition", False),
    ("UPDATE audit SET actor = 'x' WHERE seq = 2", "audit", False),
    (
        "UPDATE blob SET size = 1 WHERE place = 'row' AND id = (SELECT blob FROM message WHERE uid = 2)",
        "body-size",
        False,
    ),
]


@pytest.mark.parametrize(("sql", "kind", "fixable"), DAMAGE)
async def test_damage_is_found_and_what_can_be_is_put_right(house, sql, kind, fixable):
    await house.do(lambda tx: tx.execute(sql))
    found = await house.store.check.check()
    assert kind in [finding.kind for finding in found]
    assert all("\n" not in finding.text for finding in found)
    fixed = await house.store.check.fix(found, "cli:0")
    assert (kind in [finding.kind for finding in fixed]) is fixable
    if fixable:
        assert await kinds(house) == []
        assert house.store.audit.newest(1)[0].act == "store.fix"


async def test_a_uid_is_not_given_again_after_a_repair(house):
    """The tombstone of the last message counts too: UIDs of expunged messages are never reused."""
    folder = house.reader.execute("SELECT id FROM mailbox WHERE name = 'INBOX'").fetchone()[0]
    await house.do(message_acts.remove, folder, [(4, 4)])
    await house.do(lambda tx: tx.execute("UPDATE mailbox SET uidnext = 4 WHERE id = ?", (folder,)))
    await house.store.check.fix(await house.store.check.check(), "cli:0")
    assert (await house.append(folder, "next")).uid == 5


async def test_a_missing_and_a_short_file_are_found(house):
    path = body_file(house)
    path.write_bytes(BIG[:-1])
    assert await kinds(house) == ["body-size"]
    path.unlink()
    assert await kinds(house, bodies=True) == ["missing-file"]


async def test_changed_bytes_are_found_when_bodies_are_read(house):
    path = body_file(house)
    path.write_bytes(BIG[:-1] + b"y")
    assert await kinds(house) == []
    assert await kinds(house, bodies=True) == ["body-hash"]


async def test_a_link_to_nothing_is_found(house):
    sql = "INSERT INTO domain_alias (id, domain, name, created_at) SELECT 1, id, 'a.test', 1 FROM domain"
    await house.do(lambda tx: tx.execute(sql))
    path = house.store.data_dir / "appliance.db"
    house.store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE domain_alias SET domain = 99")
    connection.commit()
    connection.close()
    house.__init__(house.store.data_dir)
    assert "link" in await kinds(house)


async def test_a_stray_file_is_found_once_it_is_old_and_fixed_by_deleting_it(house):
    stray = body_file(house).with_name("cd" * 32)
    stray.write_bytes(b"x")
    os.utime(stray, ns=(house.time * 1000,) * 2)
    assert await kinds(house) == []
    house.time += GRACE_US + 1
    found = await house.store.check.check()
    assert [finding.kind for finding in found] == ["stray-file"]
    await house.store.check.fix(found, "cli:0")
    assert not stray.exists()


async def test_a_damaged_page_is_found(house):
    path = house.store.data_dir / "appliance.db"
    root = house.reader.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'message_blob'").fetchone()[0]
    house.store.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(bytes(64))
    house.__init__(house.store.data_dir)
    assert "integrity" in await kinds(house)

"""Upkeep: what has had its time goes, in slices; what is still of use stays."""

import os

import pytest

from appliance.store import account_acts, mailbox_acts, message_acts
from appliance.store.blobs import GRACE_US
from appliance.store.upkeep import JOURNAL_US, SLICE, TOMBSTONE_US, purge_tombstones, vacuum
from tests.store_house import START, StoreHouse


@pytest.fixture
def house(tmp_path):
    house = StoreHouse(tmp_path / "data")
    yield house
    house.close()


async def filled(house, count=3):
    account = await house.account("ann@one.test")
    folder = house.folder(account)
    for number in range(count):
        await house.append(folder.id, f"message {number}")
    return account, folder


async def expunge(house, folder, uids):
    return await house.do(message_acts.remove, folder.id, [(uid, uid) for uid in uids])


async def test_nothing_is_purged_before_its_time(house):
    _, folder = await filled(house)
    await expunge(house, folder, [1])
    await house.do(lambda tx: tx.execute("INSERT INTO accepted VALUES (?, 1, ?)", (b"k", tx.now)))
    house.time = START + JOURNAL_US
    done = await house.store.upkeep.purge()
    assert (done.tombstones, done.journal, done.messages, done.bodies) == (0, 0, 0, 0)


async def test_each_thing_goes_when_its_time_has_come(house):
    _, folder = await filled(house)
    await expunge(house, folder, [1, 2])
    await house.do(lambda tx: tx.execute("INSERT INTO accepted VALUES (?, 1, ?)", (b"k", tx.now)))
    house.time = START + JOURNAL_US + 1
    assert (await house.store.upkeep.purge()).journal == 1
    house.time = START + GRACE_US + 1
    done = await house.store.upkeep.purge()
    assert (done.bodies, done.tombstones) == (2, 0)
    assert house.count("blob") == house.count("rendition") == 1
    house.time = START + TOMBSTONE_US + 1
    assert (await house.store.upkeep.purge()).tombstones == 2


async def test_purged_tombstones_raise_the_floor_below_which_nothing_can_be_told(house):
    _, folder = await filled(house)
    await expunge(house, folder, [1])
    gone = house.store.mailboxes.by_id(folder.id).highestmodseq
    house.time += 1
    await expunge(house, folder, [2])
    await house.do(purge_tombstones, START + 1)
    floor = house.reader.execute("SELECT expunged_floor FROM mailbox WHERE id = ?", (folder.id,)).fetchone()[0]
    assert floor == gone
    assert house.count("expunged") == 1


async def test_a_body_named_again_is_not_collected(house):
    _, folder = await filled(house, 1)
    await expunge(house, folder, [1])
    await house.append(folder.id, "message 0")
    house.time += GRACE_US + 1
    assert await house.store.upkeep.collect() == 0
    assert house.count("blob_orphan") == 0
    assert house.count("blob") == 1


async def test_the_mail_of_a_removed_account_goes_in_slices(house):
    account, folder = await filled(house, 1)
    await house.do(
        lambda tx: [
            tx.execute(
                "INSERT INTO message SELECT mailbox, ?, domain, blob, prefix, flags, keywords, modseq, internaldate,"
                " savedate, size, trace FROM message WHERE mailbox = ? AND uid = 1",
                (uid, folder.id),
            )
            for uid in range(2, 2 * SLICE + 10)
        ]
    )
    await house.do(account_acts.remove_account, account.id)
    assert (await house.store.upkeep.purge()).messages == 2 * SLICE + 9
    assert house.count("message") == 0
    house.time += GRACE_US + 1
    assert (await house.store.upkeep.purge()).bodies == 1


async def test_a_deleted_folder_leaves_bodies_of_other_folders_alone(house):
    account, _ = await filled(house, 2)
    other = await house.do(mailbox_acts.create, account.id, "Other")
    await house.append(other.id, "message 0")
    await house.do(mailbox_acts.delete, account.id, "Other")
    house.time += GRACE_US + 1
    assert (await house.store.upkeep.purge()).bodies == 0
    assert house.folder(account).exists == 2


@pytest.mark.parametrize(("age", "deleted"), [(GRACE_US - 1_000_000, 0), (GRACE_US + 1_000_000, 1)])
async def test_files_without_a_row_go_after_the_grace_time(house, age, deleted):
    directory = house.store.data_dir / "blobs" / "0000000000007"
    directory.mkdir()
    (directory / "README").write_text("not a body")
    stray = directory / ("ab" * 32)
    stray.write_bytes(b"x")
    os.utime(stray, ns=((START - age) * 1000,) * 2)
    assert (await house.store.upkeep.purge()).files == deleted
    assert stray.exists() != bool(deleted)
    assert (directory / "README").exists()


async def test_free_pages_are_given_back(house):
    await house.do(lambda tx: tx.execute("INSERT INTO setting VALUES ('x', ?)", ("x" * 8_000_000,)))
    await house.do(lambda tx: tx.execute("DELETE FROM setting"))
    before = house.reader.execute("PRAGMA freelist_count").fetchone()[0]
    assert before > 1900
    assert (await house.store.upkeep.purge()).pages > 1000
    assert await house.do(vacuum) == 0
    assert house.reader.execute("PRAGMA freelist_count").fetchone()[0] < 300

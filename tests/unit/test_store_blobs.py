"""Bodies: rows or files, one for each domain, and a collector that never takes what is stored again."""

import asyncio
import errno
import gc
import hashlib
import os
import threading

import pytest

from appliance.mail.delivery import Content
from appliance.store import body_files
from appliance.store.blobs import GRACE_US, ROW_BYTES
from appliance.store.errors import NotFound, StoreBroken, StoreError, StoreFull
from appliance.store.holds import Holds
from tests.store_house import StoreHouse

SMALL = b"s" * ROW_BYTES
BIG = bytes(range(256)) * 200


@pytest.fixture
def house(tmp_path):
    house = StoreHouse(tmp_path / "data")
    yield house
    house.close()


def in_memory(data):
    return Content(len(data), hashlib.sha256(data).digest(), data)


def as_file(house, data, name="incoming"):
    path = house.store.spool_dir / name
    path.write_bytes(data)
    return Content(len(data), hashlib.sha256(data).digest(), None, path)


async def put(house, content, *domains):
    stored = await house.store.blobs.store(content, domains)
    return [await house.do(house.store.blobs.insert, stored, domain) for domain in domains]


def files(house):
    return sorted(path for path in (house.store.data_dir / "blobs").rglob("*") if path.is_file())


async def orphan(house, blob, domain):
    await house.do(
        lambda tx: tx.execute("INSERT INTO blob_orphan (blob, domain, at) VALUES (?, ?, ?)", (blob, domain, tx.now))
    )


@pytest.mark.parametrize(("data", "count"), [(b"", 0), (b"x", 0), (SMALL, 0), (SMALL + b"x", 1), (BIG, 1)])
async def test_small_bodies_are_rows_and_big_ones_files(house, data, count):
    (blob,) = await put(house, in_memory(data), 7)
    assert len(files(house)) == count
    assert await house.store.blobs.body(blob) == data


@pytest.mark.parametrize("data", [SMALL, BIG])
@pytest.mark.parametrize(("start", "length"), [(0, None), (0, 10), (100, 10), (100, None), (10**6, 5), (5, 0)])
async def test_any_piece_can_be_read(house, data, start, length):
    (blob,) = await put(house, in_memory(data), 7)
    expected = data[start:] if length is None else data[start : start + length]
    assert await house.store.blobs.body(blob, start, length) == expected
    opened = await house.store.blobs.open(blob)
    assert await opened.read(start, len(data) if length is None else length) == expected
    assert opened.size == len(data)
    opened.close()


async def test_a_file_is_taken_over_and_linked_for_further_domains(house):
    content = as_file(house, BIG)
    await put(house, content, 7, 8)
    assert not content.path.exists()
    found = files(house)
    assert len(found) == 2
    assert {path.stat().st_ino for path in found} == {found[0].stat().st_ino}
    assert [path.name for path in found] == [content.sha256.hex()] * 2


async def test_where_links_are_not_possible_the_bytes_are_copied(house, monkeypatch):
    def no_links(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(body_files.os, "link", no_links)
    blobs = await put(house, as_file(house, BIG), 7, 8)
    assert [await house.store.blobs.body(blob) for blob in blobs] == [BIG, BIG]
    assert list(house.store.spool_dir.iterdir()) == []


@pytest.mark.parametrize("data", [SMALL, BIG])
async def test_a_body_is_stored_once_in_a_domain_and_never_across(house, data):
    first = await put(house, in_memory(data), 7)
    assert await put(house, in_memory(data), 7) == first
    assert await put(house, in_memory(data), 8) != first
    assert house.count("blob") == 2


async def test_many_row_bodies_by_one_statement(house):
    (small,) = await put(house, in_memory(SMALL), 7)
    (big,) = await put(house, in_memory(BIG), 7)
    assert house.store.blobs.bodies_inline([small, big, 99]) == {small: SMALL, big: None}


async def test_what_is_not_there_says_so(house):
    with pytest.raises(NotFound):
        await house.store.blobs.body(1)
    (blob,) = await put(house, in_memory(BIG), 7)
    files(house)[0].unlink()
    with pytest.raises(StoreError, match="missing"):
        await house.store.blobs.body(blob)


async def test_a_lost_file_is_there_again_when_its_content_is_stored_again(house):
    (blob,) = await put(house, in_memory(BIG), 7)
    files(house)[0].unlink()
    assert await put(house, in_memory(BIG), 7) == [blob]
    assert await house.store.blobs.body(blob) == BIG


async def test_file_name_and_directory_are_durable_before_the_row(house, monkeypatch):
    order = []

    def note(word, real):
        def call(*args):
            order.append(word)
            return real(*args)

        return call

    monkeypatch.setattr(body_files, "sync_file", note("file", body_files.sync_file))
    monkeypatch.setattr(body_files.os, "replace", note("rename", os.replace))
    monkeypatch.setattr(body_files, "sync_directory", note("directory", body_files.sync_directory))
    stored = await house.store.blobs.store(as_file(house, BIG), (7,))
    order.append("row")
    await house.do(house.store.blobs.insert, stored, 7)
    # The first directory is the one that got the domain's own directory.
    assert order == ["file", "directory", "rename", "directory", "row"]


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreBroken), (errno.EACCES, StoreError)]
)
async def test_a_failed_fsync_is_told_and_leaves_nothing(house, monkeypatch, number, error):
    def failing(path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(body_files, "sync_file", failing)
    content = as_file(house, BIG)
    with pytest.raises(error):
        await house.store.blobs.store(content, (7,))
    assert not content.path.exists()
    assert files(house) == []
    assert (house.store.engine.failure is not None) == (number == errno.EIO)


async def test_a_body_that_was_never_inserted_goes_with_the_next_one(house):
    stored = await house.store.blobs.store(as_file(house, BIG), (7,))
    assert len(files(house)) == 1
    del stored
    gc.collect()
    (blob,) = await put(house, as_file(house, BIG + b"other"), 7)
    assert [path.name for path in files(house)] == [hashlib.sha256(BIG + b"other").hexdigest()]
    assert await house.store.blobs.body(blob) == BIG + b"other"


async def test_a_body_whose_job_failed_goes_unless_a_row_names_it(house):
    (blob,) = await put(house, as_file(house, BIG), 7)

    def failing(tx, stored):
        house.store.blobs.insert(tx, stored, 7)
        raise StoreError("no")

    async def session(data):
        stored = await house.store.blobs.store(as_file(house, data), (7,))
        with pytest.raises(StoreError, match="no"):
            await house.do(failing, stored)

    for data in (BIG, BIG + b"x"):
        await asyncio.create_task(session(data))
    await house.do(lambda tx: None)  # the writer has let go of a batch once it has taken the next
    gc.collect()
    await house.store.upkeep.collect()
    assert [path.name for path in files(house)] == [hashlib.sha256(BIG).hexdigest()]
    assert await house.store.blobs.body(blob) == BIG


@pytest.mark.parametrize("data", [SMALL, BIG])
async def test_the_collector_waits_for_the_grace_time(house, data):
    (blob,) = await put(house, in_memory(data), 7)
    await orphan(house, blob, 7)
    house.time += GRACE_US
    assert await house.store.upkeep.collect() == 0
    house.time += 1
    assert await house.store.upkeep.collect() == 1
    assert files(house) == []
    assert house.count("blob") == house.count("blob_orphan") == 0


async def test_an_open_body_stays_readable_when_it_is_collected(house):
    (blob,) = await put(house, in_memory(BIG), 7)
    opened = await house.store.blobs.open(blob)
    await orphan(house, blob, 7)
    house.time += GRACE_US + 1
    await house.store.upkeep.collect()
    assert await opened.read(0, len(BIG)) == BIG
    opened.close()


async def test_content_stored_again_between_row_and_file_of_its_deletion_survives(house, monkeypatch):
    """The race of `holds`: the row is deleted, the same content arrives and is committed, then the file is due."""
    (blob,) = await put(house, in_memory(BIG), 7)
    await orphan(house, blob, 7)
    house.time += GRACE_US + 1
    real, again = house.store.blobs.files.delete, []

    async def arrive():
        again.extend(await put(house, in_memory(BIG), 7))

    loop = asyncio.get_running_loop()

    def delete(name):
        asyncio.run_coroutine_threadsafe(arrive(), loop).result(30)
        return real(name)

    monkeypatch.setattr(house.store.blobs.files, "delete", delete)
    assert await house.store.upkeep.collect() == 1
    assert again != [blob]
    assert await house.store.blobs.body(again[0]) == BIG


async def test_content_whose_row_is_still_to_come_survives_the_deletion_of_its_file(house):
    (blob,) = await put(house, in_memory(BIG), 7)
    await orphan(house, blob, 7)
    house.time += GRACE_US + 1
    stored = await house.store.blobs.store(as_file(house, BIG), (7,))
    assert await house.store.upkeep.collect() == 1
    again = await house.do(house.store.blobs.insert, stored, 7)
    assert again != blob
    assert await house.store.blobs.body(again) == BIG


def test_who_stores_waits_for_a_deletion_under_way_and_never_the_other_way_round():
    holds, name, order = Holds(), (7, b"x"), []
    assert holds.begin_death(name)
    assert not holds.begin_death(name)

    def store():
        holds.take(name)
        order.append("stored")

    thread = threading.Thread(target=store)
    thread.start()
    order.append("deleted")
    holds.end_death(name)
    thread.join(30)
    assert order == ["deleted", "stored"]
    assert not holds.begin_death(name)
    holds.drop(name)
    assert holds.begin_death(name)


async def test_storing_and_collecting_at_once_never_loses_a_named_body(house):
    """Many rounds of arrival and deletion of the same few bodies on all threads at once."""
    bodies = [BIG + bytes([number]) for number in range(3)]

    async def arrive(round_):
        for number, data in enumerate(bodies):
            (blob,) = await put(house, as_file(house, data, f"in-{round_}-{number}"), 7)
            # A message row stands for the name that keeps a body; every second one goes again.
            if round_ % 2:
                await orphan_if_unnamed(house, blob)

    async def collect():
        for _ in range(30):
            house.time += 2 * GRACE_US
            await house.store.upkeep.collect()

    await asyncio.gather(*(arrive(round_) for round_ in range(30)), collect())
    for blob, size in house.reader.execute("SELECT id, size FROM blob").fetchall():
        assert len(await house.store.blobs.body(blob)) == size


async def orphan_if_unnamed(house, blob):
    await house.do(
        lambda tx: tx.execute(
            "INSERT INTO blob_orphan (blob, domain, at) SELECT id, domain, ? FROM blob WHERE id = ?"
            " ON CONFLICT DO NOTHING",
            (tx.now, blob),
        )
    )

"""The engine: group commit, jobs that fail alone, readers that hold nobody up, a feed that follows the commit."""

import asyncio
import contextlib
import sqlite3
import threading
import time

import pytest

from appliance.ids import IdMaker
from appliance.records import Topic
from appliance.store import engine as engine_module
from appliance.store.engine import Engine
from appliance.store.engine_sqlite import SqliteFile
from appliance.store.errors import Conflict, StoreBroken, StoreBusy, StoreError, StoreFull, StoreTimeout
from appliance.store.feed import Feed
from appliance.store.migrate import migrate

NOW = 1_700_000_000_000_000


@pytest.fixture
def feed():
    return Feed()


@pytest.fixture
def engine(tmp_path, feed):
    path = tmp_path / "appliance.db"
    migrate(path)
    engine = Engine(SqliteFile(path), feed, now=lambda: NOW, ids=IdMaker(lambda: NOW), read_seconds=0.2)
    yield engine
    engine.close()


def put(name, value="x"):
    def job(tx):
        tx.execute("INSERT INTO setting (name, value) VALUES (?, ?)", (name, value))
        return name

    return job


def stored(engine):
    return [row[0] for row in engine.reader.execute("SELECT name FROM setting ORDER BY name").fetchall()]


class Gate:
    """A job that keeps the writer busy until it is let go, so that others gather behind it."""

    def __init__(self):
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self, tx):
        self.entered.set()
        assert self.open.wait(30)

    async def start(self, engine):
        task = asyncio.create_task(engine.write(self))
        await asyncio.to_thread(self.entered.wait, 30)
        return task


async def together(engine, *jobs):
    """Run jobs as one batch: they gather while the writer is held."""
    gate = Gate()
    held = await gate.start(engine)
    tasks = [asyncio.create_task(engine.write(job)) for job in jobs]
    await asyncio.sleep(0)  # each runs up to its place in the queue
    assert engine.waiting == len(jobs)
    gate.open.set()
    await held
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_write_returns_its_result_and_readers_see_it(engine):
    assert await engine.write(put("a")) == "a"
    assert stored(engine) == ["a"]


async def test_pragmas_read_back(engine):
    def pragmas(tx):
        names = ("page_size", "auto_vacuum", "journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
        return {name: tx.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

    assert await engine.write(pragmas) == {
        "page_size": 4096,
        "auto_vacuum": 2,
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "wal_autocheckpoint": 0,
    }


async def test_jobs_that_wait_share_one_transaction_in_their_order(engine):
    order = []

    def job(number):
        def run(tx):
            order.append(number)
            return tx

        return run

    seen = await together(engine, *(job(number) for number in range(64)))
    assert order == list(range(64))
    assert all(tx is seen[0] for tx in seen)


async def test_a_batch_is_bounded_by_jobs_and_by_bytes(engine):
    gate = Gate()
    held = await gate.start(engine)
    tasks = [asyncio.create_task(engine.write(lambda tx: id(tx) and tx)) for _ in range(65)]
    tasks += [asyncio.create_task(engine.write(lambda tx: tx, size=5 << 20)) for _ in range(3)]
    await asyncio.sleep(0)  # each runs up to its place in the queue
    assert engine.waiting == len(tasks)
    gate.open.set()
    await held
    seen = await asyncio.gather(*tasks)
    assert seen[0] is seen[63]
    assert seen[63] is not seen[64]
    assert seen[64] is seen[65] is seen[66], "8 MiB are reached with the second big job"
    assert seen[66] is not seen[67]


async def test_a_job_that_fails_fails_alone(engine):
    def failing(tx):
        put("half")(tx)
        raise Conflict("it is there already")

    results = await together(engine, put("a"), failing, put("a"), put("b"))
    assert results[0] == "a"
    assert isinstance(results[1], Conflict)
    assert isinstance(results[2], StoreError)
    assert isinstance(results[2].__cause__, sqlite3.IntegrityError)
    assert results[3] == "b"
    assert stored(engine) == ["a", "b"]


async def test_a_single_job_that_fails_leaves_nothing(engine):
    def failing(tx):
        put("half")(tx)
        raise Conflict("no")

    with pytest.raises(Conflict):
        await engine.write(failing)
    assert stored(engine) == []


async def test_a_voided_transaction_runs_the_others_again(engine):
    runs = []

    def voiding(tx):
        tx.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error, as far as this job knows")

    def counted(tx):
        runs.append(1)
        return put("b")(tx)

    results = await together(engine, put("a"), counted, voiding, put("c"))
    assert results[0] == "a"
    assert results[1] == "b"
    assert isinstance(results[2], StoreError)
    assert results[3] == "c"
    assert stored(engine) == ["a", "b", "c"]
    assert len(runs) == 2


async def test_a_full_disk_fails_only_what_needs_room(engine):
    def limit(tx):
        pages = tx.execute("PRAGMA page_count").fetchone()[0]
        tx.execute(f"PRAGMA max_page_count = {pages + 4}")

    await engine.write(limit)
    results = await together(engine, put("a"), put("big", "x" * 100_000), put("b"))
    assert results[0] == "a"
    assert isinstance(results[1], StoreFull)
    assert results[2] == "b"
    assert stored(engine) == ["a", "b"]
    assert engine.failure is None


async def test_a_full_disk_is_asked_for_room_once(engine):
    asked = []

    def limit(pages):
        def job(tx):
            tx.execute(f"PRAGMA max_page_count = {pages}")

        return job

    pages = await engine.write(lambda tx: tx.execute("PRAGMA page_count").fetchone()[0])
    await engine.write(limit(pages + 1))

    def relieve():
        # On the writer thread, as the guard's is: here it lifts the limit instead of deleting a file.
        engine.database.execute_sql("PRAGMA max_page_count = 1000000")
        asked.append(1)
        return True

    engine.relieve = relieve
    assert await engine.write(put("big", "x" * 100_000)) == "big"
    assert len(asked) == 1


async def test_the_last_room_is_not_for_mail(engine):
    asked = []
    pages = await engine.write(lambda tx: tx.execute("PRAGMA page_count").fetchone()[0])
    await engine.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages + 1}"))
    engine.relieve = lambda: asked.append(1) or True

    def arrive(tx):
        tx.brings_mail = True
        put("big", "x" * 100_000)(tx)

    with pytest.raises(StoreFull):
        await engine.write(arrive)
    assert asked == []


async def test_a_full_queue_refuses_at_once(engine):
    gate = Gate()
    held = await gate.start(engine)
    tasks = [asyncio.create_task(engine.write(put(f"{n:05}"))) for n in range(engine_module.MAX_WAITING)]
    await asyncio.sleep(0)  # each runs up to its place in the queue
    assert engine.waiting == len(tasks)
    with pytest.raises(StoreBusy):
        await engine.write(put("one too many"))
    gate.open.set()
    await held
    assert await asyncio.gather(*tasks) == stored(engine)


async def test_who_gave_up_before_its_turn_writes_nothing(engine):
    gate = Gate()
    held = await gate.start(engine)
    task = asyncio.create_task(engine.write(put("a")))
    await asyncio.sleep(0)  # each runs up to its place in the queue
    assert engine.waiting == 1
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    gate.open.set()
    await held
    await engine.write(put("b"))
    assert stored(engine) == ["b"]


async def test_a_reader_held_open_delays_no_write(engine, tmp_path):
    await engine.write(put("a"))
    with contextlib.closing(sqlite3.connect(tmp_path / "appliance.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        assert len(other.execute("SELECT name FROM setting").fetchall()) == 1
        start = time.monotonic()
        for number in range(40):
            await engine.write(put(f"b{number}", "x" * 300_000), size=300_000)
        assert time.monotonic() - start < 15, "a busy time-out would take 30 s"
        assert len(other.execute("SELECT name FROM setting").fetchall()) == 1
    assert len(stored(engine)) == 41


async def test_a_read_that_takes_too_long_is_stopped(engine):
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(StoreTimeout):
        await engine.read(lambda connection: connection.execute(endless).fetchone())
    assert await engine.read(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)


async def test_a_read_sees_one_moment(engine):
    await engine.write(put("a"))
    entered, go_on = threading.Event(), threading.Event()

    def look(connection):
        before = connection.execute("SELECT count(*) FROM setting").fetchone()
        entered.set()
        assert go_on.wait(30)
        return before, connection.execute("SELECT count(*) FROM setting").fetchone()

    task = asyncio.create_task(engine.read(look))
    await asyncio.to_thread(entered.wait, 30)
    await engine.write(put("b"))
    go_on.set()
    assert await task == ((1,), (1,))


async def test_readers_cannot_write(engine):
    with pytest.raises(sqlite3.OperationalError):
        engine.reader.execute("DELETE FROM setting")


async def test_the_feed_speaks_after_the_commit_and_never_of_what_failed(engine, feed):
    heard = []
    topics = [Topic("mailbox", number) for number in range(3)]
    for topic in topics:
        feed.subscribe(topic, lambda topic: heard.append((topic.id, stored(engine))))

    def job(number, error=None):
        def run(tx):
            put(f"n{number}")(tx)
            tx.publish(topics[number])
            tx.publish(topics[number])
            if error:
                raise error

        return run

    await together(engine, job(0), job(1, Conflict("no")), job(2))
    assert heard == [(0, ["n0", "n2"]), (2, ["n0", "n2"])]


async def test_after_commit_runs_on_the_writer_once_it_is_durable(engine):
    seen = []

    def job(tx):
        put("a")(tx)
        tx.after_commit(lambda: seen.append((threading.current_thread().name, stored(engine))))

    await engine.write(job)
    assert seen == [("store-write", ["a"])]


async def test_the_orm_works_inside_a_job(engine):
    from appliance.store.tables import Setting

    await engine.write(lambda tx: Setting.insert(name="a", value="1").execute(engine.database))
    assert stored(engine) == ["a"]


async def test_a_broken_disk_refuses_everything_after_it(engine):
    engine.fail(OSError(5, "Input/output error"), "fsync")
    await asyncio.wait_for(engine.broken.wait(), 5)
    with pytest.raises(StoreBroken, match="fsync failed"):
        await engine.write(put("a"))


async def test_an_io_error_of_a_job_breaks_the_engine(engine):
    def failing(tx):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    results = await together(engine, put("a"), failing)
    assert all(isinstance(result, StoreBroken) for result in results)
    await asyncio.wait_for(engine.broken.wait(), 5)
    assert stored(engine) == []


async def test_close_finishes_what_is_queued(tmp_path, feed):
    path = tmp_path / "appliance.db"
    migrate(path)
    engine = Engine(SqliteFile(path), feed, now=lambda: NOW, ids=IdMaker(lambda: NOW))
    tasks = [asyncio.create_task(engine.write(put(f"{n:03}"))) for n in range(100)]
    await asyncio.sleep(0)
    engine.close()
    assert len(await asyncio.gather(*tasks)) == 100
    with pytest.raises(StoreError):
        await engine.write(put("late"))
    assert not (tmp_path / "appliance.db-wal").exists(), "the last connection empties the WAL"


async def test_a_busy_writer_stands_aside_so_that_the_wal_is_cut_back(engine, tmp_path):
    wal = tmp_path / "appliance.db-wal"
    left, largest = 3000, 0

    async def caller(name):
        nonlocal left, largest
        while left:
            left -= 1
            await engine.write(put(f"{name}-{left}", "x" * 50_000), size=50_000)
            largest = max(largest, wal.stat().st_size)

    await asyncio.gather(*(caller(name) for name in range(8)))
    assert largest < 110_000_000, "150 MB were written"


async def test_what_a_reader_thread_trips_over_is_an_error_of_the_store(engine):
    with pytest.raises(StoreError) as caught:
        await engine.read(lambda connection: connection.execute("SELECT nothing"))
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


async def test_the_wal_is_copied_into_the_database_meanwhile(engine, tmp_path):
    database = tmp_path / "appliance.db"
    for number in range(400):
        await engine.write(put(f"{number}", "x" * 500_000), size=500_000)
        if database.stat().st_size > 8_000_000:
            return
    pytest.fail("200 MB were written and no checkpoint came")

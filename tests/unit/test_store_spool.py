"""The spool: memory while a message is small, a file above, one budget for all."""

import errno
import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.store import spool as spool_module
from appliance.store.errors import StoreCrowded, StoreError, StoreFull
from appliance.store.files import FilePool
from appliance.store.spool import WHOLE_BYTES, MemoryBudget, Spool, empty_spool

HEAD = b"Received: from a by b; now\r\n"


@pytest.fixture
def pool():
    pool = FilePool(2)
    yield pool
    pool.close()


@pytest.fixture
def budget():
    return MemoryBudget(4 << 20)


@pytest.fixture
def new(tmp_path, budget, pool):
    directory = tmp_path / "spool"
    empty_spool(directory)
    return lambda **options: Spool(directory, budget, pool, **options)


async def feed(spool, data, step=8192):
    for start in range(0, len(data), step):
        waits = spool.feed(data[start : start + step])
        if waits is not None:
            await waits


def left(tmp_path):
    return list((tmp_path / "spool").iterdir())


def whole(content):
    return content.data if content.path is None else content.path.read_bytes()


SIZES = [0, 1, WHOLE_BYTES - len(HEAD), WHOLE_BYTES - len(HEAD) + 1, 256 * 1024, 256 * 1024 + 1, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_fed_comes_out_behind_the_head(new, budget, pool, tmp_path, size):
    data = os.urandom(size)
    spool = new()
    await feed(spool, data)
    assert spool.size == size
    assert spool.digest == hashlib.sha256(data).digest()
    content = await spool.finish(HEAD)
    assert whole(content) == HEAD + data
    assert content.size == len(HEAD) + size
    assert content.sha256 == hashlib.sha256(HEAD + data).digest()
    assert (content.path is None) == (content.size <= WHOLE_BYTES)
    assert budget.used == 0
    pool.close()
    assert left(tmp_path) == ([content.path] if content.path else [])


async def test_a_message_is_in_memory_until_its_limit_and_then_holds_little(new, budget):
    spool = new()
    await feed(spool, b"\r\n" + b"x" * (256 * 1024 - 2))
    assert budget.used == 256 * 1024
    waits = spool.feed(b"x")
    assert waits is not None
    await waits
    assert budget.used == 0
    await feed(spool, b"x" * 10_000_000)
    assert budget.used <= 256 * 1024
    spool.abandon()
    assert budget.used == 0


async def test_an_exhausted_budget_sends_a_message_to_its_file_at_once(new, budget):
    budget.reserve(budget.limit)
    spool = new()
    data = os.urandom(10_000)
    waits = spool.feed(data)
    assert waits is not None
    await waits
    assert budget.used == budget.limit
    assert whole(await spool.finish(HEAD)) == HEAD + data
    assert budget.used == budget.limit


async def test_a_long_header_without_memory_left_is_refused(new, budget):
    budget.reserve(budget.limit)
    spool = new()
    with pytest.raises(StoreCrowded):
        await feed(spool, b"X: y\r\n" * 100_000)
    spool.abandon()
    assert budget.used == budget.limit


async def test_the_reserve_of_the_disk_holds_while_a_message_comes(new, budget, pool, tmp_path):
    """What fits in memory may still be stored; what needs its file is refused, and leaves nothing."""
    spool = new(room=lambda: False)
    await feed(spool, b"\r\n" + b"x" * 100_000)
    with pytest.raises(StoreFull):
        await feed(spool, b"x" * 200_000)
    spool.abandon()
    pool.close()
    assert left(tmp_path) == []
    assert budget.used == 0


async def test_no_limit_is_no_limit():
    assert MemoryBudget(0).reserve(1 << 50)


@pytest.mark.parametrize("fed", [0, 10, 300_000])
async def test_abandoning_leaves_nothing_at_any_time(new, budget, pool, tmp_path, fed):
    spool = new()
    await feed(spool, b"x" * fed)
    spool.abandon()
    spool.abandon()
    with pytest.raises(StoreError):
        spool.feed(b"more")
    pool.close()
    assert left(tmp_path) == []
    assert budget.used == 0


async def test_abandoning_under_a_write_that_was_given_up(new, pool, tmp_path):
    spool = new()
    waits = spool.feed(b"x" * 1_000_000)
    waits.close()  # the session was cancelled before, or while, the write ran
    spool.abandon()
    pool.close()
    assert left(tmp_path) == []


async def test_a_full_disk_is_told_and_leaves_nothing(new, budget, pool, tmp_path, monkeypatch):
    spool = new()
    await feed(spool, b"x" * 200_000)

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spool_module.os, "write", full)
    with pytest.raises(StoreFull):
        await spool.finish(HEAD)
    pool.close()
    assert left(tmp_path) == []
    assert budget.used == 0


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (b"A: b\r\n\r\nbody\r\n\r\nmore", b"A: b\r\n\r\n"),
        (b"\r\nbody\r\n\r\n", b"\r\n"),
        (b"A: b\r\nbody", b"A: b\r\nbody"),
        (b"", b""),
        (b"A: b\r\n\r\n", b"A: b\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
async def test_the_head_ends_with_the_empty_line_however_it_is_cut(new, data, head, step):
    spool = new()
    await feed(spool, data, step)
    assert spool.head_bytes == head


async def test_the_head_is_bounded(new):
    spool = new(head_limit=100)
    await feed(spool, b"A: b\r\n" * 100, 70)
    assert len(spool.head_bytes) == 100


@settings(max_examples=60, deadline=None)
@given(chunks=st.lists(st.binary(max_size=40), max_size=12), limit=st.integers(0, 60), room=st.integers(1, 200))
async def test_any_cut_under_any_limits_gives_the_same_message(tmp_path_factory, chunks, limit, room):
    directory = tmp_path_factory.mktemp("spool")
    pool, budget = FilePool(1), MemoryBudget(room)
    spool = Spool(directory, budget, pool, memory_limit=limit)
    for chunk in chunks:
        waits = spool.feed(chunk)
        if waits is not None:
            await waits
    content = await spool.finish(b"H")
    assert whole(content) == b"H" + b"".join(chunks)
    assert content.sha256 == hashlib.sha256(whole(content)).digest()
    assert budget.used == 0
    pool.close()


def test_the_spool_is_empty_at_start(tmp_path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "message-1").write_bytes(b"x")
    empty_spool(tmp_path / "spool")
    assert left(tmp_path) == []

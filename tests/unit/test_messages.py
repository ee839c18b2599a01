"""Messages of a folder: append, flags, copy, move, expunge, and what a session or FETCH reads of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.records import ANSWERED, DELETED, FLAGGED, KEYWORDED, SEEN, AppendResult, CopyResult, Topic
from appliance.store import account_acts, directory_acts, header_cache, message_acts, message_copies
from appliance.store.errors import Conflict, NotFound, OverQuota
from appliance.store.messages import Need
from tests.store_house import START, StoreHouse, body

PREFIX = b"Return-Path: <>\r\n"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    opened.ann = await opened.account("ann@one.test")
    opened.inbox = opened.folder(opened.ann).id
    opened.archive = opened.folder(opened.ann, "Archive").id
    yield opened
    opened.close()


async def fill(house: StoreHouse, count: int, **options) -> None:
    for number in range(1, count + 1):
        await house.append(house.inbox, f"m{number}", **options)


def used(house: StoreHouse) -> set[int]:
    """Bytes in use of account, domain and organisation: one number where all agree."""
    sums = [house.reader.execute(f"SELECT used_bytes FROM {table}").fetchone()[0] for table in ("account", "domain")]
    return {*sums, house.reader.execute("SELECT used_bytes FROM organisation").fetchone()[0]}


async def test_append(house: StoreHouse) -> None:
    seen = []
    house.store.feed.subscribe(Topic("mailbox", house.inbox), seen.append)
    before = house.folder(house.ann)
    result = await house.append(house.inbox, "one", flags=SEEN, keywords=["$Junk", "a"], internaldate=7, prefix=PREFIX)
    info = house.folder(house.ann)
    assert result == AppendResult(before.uidvalidity, 1)
    size = body("one")[0].size + len(PREFIX)
    assert (info.uidnext, info.exists, info.unseen, info.bytes) == (2, 1, 0, size)
    assert (info.highestmodseq, used(house), len(seen)) == (before.highestmodseq + 1, {size}, 1)
    (row,) = house.store.messages.rows(house.inbox, [1], Need())
    assert (row.uid, row.prefix, row.internaldate, row.size) == (1, PREFIX, 7, size)
    assert await house.store.blobs.body(row.blob) == body("one")[0].data


async def test_append_refuses(house: StoreHouse) -> None:
    with pytest.raises(NotFound):
        await house.append(5, "x")
    with pytest.raises(Conflict, match="keywords"):
        await house.append(house.inbox, "x", keywords=[f"k{i}" for i in range(65)])
    await house.sql("UPDATE mailbox SET uidnext = 4294967296")
    with pytest.raises(Conflict, match="UIDs"):
        await house.append(house.inbox, "x")
    assert (house.folder(house.ann).uidnext, house.count("message"), house.count("blob")) == (4294967296, 0, 0)


async def test_the_last_uid_is_given(house: StoreHouse) -> None:
    await fill(house, 2)
    await house.sql("UPDATE mailbox SET uidnext = 4294967295")
    with pytest.raises(Conflict, match="UIDs"):
        await house.do(message_copies.copy, house.inbox, [1, 2], house.archive)
    assert (await house.do(message_copies.copy, house.inbox, [2], house.archive)).target == (4294967295,)
    assert (await house.append(house.inbox, "x")).uid == 4294967295


@pytest.mark.parametrize("whose", ["mailbox", "domain", "organisation"])
async def test_quota_stops_append_and_copy_but_not_move(house: StoreHouse, whose) -> None:
    await fill(house, 1)
    (size,) = used(house)
    table = {"mailbox": "account"}.get(whose, whose)
    await house.sql(f"UPDATE {table} SET quota_bytes = ?", (2 * size - 1,))
    with pytest.raises(OverQuota, match=f"quota of the {whose}"):
        await house.append(house.inbox, "m1")
    with pytest.raises(OverQuota):
        await house.do(message_copies.copy, house.inbox, [1], house.archive)
    assert (used(house), house.folder(house.ann).uidnext) == ({size}, 2)
    assert (await house.do(message_copies.move, house.inbox, [1], house.archive)).target == (1,)
    assert used(house) == {size}
    await house.sql(f"UPDATE {table} SET quota_bytes = ?", (2 * size,))
    await house.append(house.inbox, "m1")


FLAGS = [
    ("add", SEEN, (), [(1, SEEN | FLAGGED, ()), (3, SEEN | FLAGGED, ("Work",))]),
    ("remove", FLAGGED, (), [(1, 0, ()), (2, SEEN, ()), (3, 0, ("Work",))]),
    ("add", FLAGGED, (), []),
    ("remove", ANSWERED, (), []),
    ("add", 0, ("work",), [(1, FLAGGED, ("work",)), (2, SEEN | FLAGGED, ("work",))]),
    ("add", 0, ("a", "z"), [(1, 4, ("a", "z")), (2, 5, ("a", "z")), (3, 4, ("a", "Work", "z"))]),
    ("remove", 0, ("WORK",), [(3, FLAGGED, ())]),
    ("replace", FLAGGED, (), [(2, FLAGGED, ()), (3, FLAGGED, ())]),
    ("replace", FLAGGED, ("Work",), [(1, FLAGGED, ("Work",)), (2, FLAGGED, ("Work",))]),
    ("replace", 0, (), [(1, 0, ()), (2, 0, ()), (3, 0, ())]),
]


@pytest.mark.parametrize(("mode", "flags", "keywords", "changed"), FLAGS)
async def test_store_flags(house: StoreHouse, mode, flags, keywords, changed) -> None:
    """Of three flagged messages the second is seen, the third has a keyword."""
    await house.append(house.inbox, "one", flags=FLAGGED)
    await house.append(house.inbox, "two", flags=FLAGGED | SEEN)
    await house.append(house.inbox, "three", flags=FLAGGED, keywords=["Work"])
    before = house.folder(house.ann)
    states = await house.do(message_acts.store_flags, house.inbox, [3, 2, 1, 9], mode, flags, keywords)
    after = house.folder(house.ann)
    assert [(state.uid, state.flags, state.keywords) for state in states] == changed
    assert {state.modseq for state in states} == ({before.highestmodseq + 1} if changed else set())
    assert after.highestmodseq == before.highestmodseq + bool(changed)
    snapshot = house.store.messages.snapshot(house.inbox)
    assert after.unseen == sum(not bits & SEEN for bits in snapshot.flags)
    changes = house.store.messages.changes_since(house.inbox, before.highestmodseq, before.uidnext)
    assert changes.flags == states


async def test_store_flags_touches_only_what_was_named(house: StoreHouse) -> None:
    await fill(house, 80)
    wanted = [1, 2, 5, 7, 60, 80]
    for mode, flags, keywords in (("add", DELETED, ()), ("add", 0, ("k",)), ("replace", SEEN, ())):
        states = await house.do(message_acts.store_flags, house.inbox, wanted, mode, flags, keywords)
        assert [state.uid for state in states] == wanted
    snapshot = house.store.messages.snapshot(house.inbox)
    assert [uid for uid, bits in zip(snapshot.uids, snapshot.flags, strict=True) if bits] == wanted
    assert house.folder(house.ann).unseen == 74


async def test_store_flags_without_a_folder(house: StoreHouse) -> None:
    assert await house.do(message_acts.store_flags, 5, [1], "add", SEEN) == ()


@pytest.mark.parametrize("uids", [range(1, 51), range(1, 51, 2), [50, 3, 4, 5, 6, 7, 9], [2], []])
async def test_copy_and_move(house: StoreHouse, uids) -> None:
    await fill(house, 50, internaldate=5, keywords=["k"])
    await house.do(message_acts.store_flags, house.inbox, range(1, 10), "add", SEEN)
    first = await house.do(message_copies.copy, house.inbox, uids, house.archive)
    wanted = tuple(sorted(uids))
    archive = house.folder(house.ann, "Archive")
    assert first == CopyResult(archive.uidvalidity, wanted, tuple(range(1, len(wanted) + 1)))
    assert (archive.exists, archive.unseen) == (len(wanted), sum(uid > 9 for uid in wanted))
    second = await house.do(message_copies.move, house.inbox, uids, house.archive)
    assert second.target == tuple(range(len(wanted) + 1, 2 * len(wanted) + 1))
    assert list(house.store.messages.snapshot(house.inbox).uids) == [uid for uid in range(1, 51) if uid not in wanted]
    assert house.count("blob") == 50
    assert house.count("blob_orphan") == 0
    assert used(house) == {house.folder(house.ann).bytes + house.folder(house.ann, "Archive").bytes}
    rows = house.store.messages.rows(house.archive, second.target, Need(envelope=True))
    assert [f'"m{uid}"'.encode() in row.envelope for uid, row in zip(wanted, rows, strict=True)] == [True] * len(wanted)
    assert {(row.internaldate, *house.store.messages.snapshot(house.archive).keywords[row.uid]) for row in rows} <= {
        (5, "k")
    }


async def test_copy_and_move_within_one_folder(house: StoreHouse) -> None:
    await fill(house, 3)
    assert (await house.do(message_copies.copy, house.inbox, [1, 3], house.inbox)).target == (4, 5)
    assert (await house.do(message_copies.move, house.inbox, [1, 2], house.inbox)).target == (6, 7)
    assert list(house.store.messages.snapshot(house.inbox).uids) == [3, 4, 5, 6, 7]


async def test_copy_refuses(house: StoreHouse) -> None:
    ben = await house.account("ben@one.test")
    await fill(house, 1)
    for act in (message_copies.copy, message_copies.move):
        with pytest.raises(NotFound):
            await house.do(act, house.inbox, [1], 5)
        with pytest.raises(Conflict, match="one account"):
            await house.do(act, house.inbox, [1], house.folder(ben).id)
        assert (await house.do(act, house.inbox, [4], house.archive)).source == ()


async def test_expunge_takes_only_what_is_deleted_and_named(house: StoreHouse) -> None:
    await fill(house, 6)
    await house.do(message_acts.store_flags, house.inbox, [1, 2, 4, 6], "add", DELETED)
    before = house.folder(house.ann)
    assert await house.do(message_acts.expunge, house.inbox, [2, 3, 6]) == (2, 6)
    assert await house.do(message_acts.expunge, house.inbox) == (1, 4)
    assert await house.do(message_acts.expunge, house.inbox) == ()
    after = house.folder(house.ann)
    assert (after.exists, after.unseen, after.uidnext) == (2, 2, 7)
    assert after.highestmodseq == before.highestmodseq + 2
    assert house.store.messages.changes_since(house.inbox, before.highestmodseq, 7).expunged == (1, 2, 4, 6)
    assert house.store.messages.changes_since(house.inbox, before.highestmodseq + 1, 7).expunged == (1, 4)
    assert house.count("blob_orphan") == 4
    assert (await house.append(house.inbox, "new")).uid == 7


async def test_a_body_named_again_and_left_again_waits_anew(house: StoreHouse) -> None:
    await house.append(house.inbox, "same", flags=DELETED)
    await house.do(message_acts.expunge, house.inbox)
    house.time += 5
    await house.append(house.inbox, "same", flags=DELETED)
    assert house.count("blob") == 1
    await house.do(message_acts.expunge, house.inbox)
    assert house.reader.execute("SELECT at FROM blob_orphan").fetchall() == [(START + 5,)]


async def test_snapshot(house: StoreHouse) -> None:
    assert house.store.messages.snapshot(5) is None
    empty = house.store.messages.snapshot(house.inbox)
    assert (list(empty.uids), bytes(empty.flags), list(empty.modseqs), empty.keywords) == ([], b"", [], {})
    await house.append(house.inbox, "one", flags=SEEN)
    await house.append(house.inbox, "two", keywords=["b", "A"])
    await house.append(house.inbox, "three", keywords=["A", "b"], flags=DELETED)
    snapshot = house.store.messages.snapshot(house.inbox)
    assert (snapshot.info, snapshot.uids.typecode, snapshot.modseqs.typecode) == (house.folder(house.ann), "I", "Q")
    assert list(snapshot.uids) == [1, 2, 3]
    assert list(snapshot.flags) == [SEEN, KEYWORDED, KEYWORDED | DELETED]
    assert list(snapshot.modseqs) == [2, 3, 4]
    assert snapshot.keywords == {2: ("A", "b"), 3: ("A", "b")}


async def test_changes_say_what_the_asker_does_not_know(house: StoreHouse) -> None:
    await fill(house, 3)
    known = house.folder(house.ann)
    assert house.store.messages.changes_since(house.inbox, known.highestmodseq, known.uidnext).new == ()
    await house.append(house.inbox, "m4", flags=DELETED)
    await house.append(house.inbox, "m5")
    await house.do(message_acts.store_flags, house.inbox, [2], "add", DELETED)
    await house.do(message_acts.expunge, house.inbox)
    await house.do(message_acts.store_flags, house.inbox, [1, 5], "add", SEEN)
    changes = house.store.messages.changes_since(house.inbox, known.highestmodseq, known.uidnext)
    assert changes.info == house.folder(house.ann)
    assert [(state.uid, state.flags) for state in changes.new] == [(5, SEEN)]
    assert [(state.uid, state.flags) for state in changes.flags] == [(1, SEEN)]
    assert (changes.expunged, changes.whole) == ((2,), False)  # 4 came and went unseen


async def test_changes_from_before_the_purge_name_every_message(house: StoreHouse) -> None:
    await fill(house, 3, flags=DELETED)
    await house.do(message_acts.expunge, house.inbox, [2])
    floor = house.folder(house.ann).highestmodseq
    await house.sql("UPDATE mailbox SET expunged_floor = ?", (floor,))
    await house.sql("DELETE FROM expunged")
    await house.append(house.inbox, "m4")
    changes = house.store.messages.changes_since(house.inbox, floor - 1, 4)
    assert ([state.uid for state in changes.flags], changes.expunged, changes.whole) == ([1, 3], (), True)
    assert [state.uid for state in changes.new] == [4]
    assert not house.store.messages.changes_since(house.inbox, floor, 4).whole


@pytest.mark.parametrize("uids", [[1], [2, 3, 4], [1, 3, 9], list(range(1, 20, 2)), list(range(1, 80, 2)), [7, 7, 6]])
async def test_rows(house: StoreHouse, uids) -> None:
    await fill(house, 40, prefix=PREFIX)
    need = Need(envelope=True, bodystructure=True, body=True, header=True, parts=True)
    rows = house.store.messages.rows(house.inbox, uids, need)
    assert [row.uid for row in rows] == sorted({uid for uid in uids if uid <= 40})
    for row in rows:
        rendition = body(f"m{row.uid}")[1]
        assert (row.envelope, row.bodystructure, row.body) == (
            rendition.envelope,
            rendition.bodystructure,
            rendition.body,
        )
        assert (row.header, row.parts, row.prefix) == (rendition.header, rendition.parts, PREFIX)
    bare = house.store.messages.rows(house.inbox, uids, Need())
    assert [row[:5] for row in rows] == [row[:5] for row in bare]
    assert {row[5:] for row in bare} == {(None,) * 5}
    columns = house.store.messages.columns(house.inbox, uids, ("prefix", "subject_text"))
    assert columns == [(row.uid, PREFIX, f"m{row.uid}") for row in rows]


async def test_reads_are_bounded(house: StoreHouse) -> None:
    messages = house.store.messages
    for read in (
        lambda: messages.rows(house.inbox, range(1, 252), Need()),
        lambda: messages.columns(house.inbox, range(1, 252), ("size",)),
        lambda: messages.cached_fields(house.inbox, range(1, 252), "DATE"),
        lambda: messages.columns(house.inbox, [1], ("flags; --",)),
        lambda: messages.find_text(house.inbox, "header", "x"),
    ):
        with pytest.raises(ValueError, match=r"at most 250|no column|found in"):
            read()
    assert messages.rows(house.inbox, [], Need()) == messages.columns(house.inbox, [], ("size",)) == []
    assert messages.cached_fields(house.inbox, [], "DATE") == {}


async def test_find_text(house: StoreHouse) -> None:
    for text in ("Budget 100%", "holiday", "budget"):
        await house.append(house.inbox, text)
    assert list(house.store.messages.find_text(house.inbox, "subject_text", "budget")) == [1, 3]
    assert list(house.store.messages.find_text(house.inbox, "from_text", "ann@far.test")) == [1, 2, 3]
    assert list(house.store.messages.find_text(house.inbox, "subject_text", "0%")) == [1]


async def test_header_fields_are_remembered_for_every_copy(house: StoreHouse, monkeypatch) -> None:
    await fill(house, 3)
    blobs = {row.uid: row.blob for row in house.store.messages.rows(house.inbox, range(1, 4), Need())}
    assert house.store.messages.cached_fields(house.inbox, [1, 2, 3], "DATE FROM") == {}
    raw = bytes(range(256))
    await house.do(header_cache.remember_fields, "DATE FROM", {blobs[1]: raw, blobs[3]: b"\r\n", 99: b"gone"})
    assert house.store.messages.cached_fields(house.inbox, [1, 2, 3], "DATE FROM") == {1: raw, 3: b"\r\n"}
    await house.do(message_copies.copy, house.inbox, [1, 2], house.archive)
    assert house.store.messages.cached_fields(house.archive, [1, 2], "DATE FROM") == {1: raw}
    assert house.store.messages.cached_fields(house.inbox, [1, 3], "DATE") == {}
    monkeypatch.setattr(header_cache, "MAX_SETS", 1)
    await house.do(header_cache.remember_fields, "DATE", {blobs[1]: b"x"})
    await house.do(header_cache.remember_fields, "D" * 501, {blobs[1]: b"x"})
    await house.do(header_cache.remember_fields, "DATE FROM", {blobs[2]: b"x" * 8193})
    assert house.count("header_cache") == 2


async def test_one_read_sees_one_moment(house: StoreHouse) -> None:
    await fill(house, 1)

    def look(_) -> tuple[int, int]:
        snapshot = house.store.messages.snapshot(house.inbox)
        return snapshot.info.exists, len(snapshot.uids)

    assert await house.store.engine.read(look) == (1, 1)
    assert not house.reader.in_transaction


async def test_no_read_of_messages_walks_a_table(house: StoreHouse) -> None:
    await fill(house, 3)
    plans = []
    connection = house.reader
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    house.store.messages.rows(house.inbox, [1, 3], Need(envelope=True))
    house.store.messages.columns(house.inbox, [1, 2], ("size", "subject_text"))
    house.store.messages.cached_fields(house.inbox, [1, 2], "DATE")
    house.store.messages.find_text(house.inbox, "subject_text", "x")
    house.store.messages.changes_since(house.inbox, 1, 1)
    house.store.messages.snapshot(house.inbox)
    connection.set_trace_callback(None)
    for sql in [text for text in statements if "SELECT" in text]:
        plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert len(statements) > 8
    assert not [line for line in plans if line.startswith("SCAN") and "subquery" not in line and "(" not in line]


async def test_a_suspended_domain_still_reads_and_changes(house: StoreHouse) -> None:
    await fill(house, 1)
    await house.do(directory_acts.suspend_domain, house.ann.domain)
    await house.do(account_acts.set_account, house.ann.id, quota_bytes=None)
    assert await house.do(message_acts.store_flags, house.inbox, [1], "add", DELETED)
    assert await house.do(message_acts.expunge, house.inbox) == (1,)

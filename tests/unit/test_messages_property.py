"""Any order of append, flags, copy, move and expunge: counters, modseqs and UIDs hold, and no change goes untold."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.records import DELETED, FLAGGED, KEYWORDED, SEEN, Changes, Snapshot
from appliance.store import mailbox_acts, message_acts, message_copies
from tests.store_house import StoreHouse, body

Message = tuple[int, frozenset[str], str]
"""Flags, keywords and text."""
Folder = dict[int, Message]

FOLDERS = st.integers(0, 1)
FLAGS = st.sampled_from([0, SEEN, DELETED, SEEN | FLAGGED])
KEYWORDS = st.sampled_from([(), ("a",), ("a", "b")])
PICKS = st.lists(st.integers(1, 12), max_size=8)
STEPS = st.one_of(
    st.tuples(st.just("append"), FOLDERS, FLAGS, KEYWORDS, st.sampled_from(["x", "y", "z"])),
    st.tuples(st.just("flags"), FOLDERS, PICKS, st.sampled_from(["add", "remove", "replace"]), FLAGS, KEYWORDS),
    st.tuples(st.sampled_from(["copy", "move"]), FOLDERS, PICKS, FOLDERS),
    st.tuples(st.just("expunge"), FOLDERS, st.none() | PICKS),
)


class World:
    """Two folders of a store beside what they should hold."""

    def __init__(self, house: StoreHouse, account: int, mailboxes: list[int]) -> None:
        self.house = house
        self.account = account
        self.mailboxes = mailboxes
        self.folders: list[Folder] = [{}, {}]
        self.given: list[set[int]] = [set(), set()]
        self.seen: list[list[Snapshot]] = [[], []]

    async def append(self, at: int, flags: int, keywords: tuple[str, ...], text: str) -> None:
        result = await self.house.append(self.mailboxes[at], text, flags=flags, keywords=keywords)
        self.arrive(at, result.uid, (flags, frozenset(keywords), text))

    async def flags(self, at: int, picks: list[int], mode: str, flags: int, keywords: tuple[str, ...]) -> None:
        states = await self.house.do(message_acts.store_flags, self.mailboxes[at], picks, mode, flags, keywords)
        changed = {}
        for uid in set(picks) & self.folders[at].keys():
            old, words, text = self.folders[at][uid]
            match mode:
                case "add":
                    new = (old | flags, words | set(keywords), text)
                case "remove":
                    new = (old & ~flags, words - set(keywords), text)
                case _:
                    new = (flags, frozenset(keywords), text)
            if new != self.folders[at][uid]:
                changed[uid] = self.folders[at][uid] = new
        assert {state.uid: (state.flags, frozenset(state.keywords)) for state in states} == {
            uid: message[:2] for uid, message in changed.items()
        }

    async def copy(self, at: int, picks: list[int], to: int) -> None:
        await self.spread(message_copies.copy, at, picks, to)

    async def move(self, at: int, picks: list[int], to: int) -> None:
        for uid in await self.spread(message_copies.move, at, picks, to):
            del self.folders[at][uid]

    async def spread(self, act: Any, at: int, picks: list[int], to: int) -> tuple[int, ...]:
        originals = sorted(set(picks) & self.folders[at].keys())
        result = await self.house.do(act, self.mailboxes[at], picks, self.mailboxes[to])
        assert list(result.source) == originals
        for uid, target in zip(result.source, result.target, strict=True):
            self.arrive(to, target, self.folders[at][uid])
        return result.source

    async def expunge(self, at: int, picks: list[int] | None) -> None:
        gone = [
            uid
            for uid, (flags, _, _) in sorted(self.folders[at].items())
            if flags & DELETED and (picks is None or uid in picks)
        ]
        assert await self.house.do(message_acts.expunge, self.mailboxes[at], picks) == tuple(gone)
        for uid in gone:
            del self.folders[at][uid]

    def arrive(self, at: int, uid: int, message: Message) -> None:
        assert uid > max(self.given[at], default=0)
        self.given[at].add(uid)
        self.folders[at][uid] = message

    def check(self) -> None:
        total = 0
        for at, mailbox in enumerate(self.mailboxes):
            snapshot = self.house.store.messages.snapshot(mailbox)
            assert snapshot is not None
            held = self.folders[at]
            assert contents(snapshot) == {uid: message[:2] for uid, message in held.items()}
            info = snapshot.info
            size = sum(body(text)[0].size for _, _, text in held.values())
            unseen = sum(not flags & SEEN for flags, _, _ in held.values())
            assert (info.exists, info.unseen, info.bytes) == (len(held), unseen, size)
            assert info.uidnext == max(self.given[at], default=0) + 1
            assert info.highestmodseq >= max(snapshot.modseqs, default=0)
            self.check_changes(at, snapshot)
            self.seen[at].append(snapshot)
            total += size
        account = self.house.store.directory.account_by_id(self.account)
        assert account is not None
        assert account.used_bytes == total

    def check_changes(self, at: int, now: Snapshot) -> None:
        """From every earlier moment the changes lead to the present."""
        for earlier in self.seen[at]:
            changes = self.house.store.messages.changes_since(
                self.mailboxes[at], earlier.info.highestmodseq, earlier.info.uidnext
            )
            assert changes.info == now.info
            assert applied(earlier, changes) == contents(now)
        if self.seen[at]:
            before = self.seen[at][-1]
            same = contents(before) == contents(now) and before.info.uidnext == now.info.uidnext
            assert (
                now.info.highestmodseq == before.info.highestmodseq
                if same
                else (now.info.highestmodseq > before.info.highestmodseq)
            )


def contents(snapshot: Snapshot) -> dict[int, tuple[int, frozenset[str]]]:
    return {
        uid: (bits & ~KEYWORDED, frozenset(snapshot.keywords.get(uid, ())))
        for uid, bits in zip(snapshot.uids, snapshot.flags, strict=True)
    }


def applied(earlier: Snapshot, changes: Changes) -> dict[int, tuple[int, frozenset[str]]]:
    """What an asker knows after it is told: nothing new may be below its UIDNEXT, nothing changed that it lacks."""
    known = contents(earlier)
    for uid in changes.expunged:
        del known[uid]
    for state in changes.flags:
        assert state.uid in known
        known[state.uid] = (state.flags, frozenset(state.keywords))
    for state in changes.new:
        assert state.uid >= earlier.info.uidnext
        known[state.uid] = (state.flags, frozenset(state.keywords))
    return known


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StoreHouse, asyncio.Runner]]:
    opened = StoreHouse(tmp_path_factory.mktemp("store"))
    with asyncio.Runner() as runner:
        yield opened, runner
    opened.close()


async def play(house: StoreHouse, steps: list[tuple[Any, ...]]) -> None:
    number = house.count("account")
    account = await house.account(f"a{number}@one.test")
    made = [await house.do(mailbox_acts.create, account.id, name) for name in ("one", "two")]
    world = World(house, account.id, [info.id for info in made])
    world.check()
    for name, *arguments in steps:
        await getattr(world, name)(*arguments)
        world.check()
    named = "SELECT count(*) FROM blob b WHERE NOT EXISTS (SELECT 1 FROM message WHERE blob = b.id) AND NOT EXISTS"
    assert house.reader.execute(f"{named} (SELECT 1 FROM blob_orphan WHERE blob = b.id)").fetchone() == (0,)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=4, max_size=16))
def test_any_order_of_changes(house: tuple[StoreHouse, asyncio.Runner], steps: list[tuple[Any, ...]]) -> None:
    opened, runner = house
    runner.run(play(opened, steps))

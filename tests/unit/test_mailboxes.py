"""Folders: names, hierarchy, UIDVALIDITY, subscriptions, and what their removal leaves behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.records import Topic
from appliance.store import mailbox_acts, message_acts
from appliance.store.errors import Conflict, NotFound
from tests.store_house import START, StoreHouse

DEFAULT = ("Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    opened = StoreHouse(tmp_path / "data")
    opened.ann = await opened.account("ann@one.test")
    yield opened
    opened.close()


def own(house: StoreHouse) -> list[str]:
    """Names of the folders that did not come with the account."""
    return [info.name for info in house.store.mailboxes.list(house.ann.id) if info.name not in DEFAULT]


async def create(house: StoreHouse, *names: str) -> None:
    for name in names:
        await house.do(mailbox_acts.create, house.ann.id, name)


async def test_create_makes_missing_levels(house: StoreHouse) -> None:
    made = await house.do(mailbox_acts.create, house.ann.id, "a/b/c")
    assert own(house) == ["a", "a/b", "a/b/c"]
    assert house.store.mailboxes.get(house.ann.id, "a/b/c") == house.store.mailboxes.by_id(made.id) == made
    assert (made.uidnext, made.recent_uid, made.highestmodseq, made.exists) == (1, 1, 1, 0)


async def test_create_refuses(house: StoreHouse) -> None:
    for name, use, words in [
        ("INBOX", None, "exists already"),
        ("Mine", "\\Sent", r"another folder is \\Sent already"),
        ("a//b", None, "no level of it empty"),
        ("", None, "1 to 1000"),
        ("x" * 1001, None, "1 to 1000"),
    ]:
        with pytest.raises(Conflict, match=words):
            await house.do(mailbox_acts.create, house.ann.id, name, use)
    with pytest.raises(NotFound):
        await house.do(mailbox_acts.create, 5, "a")
    assert own(house) == []


async def test_uidvalidity_only_rises(house: StoreHouse) -> None:
    known = START // 1_000_000 + len(DEFAULT) - 1
    for _ in range(3):
        made = await house.do(mailbox_acts.create, house.ann.id, "again")
        assert made.uidvalidity == known + 1
        known = made.uidvalidity
        await house.do(mailbox_acts.delete, house.ann.id, "again")


async def test_delete_leaves_what_is_below(house: StoreHouse) -> None:
    await create(house, "a/b")
    await house.do(mailbox_acts.delete, house.ann.id, "a")
    assert own(house) == ["a/b"]
    with pytest.raises(NotFound, match="no folder 'a'"):
        await house.do(mailbox_acts.delete, house.ann.id, "a")


@pytest.mark.parametrize("at_once", [True, False])
async def test_delete_frees_bytes_and_bodies(house: StoreHouse, monkeypatch, at_once) -> None:
    if not at_once:
        monkeypatch.setattr(mailbox_acts, "DELETE_AT_ONCE", 2)
    folder = await house.do(mailbox_acts.create, house.ann.id, "a")
    for number in range(3):
        await house.append(folder.id, f"m{number}")
    await house.append(house.folder(house.ann).id, "m0")
    kept = house.folder(house.ann).bytes
    seen = []
    house.store.feed.subscribe(Topic("mailbox", folder.id), seen.append)
    house.store.feed.subscribe(Topic("folders", house.ann.id), seen.append)
    await house.do(mailbox_acts.delete, house.ann.id, "a")
    assert {topic.kind for topic in seen} == {"mailbox", "folders"}
    assert house.store.directory.account_by_id(house.ann.id).used_bytes == kept
    assert house.store.messages.changes_since(folder.id, 1, 1).info is None
    assert await house.do(mailbox_acts.gone) == (() if at_once else (folder.id,))
    if not at_once:
        assert await house.do(mailbox_acts.sweep, folder.id, 2) == 2
        assert await house.do(mailbox_acts.sweep, folder.id, 2) == 1
    assert await house.do(mailbox_acts.sweep, folder.id, 2) == 0
    assert await house.do(mailbox_acts.gone) == ()
    assert (house.count("message"), house.count("blob_orphan")) == (1, 2)  # m0 is still named by INBOX


RENAMES = [
    (["a"], "a", "b", ["b"]),
    (["a/x/y"], "a", "b", ["b", "b/x", "b/x/y"]),
    (["a/x", "ab"], "a", "c", ["ab", "c", "c/x"]),
    (["a"], "a", "p/q/r", ["p", "p/q", "p/q/r"]),
    (["a%/x", "a_"], "a%", "b", ["a_", "b", "b/x"]),
    (["a/x"], "a/x", "x", ["a", "x"]),
]


@pytest.mark.parametrize(("before", "old", "new", "after"), RENAMES)
async def test_rename(house: StoreHouse, before, old, new, after) -> None:
    await create(house, *before)
    ids = {info.name: (info.id, info.uidvalidity) for info in house.store.mailboxes.list(house.ann.id)}
    await house.do(mailbox_acts.rename, house.ann.id, old, new)
    assert own(house) == after
    moved = house.folder(house.ann, new)
    assert (moved.id, moved.uidvalidity) == ids[old]


async def test_rename_of_a_level_without_a_folder(house: StoreHouse) -> None:
    await create(house, "a/b/b", "a/b/b/b")
    for name in ("a", "a/b"):
        await house.do(mailbox_acts.delete, house.ann.id, name)
    await house.do(mailbox_acts.rename, house.ann.id, "a/b", "a")
    assert own(house) == ["a/b", "a/b/b"]


async def test_rename_refuses(house: StoreHouse) -> None:
    await create(house, "a/x", "b/x")
    for old, new, error in [
        ("a", "b", Conflict),
        ("a", "a", Conflict),
        ("a", "a/x/y", Conflict),
        ("a/x", "b/x", Conflict),
        ("a", "INBOX", Conflict),
        ("none", "c", NotFound),
        ("INBOX", "b", Conflict),
    ]:
        with pytest.raises(error):
            await house.do(mailbox_acts.rename, house.ann.id, old, new)
    assert own(house) == ["a", "a/x", "b", "b/x"]


async def test_rename_of_inbox_moves_its_messages(house: StoreHouse) -> None:
    inbox = house.folder(house.ann)
    await create(house, "INBOX/sub")
    for number in range(3):
        await house.append(inbox.id, f"m{number}", flags=1)
    await house.do(mailbox_acts.rename, house.ann.id, "INBOX", "old/mail")
    assert own(house) == ["INBOX/sub", "old", "old/mail"]
    after = house.folder(house.ann)
    assert (after.id, after.uidvalidity, after.uidnext, after.exists) == (inbox.id, inbox.uidvalidity, 4, 0)
    moved = house.folder(house.ann, "old/mail")
    assert (moved.exists, moved.unseen) == (3, 0)
    assert house.store.directory.account_by_id(house.ann.id).used_bytes == moved.bytes
    assert house.store.messages.changes_since(inbox.id, 4, 4).expunged == (1, 2, 3)


async def test_subscriptions_need_no_folder(house: StoreHouse) -> None:
    await house.do(mailbox_acts.subscribe, house.ann.id, "later")
    await house.do(mailbox_acts.subscribe, house.ann.id, "later")
    assert await house.do(mailbox_acts.unsubscribe, house.ann.id, "Junk")
    assert not await house.do(mailbox_acts.unsubscribe, house.ann.id, "Junk")
    assert house.store.mailboxes.subscriptions(house.ann.id) == ("Archive", "Drafts", "INBOX", "Sent", "Trash", "later")


async def test_numbers_are_bounded(house: StoreHouse, monkeypatch) -> None:
    monkeypatch.setattr(mailbox_acts, "MAX_MAILBOXES", len(DEFAULT))
    monkeypatch.setattr(mailbox_acts, "MAX_SUBSCRIPTIONS", len(DEFAULT))
    for act in (mailbox_acts.create, mailbox_acts.subscribe):
        with pytest.raises(Conflict, match="at most 6"):
            await house.do(act, house.ann.id, "more")


async def test_recent_messages_are_claimed_once(house: StoreHouse) -> None:
    inbox = house.folder(house.ann).id
    await house.append(inbox, "one")
    await house.append(inbox, "two")
    assert await house.do(mailbox_acts.set_recent, inbox, 3) == 1
    assert await house.do(mailbox_acts.set_recent, inbox, 3) == 3
    await house.append(inbox, "three")
    assert await house.do(mailbox_acts.set_recent, inbox, 4) == 3
    await house.do(message_acts.expunge, inbox)
    assert house.folder(house.ann).recent_uid == 4
    with pytest.raises(NotFound):
        await house.do(mailbox_acts.set_recent, 5, 1)

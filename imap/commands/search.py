"""SEARCH and UID SEARCH (RFC 3501 §6.4.4): stage by stage, in slices, so that nobody waits for a big one."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from appliance.mail.structure import unpack_parts
from appliance.records import MailboxInfo
from appliance.store.messages import MAX_ROWS, Need, Row
from appliance.store.store import Store
from imap.commands.groups import groups
from imap.search_plan import ColumnText, SearchRun, column_texts
from imap.search_text import body_text
from imap.session import Session
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.search_key import SearchKey
from imap.wire.status import Status, ok

INLINE_MESSAGES = 200
"""Messages of a mailbox whose columns are searched on the loop; those of larger ones in the reader pool."""
MAX_BODY = 16 * 1024 * 1024
"""Octets of one body that are searched."""

Sent = Sequence[tuple[int, int | None]]


async def search(session: Session, args: a.Search) -> Status:
    """Numbers of the messages that match, as this client knows them."""
    selected = session.chosen
    selected.state.refresh()
    store, mailbox = session.front.store, selected.state.id
    found = await _find(store, selected.state.info, args.key)
    run = SearchRun(selected.view, args.key, found)
    if run.needs_rows or run.needs_sent:
        for uids in _slices(run.open_uids()):
            rows = store.messages.rows(mailbox, uids, Need()) if run.needs_rows else []
            run.see_rows(uids, rows, _sent(store, mailbox, uids) if run.needs_sent else ())
            await asyncio.sleep(0)
    if run.needs_header:
        for uids in _slices(run.open_uids()):
            sent = _sent(store, mailbox, uids) if run.needs_sent else ()
            run.see_headers(uids, store.messages.rows(mailbox, uids, Need(header=True)), sent)
            await asyncio.sleep(0)
    if run.needs_body:
        await _search_bodies(store, mailbox, run)
    session.tell(responses.search(run.numbers(uid=args.uid)))
    return ok("SEARCH completed")


async def _find(store: Store, info: MailboxInfo | None, key: SearchKey) -> Mapping[ColumnText, Sequence[int]]:
    """What the store finds in its columns, for all messages at once."""
    pairs = column_texts(key)
    if info is None or not pairs:
        return {}
    mailbox = info.id

    def look() -> dict[ColumnText, Sequence[int]]:
        return {(column, text): store.messages.find_text(mailbox, column, text) for column, text in pairs}

    if info.exists * len(pairs) <= INLINE_MESSAGES:
        return look()
    return await store.engine.read(lambda connection: look())


async def _search_bodies(store: Store, mailbox: int, run: SearchRun) -> None:
    for uids in _slices(run.open_uids()):
        rows = store.messages.rows(mailbox, uids, Need(header=True, parts=True))
        sent = dict(_sent(store, mailbox, uids)) if run.needs_sent else {}
        for group in groups(rows):
            for row, text in zip(group, await _texts(store, group), strict=True):
                run.see_text(row, text, sent.get(row.uid))
        await asyncio.sleep(0)


async def _texts(store: Store, group: Sequence[Row]) -> list[str]:
    """The decoded bodies of a group, read and decoded in a thread."""
    return await store.engine.read(
        lambda connection: [
            body_text(store.blobs.read(connection, row.blob, 0, MAX_BODY), unpack_parts(row.parts or b""))
            for row in group
        ]
    )


def _sent(store: Store, mailbox: int, uids: Sequence[int]) -> Sent:
    return store.messages.columns(mailbox, uids, ("sent_at",))


def _slices(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), MAX_ROWS):
        yield uids[start : start + MAX_ROWS]

"""FETCH and UID FETCH (RFC 3501 §6.4.5): answers stream in chunks, and nothing of the store is held meanwhile."""

from collections.abc import Callable, Sequence
from functools import partial

from appliance.records import SEEN
from appliance.store import message_acts
from appliance.store.blobs import Body
from appliance.store.errors import StoreError
from appliance.store.messages import MAX_ROWS, Need, Row
from imap.commands.groups import GROUP_OCTETS, groups
from imap.commands.header_sets import HeaderSets
from imap.fetch_columns import ColumnPlan
from imap.fetch_data import FetchPlan
from imap.sections import BodyCut, Piece, SubsetCut, cut_out, whole_of
from imap.session import Selected, Session
from imap.view import Selection
from imap.wire import arguments as a
from imap.wire.status import Status, no, ok

FLAGS_CHUNK = 2_500
"""Messages told at once when nothing is read for them; less than a millisecond."""
BLOCK = 128 * 1024
"""Octets of a large body that are read at once."""


async def fetch(session: Session, args: a.Fetch) -> Status:
    """What is asked for of each message, then flags that changed by it."""
    selected = session.chosen
    selected.state.refresh()
    view = selected.view
    chosen = view.resolve(args.numbers, uid=args.uid)
    plan = FetchPlan(args.items, uid=args.uid)
    if plan.marks_seen and not view.read_only:
        await _mark_seen(session, selected, chosen)
    if not plan.needs_rows:
        whole = True
        for chunk in chosen.chunks(FLAGS_CHUNK):
            session.tell(plan.lines(view, chunk))
            whole &= not _any_gone(selected, chunk)
            await session.pace()
    else:
        whole = await _fetch_rows(session, selected, plan, chosen)
    if not whole and not args.uid:
        # RFC 2180 §4.1.2, RFC 5530 §3: some of the numbers stand for messages that are no more
        raise no("Some of these messages have been expunged", "EXPUNGEISSUED")
    return ok("FETCH completed")


def _any_gone(selected: Selected, chunk: Selection) -> bool:
    """Whether some of these messages could not be told, at this moment."""
    index = selected.state.truth.index
    return selected.view.pending_expunge and any(index(uid) is None for uid in chunk.uids)


async def _mark_seen(session: Session, selected: Selected, chosen: Selection) -> None:
    """Reading sets \\Seen (RFC 3501 §6.4.5): one write for all; the changes are told at the command's end."""
    state = selected.state
    index, flags = state.truth.index, state.truth.flags
    unseen = [uid for uid in chosen.uids if (at := index(uid)) is not None and not flags[at] & SEEN]
    if unseen:
        changed = await session.front.store.engine.write(
            lambda tx: message_acts.store_flags(tx, state.id, unseen, "add", SEEN)
        )
        state.refresh_flags(changed)


async def _fetch_rows(session: Session, selected: Selected, plan: FetchPlan, chosen: Selection) -> bool:
    """Answer by what the store holds; whether that was every message."""
    messages, mailbox = session.front.store.messages, selected.state.id
    quick = ColumnPlan(plan.items)
    sets = HeaderSets(session.front, mailbox, plan.subsets)
    whole = True
    for chunk in chosen.chunks(MAX_ROWS):
        lines = None
        all_known = sets.look_up(chunk.uids)
        if quick.fits and all_known:
            columns = messages.columns(mailbox, chunk.uids, quick.columns)
            lines = quick.lines(selected.view, chunk, columns, sets.known)
        if lines is None:
            told, lines = await _slow_chunk(session, selected, plan, chunk, sets, all_known=all_known)
            whole &= told
        session.tell(lines)
        await session.pace()
    sets.remember()
    return whole


async def _slow_chunk(
    session: Session,
    selected: Selected,
    plan: FetchPlan,
    chunk: Selection,
    sets: HeaderSets,
    *,
    all_known: bool,
) -> tuple[bool, bytes]:
    """Any FETCH, by rows: whether none was gone, and the responses; those with body content are told on the way."""
    wanted = plan.need_of(all_known=all_known)
    rows = session.front.store.messages.rows(selected.state.id, chunk.uids, Need(**dict.fromkeys(wanted, True)))
    if not all_known:
        sets.cut(rows)
    if not plan.contents:
        whole = len(rows) == len(chunk) and not _any_gone(selected, chunk)
        return whole, plan.lines(selected.view, chunk, rows, sets.known)
    told = await _tell_contents(session, selected, plan, chunk, rows, sets)
    return told == len(chunk), b""


async def _tell_contents(
    session: Session, selected: Selected, plan: FetchPlan, chunk: Selection, rows: Sequence[Row], sets: HeaderSets
) -> int:
    """Responses with body content: small bodies in groups, large ones block by block. Gives how many."""
    told = 0
    numbers = dict(zip(chunk.uids, chunk.numbers, strict=True))

    def pieces_of(row: Row, stored: int) -> Sequence[Piece] | None:
        header = partial(session.front.store.messages.header, row.blob)
        whole = whole_of(row.prefix, row.size, stored, header)
        return plan.pieces(selected.view, numbers[row.uid], row, sets.known, whole)

    for group in groups(rows):
        bodies = await _bodies(session, group)
        for row in group:
            if row.blob not in bodies:
                continue  # expunged a moment ago
            body = bodies[row.blob]
            if body is None:
                told += await _stream(session, row.blob, partial(pieces_of, row))
                continue
            pieces = pieces_of(row, len(body))
            for piece in pieces or ():  # joined once, when they are written
                session.tell(piece if isinstance(piece, bytes) else cut_out(piece, body))
            told += pieces is not None
        await session.pace()
    return told


async def _bodies(session: Session, group: Sequence[Row]) -> dict[int, bytes | None]:
    """The bodies of a group; None for one to be streamed, absent for one that is gone."""
    store = session.front.store
    bodies = store.blobs.bodies_inline([row.blob for row in group])
    files = [row.blob for row in group if row.size <= GROUP_OCTETS and bodies.get(row.blob, b"") is None]
    if files:
        # One trip to a thread for all of them: a trip costs more than reading a small file.
        bodies.update(
            await store.engine.read(lambda connection: {blob: store.blobs.read(connection, blob) for blob in files})
        )
    return bodies


async def _stream(session: Session, blob: int, pieces_of: Callable[[int], Sequence[Piece] | None]) -> bool:
    """Send a response whose body is a file, where there is one to send. Once its size is announced, all of it comes or
    the connection ends."""
    body = await session.front.store.blobs.open(blob)
    try:
        pieces = pieces_of(body.size)
        for piece in pieces or ():
            if isinstance(piece, bytes):
                session.tell(piece)
            elif isinstance(piece, SubsetCut):
                session.tell(piece.finish(await body.read(piece.start, piece.stop - piece.start)))
            else:
                await _send(session, piece, body)
    finally:
        body.close()
    return pieces is not None


async def _send(session: Session, cut: BodyCut, body: Body) -> None:
    at = cut.start
    while at < cut.stop:
        try:
            octets = await body.read(at, min(BLOCK, cut.stop - at))
        except StoreError as error:
            raise ConnectionAbortedError(f"a message body cannot be read: {error}") from error
        if not octets:
            raise ConnectionAbortedError("a message body is shorter than its row says")
        session.tell(octets)
        at += len(octets)
        await session.pace()

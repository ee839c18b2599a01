"""STORE and UID STORE (RFC 3501 §6.4.6)."""

from array import array
from contextlib import nullcontext

from appliance.store import message_acts
from imap.session import Session
from imap.truth import MAX_KEYWORDS
from imap.view import Selection
from imap.wire import arguments as a
from imap.wire.status import Status, no, ok

SLICE = 5_000
"""Messages changed by one write: a turn of the loop that takes their changes in stays far below 100 ms."""


async def store(session: Session, args: a.Store) -> Status:
    """Change flags of messages, many of them in slices; not silent, the answer holds the flags of each of them."""
    selected = session.writable
    state, view = selected.state, selected.view
    chosen = view.resolve(args.numbers, uid=args.uid)
    if not chosen:
        return ok("STORE completed")
    state.refresh()
    if args.mode != "remove" and not state.truth.takes(args.flags.keywords):
        raise no(f"A mailbox has at most {MAX_KEYWORDS} keywords", "LIMIT")
    for first in range(0, len(chosen.uids), SLICE):
        if first:
            session.announce(expunge=False, uid=args.uid)
            session.flush()
            await session.pace()
        await _change(session, args, chosen.uids[first : first + SLICE])
    if view.pending_expunge and not args.uid and _any_gone(session, chosen):
        # RFC 2180 §4.2: the others were changed
        raise no("Some of these messages have been expunged", "EXPUNGEISSUED")
    return ok("STORE completed")


async def _change(session: Session, args: a.Store, uids: "array[int]") -> None:
    """One slice: written, taken in, and told unless it is silent."""
    state, view = session.chosen.state, session.chosen.view
    bits, words = args.flags.bits, args.flags.keywords
    quiet = view.silence(args.mode, bits, words, uids) if args.silent else nullcontext()
    with quiet:
        changed = await session.front.store.engine.write(
            lambda tx: message_acts.store_flags(tx, state.id, uids, args.mode, bits, words)
        )
        state.refresh_flags(changed)
    if not args.silent:
        view.touch(uids)


def _any_gone(session: Session, chosen: Selection) -> bool:
    index = session.chosen.state.truth.index
    return any(index(uid) is None for uid in chosen.uids)

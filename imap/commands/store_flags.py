"""STORE and UID STORE (RFC 3501 §6.4.6)."""

from contextlib import nullcontext

from appliance.store import message_acts
from imap.session import Session
from imap.view import Selection
from imap.wire import arguments as a
from imap.wire.status import Status, no, ok


async def store(session: Session, args: a.Store) -> Status:
    """Change flags of messages in one write; not silent, the answer holds the flags of each of them."""
    selected = session.writable
    state, view = selected.state, selected.view
    chosen = view.resolve(args.numbers, uid=args.uid)
    if not chosen:
        return ok("STORE completed")
    state.refresh()
    bits, words = args.flags.bits, args.flags.keywords
    quiet = view.silence(args.mode, bits, words, chosen.uids) if args.silent else nullcontext()
    with quiet:
        changed = await session.front.store.engine.write(
            lambda tx: message_acts.store_flags(tx, state.id, chosen.uids, args.mode, bits, words)
        )
        state.refresh_flags(changed)
    if not args.silent:
        view.touch(chosen.uids)
    if view.pending_expunge and not args.uid and _any_gone(session, chosen):
        # RFC 2180 §4.2: the others were changed
        raise no("Some of these messages have been expunged", "EXPUNGEISSUED")
    return ok("STORE completed")


def _any_gone(session: Session, chosen: Selection) -> bool:
    index = session.chosen.state.truth.index
    return any(index(uid) is None for uid in chosen.uids)

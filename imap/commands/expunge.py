"""EXPUNGE and UID EXPUNGE (RFC 3501 §6.4.3, RFC 4315 §2.1)."""

from appliance.records import DELETED
from appliance.store import message_acts
from imap.session import Session
from imap.view import Selection
from imap.wire import arguments as a
from imap.wire.status import Status, ok


async def expunge(session: Session, args: a.Nothing) -> Status:
    """Remove all that this client knows and that is \\Deleted; what it was not told of yet stays."""
    await _expunge(session, session.writable.view.everything())
    return ok("EXPUNGE completed")


async def uid_expunge(session: Session, args: a.UidExpunge) -> Status:
    """RFC 4315 §2.1: the same, among these UIDs."""
    await _expunge(session, session.writable.view.resolve(args.numbers, uid=True))
    return ok("UID EXPUNGE completed")


async def _expunge(session: Session, chosen: Selection) -> None:
    state = session.chosen.state
    state.refresh()
    truth = state.truth
    deleted = {uid for uid, bits in zip(truth.uids, truth.flags, strict=True) if bits & DELETED}
    doomed = [uid for uid in chosen.uids if uid in deleted] if deleted else []
    if doomed:
        await session.front.store.engine.write(lambda tx: message_acts.expunge(tx, state.id, doomed))

"""STATUS (RFC 3501 §6.3.10)."""

from appliance.records import MailboxInfo
from imap.session import Session
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.status import Status, no, ok


async def status(session: Session, args: a.MailboxStatus) -> Status:
    """Counters of a mailbox, from its row: no message is read, unless somebody must count \\Recent."""
    info = session.front.store.mailboxes.get(session.owner.id, args.mailbox)
    if info is None:
        raise no("No such mailbox", "NONEXISTENT")
    values = {
        "MESSAGES": info.exists,
        "UIDNEXT": info.uidnext,
        "UIDVALIDITY": info.uidvalidity,
        "UNSEEN": info.unseen,
    }
    if "RECENT" in args.items:
        values["RECENT"] = await _recent(session, info)
    session.tell(responses.status(info.name, [(item, values[item]) for item in args.items]))
    return ok("STATUS completed")


async def _recent(session: Session, info: MailboxInfo) -> int:
    """Messages no session has been shown as \\Recent; STATUS itself claims none (RFC 3501 §6.3.10)."""
    states = session.front.states
    if info.recent_uid >= info.uidnext and not states.holds(info.id):
        return 0
    state = await states.open(info.id)
    return 0 if state is None else state.truth.unclaimed()

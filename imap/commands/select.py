"""SELECT, EXAMINE, CHECK, CLOSE and UNSELECT (RFC 3501 §6.3.1, §6.3.2, §6.4.1, §6.4.2, RFC 3691)."""

from appliance.store import message_acts
from imap.session import Session
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.status import Status, no, ok


async def select(session: Session, args: a.Mailbox) -> Status:
    """RFC 3501 §6.3.1."""
    await _open(session, args.mailbox, read_only=False)
    return ok("SELECT completed", "READ-WRITE")


async def examine(session: Session, args: a.Mailbox) -> Status:
    """RFC 3501 §6.3.2."""
    await _open(session, args.mailbox, read_only=True)
    return ok("EXAMINE completed", "READ-ONLY")


async def check(session: Session, args: a.Nothing) -> Status:
    """RFC 3501 §6.4.1: everything is on the disk already."""
    return ok("CHECK completed")


async def close(session: Session, args: a.Nothing) -> Status:
    """RFC 3501 §6.4.2: expunge without a word, unless the mailbox is open read-only, and leave it."""
    selected = session.chosen
    session.unselect()
    if not selected.view.read_only:
        mailbox = selected.state.id
        await session.front.store.engine.write(lambda tx: message_acts.expunge(tx, mailbox))
    return ok("CLOSE completed")


async def unselect(session: Session, args: a.Nothing) -> Status:
    """RFC 3691 §2: leave the mailbox and expunge nothing."""
    session.unselect()
    return ok("UNSELECT completed")


async def _open(session: Session, name: str, *, read_only: bool) -> None:
    # RFC 3501 §6.3.1: the mailbox before is left even when this SELECT fails, and nothing in it is expunged
    session.unselect()
    front = session.front
    info = front.store.mailboxes.get(session.owner.id, name)
    state = await front.states.open(info.id) if info is not None else None
    if state is None or state.info is None:
        raise no("No such mailbox", "NONEXISTENT")
    view = session.select(state, read_only=read_only).view
    if state.recent_unsaved:
        front.background(state.save_recent())
    session.tell(responses.flags(state.truth.keyword_names))
    session.tell(responses.exists(view.count))
    session.tell(responses.recent(view.recent_count))
    first_unseen = state.truth.first_unseen()
    if first_unseen is not None:
        session.tell(responses.first_unseen(first_unseen))
    session.tell(responses.uidvalidity(state.info.uidvalidity))
    session.tell(responses.uidnext(state.info.uidnext))
    session.tell(responses.permanent_flags(state.truth.keyword_names, read_only=read_only))

"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7)."""

from appliance.store import mailbox_acts
from appliance.store.errors import Conflict, NotFound
from imap.session import Session
from imap.wire import arguments as a
from imap.wire.status import Status, no, ok

INBOX = "INBOX"


async def create(session: Session, args: a.Mailbox) -> Status:
    """RFC 3501 §6.3.3; missing levels above are made too."""
    account = session.owner.id
    if args.mailbox == INBOX:
        raise no("INBOX is there already", "ALREADYEXISTS")
    if session.front.store.mailboxes.get(account, args.mailbox) is not None:
        raise no("There is such a mailbox already", "ALREADYEXISTS")
    await session.front.store.engine.write(lambda tx: mailbox_acts.create(tx, account, args.mailbox))
    return ok("CREATE completed")


async def delete(session: Session, args: a.Mailbox) -> Status:
    """RFC 3501 §6.3.4: INBOX stays, mailboxes below stay."""
    account, store = session.owner.id, session.front.store
    if args.mailbox == INBOX:
        raise no("INBOX cannot be deleted", "CANNOT")
    info = store.mailboxes.get(account, args.mailbox)
    if info is None:
        below = any(one.name.startswith(args.mailbox + "/") for one in store.mailboxes.list(account))
        raise no("It only has mailboxes below it", "CANNOT") if below else no("No such mailbox", "NONEXISTENT")
    if session.selected is not None and session.selected.state.id == info.id:
        session.unselect()
    await store.engine.write(lambda tx: mailbox_acts.delete(tx, account, args.mailbox))
    return ok("DELETE completed")


async def rename(session: Session, args: a.Rename) -> Status:
    """RFC 3501 §6.3.5; of INBOX the messages move and INBOX stays."""
    account, store = session.owner.id, session.front.store
    if store.mailboxes.get(account, args.new) is not None or args.new == INBOX:
        raise no("There is such a mailbox already", "ALREADYEXISTS")
    try:
        await store.engine.write(lambda tx: mailbox_acts.rename(tx, account, args.old, args.new))
    except NotFound:
        raise no("No such mailbox", "NONEXISTENT") from None
    return ok("RENAME completed")


async def subscribe(session: Session, args: a.Mailbox) -> Status:
    """RFC 3501 §6.3.6; the name must exist now, and may go away later."""
    account, store = session.owner.id, session.front.store
    if store.mailboxes.get(account, args.mailbox) is None:
        raise no("No such mailbox", "NONEXISTENT")
    try:
        await store.engine.write(lambda tx: mailbox_acts.subscribe(tx, account, args.mailbox))
    except Conflict as conflict:
        raise no(str(conflict), "LIMIT") from None
    return ok("SUBSCRIBE completed")


async def unsubscribe(session: Session, args: a.Mailbox) -> Status:
    """RFC 3501 §6.3.7; it is no error when there was no subscription."""
    account = session.owner.id
    await session.front.store.engine.write(lambda tx: mailbox_acts.unsubscribe(tx, account, args.mailbox))
    return ok("UNSUBSCRIBE completed")

"""COPY and MOVE (RFC 3501 §6.4.7, RFC 4315 §3, RFC 6851)."""

from appliance.records import CopyResult, MailboxInfo
from appliance.store import message_copies
from appliance.store.errors import NotFound
from imap.session import Selected, Session
from imap.view import Selection
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.status import ImapError, Status, no, ok


async def copy(session: Session, args: a.Copy) -> Status:
    """RFC 3501 §6.4.7: all of them or, on any error, none."""
    selected = session.chosen
    target = _target(session, args.mailbox)
    chosen = selected.view.resolve(args.numbers, uid=args.uid)
    result = CopyResult(target.uidvalidity, (), ())
    if chosen:
        try:
            result = await session.front.store.engine.write(
                lambda tx: message_copies.copy(tx, selected.state.id, chosen.uids, target.id)
            )
        except NotFound:
            raise _gone() from None
    _require_all(args, chosen, result)
    return ok("COPY completed", responses.copy_uid(result))


async def move(session: Session, args: a.Copy) -> Status:
    """RFC 6851 §3.1: one step; COPYUID comes before the EXPUNGEs, as an untagged OK."""
    selected = session.writable
    target = _target(session, args.mailbox)
    chosen = selected.view.resolve(args.numbers, uid=args.uid)
    if target.id == selected.state.id:
        raise no("The messages are in that mailbox", "CANNOT")
    if not chosen:
        return ok("MOVE completed")
    result = await _moved(session, selected, chosen, target)
    if result.source:
        session.tell(ok("Moved", responses.copy_uid(result)).line())
    _require_all(args, chosen, result)
    return ok("MOVE completed")


async def _moved(session: Session, selected: Selected, chosen: Selection, target: MailboxInfo) -> CopyResult:
    try:
        return await session.front.store.engine.write(
            lambda tx: message_copies.move(tx, selected.state.id, chosen.uids, target.id)
        )
    except NotFound:
        raise _gone() from None


def _target(session: Session, name: str) -> MailboxInfo:
    target = session.front.store.mailboxes.get(session.owner.id, name)
    if target is None:
        raise _gone()
    return target


def _gone() -> ImapError:
    # RFC 3501 §6.4.7: the client may make it and try again
    return no("No such mailbox", "TRYCREATE")


def _require_all(args: a.Copy, chosen: Selection, result: CopyResult) -> None:
    """Say so when messages the client still has a number for were gone (RFC 2180 §4.4, RFC 5530 §3)."""
    if not args.uid and chosen and not result.source:
        raise no("These messages have been expunged", "EXPUNGEISSUED")

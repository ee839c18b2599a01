"""APPEND (RFC 3501 §6.3.11, RFC 4315 §3): what may be refused is refused before the message is sent."""

from collections.abc import Sequence

from appliance.mail.header import header_limits
from appliance.records import MailboxInfo
from appliance.store import message_acts
from appliance.store.errors import NotFound
from imap.session import Session, Upload
from imap.truth import MAX_KEYWORDS
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.commands import Opened
from imap.wire.lexer import Held
from imap.wire.status import ImapError, Status, bad, no, ok


def open_upload(session: Session, opened: Opened, size: int) -> Upload:
    """A place for a message that is announced. Raises ImapError where it could not be stored (RFC 7888 §4)."""
    opened.parser.sp()
    mailbox = _mailbox(session, opened.parser.mailbox())
    front = session.front
    if front.max_message_size and size > front.max_message_size:
        # RFC 7888 §4 asks for this code
        raise no(f"A message has at most {front.max_message_size} octets", "TOOBIG")
    if not size:
        raise no("A message is not empty", "CANNOT")
    if not front.store.guard.ok():
        raise no("No room on disk", "UNAVAILABLE")
    if session.owner.quota_bytes is not None:
        account = front.store.directory.account_by_id(session.owner.id)
        if account is None or account.used_bytes + size > (account.quota_bytes or 0):
            raise no("No room left in the mailbox", "OVERQUOTA")
    return Upload(opened.tag, mailbox, front.store.new_spool(head_limit=front.limits.header_bytes + 1))


async def append(session: Session, args: a.Append) -> Status:
    """The message has arrived in its spool: store it, then OK means that it is on the disk."""
    if not isinstance(args.message, Held) or not isinstance(args.message.content, Upload):
        raise bad("The message is a literal")
    upload, front = args.message.content, session.front
    limits = front.limits
    why = header_limits(upload.spool.head_bytes, limits.header_bytes, limits.header_fields)
    if why is not None:
        raise no(f"Not stored: {why}", "LIMIT")
    await _require_keywords(session, upload.mailbox, args.flags.keywords)
    content = await upload.spool.finish(b"")
    rendition = await front.render(content)
    stored = await front.store.blobs.store(content, (upload.mailbox.domain,))
    internaldate = front.now() if args.internaldate is None else args.internaldate
    try:
        result = await front.store.engine.write(
            lambda tx: message_acts.append(
                tx,
                front.store.blobs,
                upload.mailbox.id,
                stored,
                rendition,
                flags=args.flags.bits,
                keywords=args.flags.keywords,
                internaldate=internaldate,
            ),
            size=stored.size,
        )
    except NotFound:
        raise _gone() from None
    return ok("APPEND completed", responses.append_uid(result.uidvalidity, result.uid))


async def _require_keywords(session: Session, mailbox: MailboxInfo, words: Sequence[str]) -> None:
    """Raises ImapError where the mailbox may not have these keywords beside those it has (RFC 5530 §3, LIMIT)."""
    state = await session.front.states.open(mailbox.id) if words else None
    if state is not None and not state.truth.takes(words):
        raise no(f"A mailbox has at most {MAX_KEYWORDS} keywords", "LIMIT")


def _mailbox(session: Session, name: str) -> MailboxInfo:
    found = session.front.store.mailboxes.get(session.owner.id, name)
    if found is None:
        raise _gone()
    return found


def _gone() -> ImapError:
    # RFC 3501 §6.3.11: the client may make it and try again
    return no("No such mailbox", "TRYCREATE")

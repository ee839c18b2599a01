"""SEARCH and UID SEARCH (RFC 3501 §6.4.4)."""

from imap.session import Session
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.status import Status, ok


async def search(session: Session, args: a.Search) -> Status:
    """Numbers of the messages that match."""
    session.tell(responses.search(()))
    return ok("SEARCH completed")

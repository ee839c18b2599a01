"""IDLE (RFC 2177)."""

from imap.session import Session
from imap.wire import arguments as a
from imap.wire import responses


async def idle(session: Session, args: a.Nothing) -> None:
    """From here on what is new is told when it happens; `dispatch.finish_idle` answers at DONE."""
    session.tell(responses.continuation("idling"))
    session.announce(expunge=True)
    session.idle_tag = session.tag

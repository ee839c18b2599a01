"""Commands of every state (RFC 3501 §6.1), ID (RFC 2971) and ENABLE (RFC 5161)."""

import structlog

from imap.session import Session
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.status import Status, ok

IDENTITY = (("name", "appliance"),)
"""What we say of ourselves; no version, which would only help those who look for an old one."""

_log = structlog.get_logger("imap")


async def capability(session: Session, args: a.Nothing) -> Status:
    """RFC 3501 §6.1.1."""
    session.tell(responses.capability(session.capability().split(" ")))
    return ok("CAPABILITY completed")


async def noop(session: Session, args: a.Nothing) -> Status:
    """RFC 3501 §6.1.2: what is new is told with every command's end."""
    return ok("NOOP completed")


async def logout(session: Session, args: a.Nothing) -> Status:
    """RFC 3501 §6.1.3: BYE comes before the tagged OK."""
    session.unselect()
    session.tell(responses.bye("Logging out"))
    session.leaving = b""
    session.outcome = "logout"
    return ok("LOGOUT completed")


async def identify(session: Session, args: a.Id) -> Status:
    """RFC 2971 §3.1. Nothing is ever decided by what a client says here; the log may need it."""
    if args.fields:
        facts = _facts(args.fields)
        session.live.introduce(" ".join(facts.values()))
        account = session.account.address if session.account else None
        _log.info("client", peer=session.peer.address, account=account, **facts)
    session.tell(responses.identity(IDENTITY))
    return ok("ID completed")


async def enable(session: Session, args: a.Enable) -> Status:
    """RFC 5161 §3.1: of what we offer, nothing needs enabling yet; unknown names are no error."""
    session.tell(responses.enabled(()))
    return ok("ENABLE completed")


def _facts(fields: tuple[tuple[str, str | None], ...]) -> dict[str, str]:
    known = {name.lower(): value for name, value in fields}
    return {f"client_{name}": value for name in ("name", "version", "os") if (value := known.get(name))}

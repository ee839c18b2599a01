"""Before login: STARTTLS, LOGIN and AUTHENTICATE PLAIN (RFC 3501 §6.2, RFC 4616, RFC 4959)."""

from appliance.identity.login import LoginRefused
from imap.session import Session
from imap.wire import arguments as a
from imap.wire.commands import base64_line
from imap.wire.status import ImapError, Status, bad, no, ok

_REFUSALS = {
    "credentials": ("Wrong address or password", "AUTHENTICATIONFAILED"),
    "throttled": ("Too many attempts, try again later", "UNAVAILABLE"),
    "busy": ("Too many sign-ins at once, try again", "UNAVAILABLE"),
    "suspended": ("This mailbox is suspended", "CONTACTADMIN"),
}
"""RFC 5530 §3, by the kind of LoginRefused."""


async def starttls(session: Session, args: a.Nothing) -> Status | None:
    """RFC 3501 §6.2.1. What the client sent behind it in clear is dropped, and the session with it."""
    connection, context = session.connection, session.front.tls
    if connection.secure or context is None:
        raise bad("STARTTLS is not possible now")
    if connection.forget_input():
        session.leaving = Status("BYE", "Nothing may follow STARTTLS before the handshake").line()
        raise bad("Nothing may follow STARTTLS before the handshake")
    await connection.start_tls(context, ok("Begin TLS negotiation now").line(session.tag))
    return None


async def login(session: Session, args: a.Login) -> Status:
    """RFC 3501 §6.2.3."""
    _require_privacy(session)
    return await _sign_in(session, args.user, args.password)


async def authenticate(session: Session, args: a.Authenticate) -> Status:
    """RFC 3501 §6.2.2 with PLAIN; the response comes with the command (RFC 4959) or on a line of its own."""
    if args.mechanism != "PLAIN":
        raise no("The mechanism offered is PLAIN", "CANNOT")
    _require_privacy(session)
    response = args.initial
    if response is None:
        line = await session.connection.ask(b"")
        if line == b"*":
            # RFC 3501 §6.2.2: the client cancels
            raise bad("AUTHENTICATE cancelled")
        response = base64_line(line)
    # RFC 4616 §2: authorization identity, authentication identity, password
    fields = response.split(b"\0")
    if len(fields) != 3 or not fields[1]:
        raise bad("Not a PLAIN response")
    if fields[0] and fields[0].lower() != fields[1].lower():
        # RFC 5530 §3
        raise no("Nobody may act for somebody else", "AUTHORIZATIONFAILED")
    return await _sign_in(session, fields[1], fields[2])


def _require_privacy(session: Session) -> None:
    if not session.login_allowed:
        # RFC 5530 §3
        raise no("A password is only taken under TLS", "PRIVACYREQUIRED")


async def _sign_in(session: Session, user: bytes, password: bytes) -> Status:
    try:
        address = user.decode("utf-8")
        found = await session.front.logins.login(address, password, session.peer, "imap")
    except UnicodeDecodeError:
        raise _refused("credentials") from None
    except LoginRefused as refusal:
        if refusal.kind == "throttled":
            # As 421 does in SMTP: who may not try again for minutes keeps no connection.
            session.leaving = Status("BYE", "Too many attempts, try again later", "UNAVAILABLE").line()
            session.outcome = "throttled"
        raise _refused(refusal.kind) from None
    session.admit(found)
    # RFC 3501 §7.1: what is offered has changed, and the client need not ask
    return ok("Logged in", f"CAPABILITY {session.capability()}")


def _refused(kind: str) -> ImapError:
    return no(*_REFUSALS[kind])

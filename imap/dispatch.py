"""THE table of commands: in which states each is legal, who does it, and whether removals may be told with it.

A handler has three beats: its arguments come parsed, it makes one call on the store, it tells the answers. It
returns the tagged status, or None where the tagged answer is not due yet (IDLE) or went out another way
(STARTTLS). Refusals are raised as ImapError. Nothing about states or announcements stands anywhere else.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from imap.commands import (
    any_state,
    append,
    authenticate,
    copy,
    expunge,
    fetch,
    idle,
    listing,
    mailboxes,
    search,
    select,
    status,
    store_flags,
)
from imap.framing import LineTooLong
from imap.session import AUTHENTICATED, NOT_AUTHENTICATED, SELECTED, Session, Upload, refusal_of
from imap.wire.commands import Opened, awaits_message, open_command, parse_arguments
from imap.wire.lexer import Literal, Part
from imap.wire.status import ImapError, Status, bad, no

LITERALS_BEFORE_LOGIN = 4_096
"""Octets of literals in a command before login: names and passwords (RFC 7888 §4)."""
LITERALS = 1_048_576
"""Octets of literals in one command, the message of APPEND not counted."""

HTTP = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH"})
"""Methods (RFC 9110 §9). A browser made to speak to this port is not heard out: lines of a form could be commands."""
FOREIGN = Status("BYE", "This is an IMAP server").line()
"""The last word to whoever speaks another protocol."""

ANY: Final = NOT_AUTHENTICATED | AUTHENTICATED | SELECTED
LOGGED_IN: Final = AUTHENTICATED | SELECTED

Handler = Callable[[Session, Any], Awaitable[Status | None]]


class Row(msgspec.Struct, frozen=True):
    """One command: the states it is legal in, its handler, whether untagged EXPUNGE may come with it."""

    states: int
    handler: Handler
    may_announce_expunge: bool = True


TABLE: Mapping[str, Row] = {
    # RFC 3501 §6.1
    "CAPABILITY": Row(ANY, any_state.capability),
    "NOOP": Row(ANY, any_state.noop),
    "LOGOUT": Row(ANY, any_state.logout),
    "ID": Row(ANY, any_state.identify),
    # RFC 3501 §6.2
    "STARTTLS": Row(NOT_AUTHENTICATED, authenticate.starttls),
    "AUTHENTICATE": Row(NOT_AUTHENTICATED, authenticate.authenticate),
    "LOGIN": Row(NOT_AUTHENTICATED, authenticate.login),
    # RFC 3501 §6.3
    "ENABLE": Row(LOGGED_IN, any_state.enable),
    "SELECT": Row(LOGGED_IN, select.select),
    "EXAMINE": Row(LOGGED_IN, select.examine),
    "CREATE": Row(LOGGED_IN, mailboxes.create),
    "DELETE": Row(LOGGED_IN, mailboxes.delete),
    "RENAME": Row(LOGGED_IN, mailboxes.rename),
    "SUBSCRIBE": Row(LOGGED_IN, mailboxes.subscribe),
    "UNSUBSCRIBE": Row(LOGGED_IN, mailboxes.unsubscribe),
    "LIST": Row(LOGGED_IN, listing.list_),
    "LSUB": Row(LOGGED_IN, listing.lsub),
    "NAMESPACE": Row(LOGGED_IN, listing.namespace),
    "STATUS": Row(LOGGED_IN, status.status),
    "APPEND": Row(LOGGED_IN, append.append),
    "IDLE": Row(LOGGED_IN, idle.idle),
    # RFC 3501 §6.4; EXPUNGE is not told with FETCH, STORE and SEARCH (RFC 3501 §7.4.1), with UID forms it is
    "CHECK": Row(SELECTED, select.check),
    "CLOSE": Row(SELECTED, select.close),
    "UNSELECT": Row(SELECTED, select.unselect),
    "EXPUNGE": Row(SELECTED, expunge.expunge),
    "UID EXPUNGE": Row(SELECTED, expunge.uid_expunge),
    "SEARCH": Row(SELECTED, search.search, False),
    "UID SEARCH": Row(SELECTED, search.search),
    "FETCH": Row(SELECTED, fetch.fetch, False),
    "UID FETCH": Row(SELECTED, fetch.fetch),
    "STORE": Row(SELECTED, store_flags.store, False),
    "UID STORE": Row(SELECTED, store_flags.store),
    "COPY": Row(SELECTED, copy.copy),
    "UID COPY": Row(SELECTED, copy.copy),
    "MOVE": Row(SELECTED, copy.move),
    "UID MOVE": Row(SELECTED, copy.move),
}


def row_of(session: Session, opened: Opened) -> Row:
    """The row of a command. Raises ImapError BAD where there is none, or not in this state."""
    row = TABLE.get(opened.name)
    if row is None:
        if opened.tag.upper() in HTTP and not session.authenticated:
            session.leaving, session.outcome = FOREIGN, "foreign protocol"
        raise bad(f"Unknown command {opened.name[:40]}")
    if not row.states & session.state:
        if not session.authenticated:
            why = "log in first"
        else:
            why = "select a mailbox first" if row.states & SELECTED else "you are logged in already"
        raise bad(f"{opened.name} is not possible now: {why}")
    return row


async def execute(session: Session, parts: Sequence[Part], upload: Upload | None) -> str:
    """Run one command and write its answer; gives the answer's kind. `upload` is given up unless it was stored.

    Raises ConnectionError when the client is gone, LineTooLong; whatever else goes wrong is an answer.
    """
    tag, name, row = "*", "", None
    try:
        opened = open_command(parts)
        tag, name = opened.tag, opened.name
        row = row_of(session, opened)
        session.tag = tag
        answer = await row.handler(session, parse_arguments(opened).arguments)
    except ImapError as refusal:
        answer = refusal.status
        tag = refusal.tag if tag == "*" else tag
    except (ConnectionError, LineTooLong):
        raise
    except Exception as error:
        answer = refusal_of(session, error, name)
    finally:
        if upload is not None:
            upload.spool.abandon()
    if row is not None and answer is not None:
        session.announce(expunge=row.may_announce_expunge, uid=name.startswith("UID "))
    session.flush(answer.line(tag) if answer is not None else b"")
    return answer.kind if answer is not None else "OK"


def judge_literal(session: Session, parts: Sequence[Part], literal: Literal, octets: int) -> Upload | None:
    """Whether a literal may come, after `octets` of literals in this command: an Upload when it is a message.

    Raises ImapError with the tag set where it may not (RFC 7888 §4).
    """
    opened = open_command(parts)
    try:
        row_of(session, opened)
        if literal.binary:
            raise bad("Binary literals are not offered")
        if opened.name == "APPEND" and awaits_message(parts):
            return append.open_upload(session, opened, literal.size)
        limit = LITERALS if session.authenticated else LITERALS_BEFORE_LOGIN
        if octets + literal.size > limit:
            raise no(f"The literals of this command may have {limit} octets", "TOOBIG")
    except ImapError as refusal:
        refusal.tag = opened.tag
        raise
    return None


def finish_idle(session: Session, line: bytes) -> str:
    """End IDLE: at DONE as RFC 2177 §3 says, with BAD at anything else. Gives the answer's kind."""
    tag, session.idle_tag = session.idle_tag or "*", None
    done = line.strip().upper() == b"DONE"
    answer = Status("OK", "IDLE done") if done else Status("BAD", "IDLE is ended by DONE")
    session.announce(expunge=True)
    session.flush(answer.line(tag))
    return answer.kind

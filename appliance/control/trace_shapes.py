"""How a session on record looks in JSON: times as ISO 8601 in UTC with milliseconds, offsets in seconds from its start.

`withheld` says what privacy kept back: "metadata" (no transcript, no subject, remote addresses as hashes),
"no-subjects", or null.
"""

from collections.abc import Callable, Iterable

from appliance.control.shapes import Shape, iso
from appliance.ids import id_text
from appliance.mail.session_record import EventRecord, ImapSessionRecord, RecipientRecord, SessionRecord
from appliance.mail.session_record import TransactionRecord as Transaction

Named = Callable[[int], str]
"""The address of an account."""


def smtp_shape(
    session: SessionRecord, folded: int, transactions: Iterable[Shape], *, named: Named, open: bool
) -> Shape:
    """An SMTP session with its transactions; `folded` sessions are as this one, `open` ones go on."""
    made = list(transactions)
    withheld = any(one["withheld"] == "metadata" for one in made) and not session.transcript
    return {
        "kind": "smtp",
        "id": id_text(session.id),
        "direction": session.direction,
        "listener": session.listener,
        "peer": session.peer,
        "port": session.peer_port,
        "rdns": session.rdns or None,
        "helo": session.helo or None,
        "tls": session.tls_version or None,
        "cipher": session.tls_cipher or None,
        "tls_failure": session.tls_failure or None,
        **_life(session, named, open),
        "folded": folded,
        "withheld": "metadata" if withheld else None,
        "transcript": session.transcript,
        "transactions": made,
    }


def imap_shape(session: ImapSessionRecord, *, named: Named, open: bool) -> Shape:
    """An IMAP session."""
    return {
        "kind": "imap",
        "id": id_text(session.id),
        "peer": session.peer,
        "client": session.client_id or None,
        "tls": session.tls_version or None,
        "cipher": session.tls_cipher or None,
        **_life(session, named, open),
        "received": session.received,
        "sent": session.sent,
    }


def transaction_shape(one: Transaction, started: int, privacy: str) -> Shape:
    """A transaction of a session that began at `started`, of a domain with that level of privacy now."""
    return {
        "id": id_text(one.id),
        "number": one.number,
        "from": one.mail_from,
        "message_id": one.message_id or None,
        "header_from": one.header_from or None,
        "subject": one.subject or None,
        "size": one.size,
        "verdict": one.verdict or None,
        "code": one.code,
        "reply": one.reply,
        "outcome": one.outcome,
        "at": moment(one.at),
        "seconds": _seconds(one.at - started),
        "withheld": _withheld(one, privacy),
        "recipients": [_recipient_shape(recipient) for recipient in one.recipients],
        "transcript": one.transcript,
    }


def event_shape(event: EventRecord) -> Shape:
    """A decision."""
    return {
        "trace": id_text(event.trace),
        "at": moment(event.at),
        "stage": event.stage,
        "rule": event.rule,
        "code": event.code,
        "reply": event.reply,
        "facts": event.facts,
    }


def moment(microseconds: int) -> str:
    """As in 2026-11-24T10:00:00.123Z."""
    whole = iso(microseconds)
    assert whole is not None
    return f"{whole.removesuffix('Z')}.{microseconds // 1000 % 1000:03}Z"


def _life(session: SessionRecord | ImapSessionRecord, named: Named, open: bool) -> Shape:
    ended = session.ended
    return {
        "account": None if session.account is None else named(session.account),
        "credential": None if session.credential is None else id_text(session.credential),
        "started": moment(session.started),
        "ended": None if ended is None else moment(ended),
        "seconds": None if ended is None else _seconds(ended - session.started),
        "open": open and ended is None,  # its peer may still be there, with nothing more to say
        "outcome": session.outcome or None,
    }


def _withheld(one: Transaction, privacy: str) -> str | None:
    # A transaction begins with its MAIL line: without any it was not kept. A subject may just not be there.
    if not one.transcript:
        return "metadata"
    return "no-subjects" if privacy == "no-subjects" and one.size and not one.subject else None


def _recipient_shape(one: RecipientRecord) -> Shape:
    return {
        "address": one.address,
        "domain": one.domain or None,
        "code": one.code,
        "reply": one.reply,
        "outcome": one.outcome,
    }


def _seconds(microseconds: int) -> float:
    return round(microseconds / 1_000_000, 6)

"""What stays of a session: the facts, its transactions with every attempted recipient, and what decided them.

Whoever speaks a wire fills these, the store writes them (`appliance.store.record`) and gives them back
(`appliance.store.trace`). Before MAIL the trace id is the session's, from then on the transaction's. Texts are
stored as they are: `Transcript` makes its own safe, a reply is ours; all else came from a peer and is cleaned by
whoever shows it.
"""

import msgspec

Facts = dict[str, str | int | float | bool | list[str] | None]
"""What an event was decided on: names and plain values."""


class SessionRecord(msgspec.Struct, frozen=True):
    """One SMTP session; what is unknown is "", None or 0. Times are UTC microseconds."""

    id: int
    listener: str
    """The configuration key of the socket, such as `smtp.mx`; for a session that we opened, who opened it."""
    peer: str
    """The peer's IP address (from the PROXY header where there is one)."""
    peer_port: int
    started: int
    direction: str = "in"
    """"in" or "out"."""
    rdns: str = ""
    helo: str = ""
    tls_version: str = ""
    tls_cipher: str = ""
    tls_failure: str = ""
    """The alert or error that ended the handshake."""
    account: int | None = None
    """Who signed in."""
    credential: int | None = None
    ended: int | None = None
    """None while it is open."""
    outcome: str = ""
    """How it ended, in one word or a few: "quit", "lost", "early talker", "http", "timeout" ..."""
    transcript: str = ""
    """The lines outside transactions (`appliance.mail.transcript`)."""


class RecipientRecord(msgspec.Struct, frozen=True):
    """One attempted recipient and the last word it got."""

    address: str
    """As in `RCPT TO:<...>`; where that could not be parsed, the raw argument."""
    domain: str
    """A-label in lower case, "" for bare postmaster or where there is none."""
    code: int
    """Of the reply that decided its fate: of RCPT where that refused, else of the end of DATA; 0 before any."""
    reply: str
    """That reply without its code, lines joined by a blank: `5.1.1 No such user here`."""
    outcome: str
    """"accepted", "refused" (5xx), "deferred" (4xx or lost on the way) or "not-tried"."""


class TransactionRecord(msgspec.Struct, frozen=True):
    """One mail transaction, from MAIL on, refused ones too."""

    id: int
    """The trace id: in the log, Received, the 250 reply and here."""
    session: int
    number: int
    """1 for the first of its session."""
    mail_from: str
    """Without angle brackets; "" is the null reverse-path."""
    outcome: str
    """"accepted", "refused", "deferred", "aborted" (RSET, a new greeting, QUIT) or "lost" (the connection)."""
    at: int
    """When it was decided."""
    code: int = 0
    """Of the reply that decided it, 0 where none did."""
    reply: str = ""
    message_id: str = ""
    header_from: str = ""
    """Addresses of the From field, joined by ", "."""
    subject: str = ""
    size: int = 0
    """Bytes of the message as it came, 0 before DATA."""
    verdict: str = ""
    """What the checks made of the message; "" where none judged it."""
    transcript: str = ""
    recipients: tuple[RecipientRecord, ...] = ()
    account: int | None = None
    """The submitting account: its accepted recipients count towards its limits."""


class EventRecord(msgspec.Struct, frozen=True):
    """One decision on the way: which stage, by which rule, on which facts."""

    trace: int
    """Id of the transaction, before MAIL of the session."""
    at: int
    stage: str
    rule: str
    code: int = 0
    reply: str = ""
    facts: Facts = {}
    imap_session: int | None = None


class MessageRecord(msgspec.Struct, frozen=True):
    """What is written in the same commit as an accepted message: its transaction, the session so far, the events."""

    session: SessionRecord
    transaction: TransactionRecord
    events: tuple[EventRecord, ...] = ()


class ImapSessionRecord(msgspec.Struct, frozen=True):
    """One IMAP session."""

    id: int
    peer: str
    started: int
    account: int | None = None
    credential: int | None = None
    client_id: str = ""
    """What the client said of itself (RFC 2971), in one line."""
    tls_version: str = ""
    tls_cipher: str = ""
    ended: int | None = None
    outcome: str = ""
    received: int = 0
    """Bytes from the client."""
    sent: int = 0
    """Bytes to the client."""

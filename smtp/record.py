"""What stays of a session: its lines as they are said, and its transactions with everyone they were for.

`SessionTrace` is told what happens and makes the records of it. Before MAIL lines go to the session's transcript, from
MAIL to the reply that ends the transaction to the transaction's own. Lines are kept as they come, but for secrets:
what AUTH carries never gets in, and of a message only its size does. Pure.
"""

import re
from collections.abc import Callable

from appliance.mail.envelope import MailFrom, RcptTo, SessionFacts
from appliance.mail.headline import NO_HEADLINE, Headline
from appliance.mail.reply import Reply
from appliance.mail.session_record import (
    EventRecord,
    Facts,
    MessageRecord,
    RecipientRecord,
    SessionRecord,
    TransactionRecord,
)
from appliance.mail.transcript import LIMIT, OURS, PEER, REMARK, Transcript
from smtp import replies
from smtp.wire.commands import KNOWN_VERBS, Command

MAX_RECIPIENTS = 1000
"""Attempted recipients of one transaction that are recorded one by one; the rest is counted."""
MAX_RAW = 500
"""Octets kept of an address that could not be read."""
ROOM = LIMIT - 200
"""Bytes of a transaction's transcript before the lines with which it ends."""
REDACTED = "<redacted>"
_MECHANISMS = frozenset(
    {b"PLAIN", b"LOGIN", b"CRAM-MD5", b"DIGEST-MD5", b"XOAUTH2", b"OAUTHBEARER", b"NTLM", b"GSSAPI"}
)
_AUTH = re.compile(rb"[^A-Za-z]*AUTH(?![A-Za-z])[\s=:]*([A-Za-z0-9-]*)(.*)", re.IGNORECASE | re.DOTALL)
_CREDENTIALS = re.compile(
    rb"[^A-Za-z]*(?:(?:Proxy-)?Authorization|Cookie|X?-?AUTH[A-Za-z]|(?:X-?AUTH|PASS(?:WD|WORD)?|APOP|LOGIN)\b"
    rb"|\S+\s+(?:LOGIN|AUTHENTICATE)\b)",
    re.IGNORECASE,
)
"""What carries secrets in other protocols: fields of HTTP, the sign-ins of POP, FTP, IMAP, NNTP and ManageSieve."""
_PATH = re.compile(rb'<((?>(?:[^">]|"(?>(?:[^"\\]|\\.)*)")*))>')
_ENDS = (b"RCPT", b"DATA", b"BDAT")
"""What may follow a refused MAIL in its pipelined group (RFC 2920 §3.1) and belongs to it."""

QUIT, LOST, TIMEOUT, EARLY, FOREIGN = "quit", "lost", "timeout", "early talker", "foreign protocol"
ERRORS, UNKNOWN, TLS_FAILED, REFUSED = "too many errors", "too many unknown recipients", "TLS failed", "refused"
SHUTDOWN, KICKED, REVOKED, PROTOCOL = "shutdown", "kicked", "revoked", "protocol error"
INTERNAL, RATE, TOO_BIG = "internal error", "rate", "message too big"
OUTCOMES = frozenset(
    {QUIT, LOST, TIMEOUT, EARLY, FOREIGN, ERRORS, UNKNOWN, TLS_FAILED, REFUSED}
    | {SHUTDOWN, KICKED, REVOKED, PROTOCOL, INTERNAL, RATE, TOO_BIG}
)
"""All words for how a session ends."""
_OUTCOMES = {
    replies.BYE: QUIT,
    replies.TIMEOUT: TIMEOUT,
    replies.PROTOCOL_ERROR: PROTOCOL,
    replies.NOT_SMTP: FOREIGN,
    replies.TOO_MANY_ERRORS: ERRORS,
    replies.TOO_MANY_UNKNOWN: UNKNOWN,
    replies.TRY_LATER: RATE,
    replies.TOO_MANY_CONNECTIONS: REFUSED,
    replies.SHUTTING_DOWN: SHUTDOWN,
    replies.KICKED: KICKED,
    replies.INTERNAL_ERROR: INTERNAL,
    replies.STORE_BROKEN: INTERNAL,
    replies.FAR_TOO_BIG: TOO_BIG,
    replies.BARE_CR_OR_LF: PROTOCOL,
    replies.BARE_LINE_END: PROTOCOL,
    replies.LINE_FAR_TOO_LONG: PROTOCOL,
    replies.NO_CHUNKING: PROTOCOL,
}


def outcome_of(reply: Reply) -> str:
    """The word for a session that ends with `reply`; an administrator's own 421 is a refusal."""
    return _OUTCOMES.get(reply) or (REFUSED if reply.code // 100 == 4 else PROTOCOL)


def words(reply: Reply) -> str:
    """A reply without its code, its lines joined by a blank."""
    text = " ".join(reply.lines)
    return f"{reply.enhanced} {text}" if reply.enhanced else text


class Attempt:
    """One recipient that was tried."""

    __slots__ = ("address", "domain", "reply")

    def __init__(self, address: str, domain: str, reply: Reply) -> None:
        self.address = address
        self.domain = domain
        self.reply = reply

    def record(self, final: Reply | None, lost: bool) -> RecipientRecord:
        """With the last word it got: that to RCPT where it refused, else `final`."""
        decided = final if self.reply.code < 400 else self.reply
        if decided is None:
            return RecipientRecord(self.address, self.domain, 0, "", "deferred" if lost else "not-tried")
        return RecipientRecord(self.address, self.domain, decided.code, words(decided), fate(decided))


def fate(reply: Reply) -> str:
    """What a deciding reply means."""
    return "accepted" if reply.positive else "deferred" if reply.code < 500 else "refused"


class TransactionTrace:
    """One transaction from MAIL on, refused ones too, while it goes on."""

    __slots__ = (
        "account", "attempts", "closed", "events", "final", "headline", "id", "lost", "mail_from", "number", "opened",
        "refused", "size", "stored", "transcript", "uncounted",
    )  # fmt: skip

    def __init__(self, id: int, number: int, started: int, account: int) -> None:
        self.id = id
        self.number = number
        self.account = account
        self.mail_from = ""
        self.opened = False
        """Its MAIL has been answered."""
        self.transcript = Transcript(started, ROOM)
        self.attempts: list[Attempt] = []
        self.uncounted = 0
        """Attempted recipients beyond MAX_RECIPIENTS."""
        self.refused = False
        """MAIL was refused: what follows of its group is recorded here, all else is not part of it."""
        self.closed = False
        """The protocol has forgotten it: it ends with the next reply."""
        self.final: Reply | None = None
        """The reply that decides over those that RCPT let pass."""
        self.lost = False
        """The connection broke within it."""
        self.stored = False
        """It is accepted and on the disk, its record with it."""
        self.size = 0
        self.headline: Headline = NO_HEADLINE
        self.events: list[EventRecord] = []

    def attempt(self, command: Command | None, line: bytes, reply: Reply) -> None:
        """A RCPT was answered; `command` is None where it could not be read."""
        if reply.positive:
            self.final = None  # that nobody was let through before is history
        if len(self.attempts) >= MAX_RECIPIENTS:
            self.uncounted += 1
        elif command is not None and isinstance(command.argument, RcptTo):
            self.attempts.append(Attempt(command.argument.path, command.argument.address.domain, reply))
        else:
            self.attempts.append(Attempt(_raw(line, b"TO:"), "", reply))

    def record(self, session: int, at: int, last: Reply | None = None) -> TransactionRecord:
        """All of it; `last` is what is about to be said and decides it."""
        final = last or self.final
        decided = final or self._refusal()
        text = words(decided) if decided else ""
        remarks = [(REMARK, f"{self.uncounted} more recipients are only counted")] if self.uncounted else []
        ends = [(OURS, f"{last.code} {words(last)}")] if last else []
        return TransactionRecord(
            self.id,
            session,
            self.number,
            self.mail_from,
            fate(decided) if decided else "lost" if self.lost else "aborted",
            at,
            decided.code if decided else 0,
            text,
            self.headline.message_id,
            self.headline.header_from,
            self.headline.subject,
            self.size,
            transcript=self.transcript.followed(at, *ends, *remarks),
            recipients=tuple(attempt.record(final, self.lost) for attempt in self.attempts),
            account=self.account or None,
        )

    def _refusal(self) -> Reply | None:
        """What decided where nobody was let through: the last refusal, of RCPT or of MAIL."""
        if not self.attempts or any(attempt.reply.positive for attempt in self.attempts):
            return None
        return self.attempts[-1].reply


class SessionTrace:
    """One session as it goes on. Times are UTC microseconds; `new_id` makes the ids of transactions."""

    __slots__ = (
        "_auth_seen", "_last", "_new_id", "_number", "_session", "_started", "outcome", "over", "rule", "tls_failure",
        "transaction",
    )  # fmt: skip

    def __init__(self, started: int, new_id: Callable[[], int]) -> None:
        self._started = started
        self._new_id = new_id
        self._session = Transcript(started)
        self._number = 0
        self._auth_seen = False
        self.transaction: TransactionTrace | None = None
        self.over: list[TransactionTrace] = []
        """Transactions that have ended and are not recorded yet."""
        self._last: Reply | None = None
        self.outcome = ""
        """How it ended, or will: one of OUTCOMES."""
        self.tls_failure = ""
        self.rule = ""
        """By which rule the next refusal is made, where there are several."""

    # What is said.

    def heard(self, now: int, line: bytes, account: int = 0) -> bytes:
        """The peer's line; gives its verb in upper case. `account` is who has signed in."""
        verb = line.partition(b" ")[0].upper()
        transaction = self.transaction
        if verb == b"MAIL" and (transaction is None or transaction.refused):
            self._end(transaction)
            self._number += 1
            self.transaction = transaction = TransactionTrace(self._new_id(), self._number, self._started, account)
        elif transaction is not None and transaction.refused and verb not in _ENDS:
            self._end(transaction)
        self.overheard(now, line, verb)
        return verb

    def overheard(self, now: int, line: bytes, verb: bytes = b"") -> None:
        """Something of the peer's that nobody reads as a command, unless `verb` says it is one."""
        text: bytes | str = line
        if verb not in KNOWN_VERBS or verb == b"AUTH":
            text = self._without_secrets(line)
        self._lines.add(now, PEER, text)

    def secret(self, now: int, line: bytes) -> None:
        """The peer's answer to a challenge."""
        self._lines.add(now, PEER, "*" if line == b"*" else REDACTED)

    def said(self, now: int, reply: Reply, lines: tuple[str, ...]) -> None:
        """Our reply, and its lines. The first that ends the session says how it ended."""
        transaction = self.transaction
        if transaction is None or not transaction.stored:  # the 250 is in the record that is stored already
            transcript = self._session if transaction is None else transaction.transcript
            for line in lines:
                transcript.add(now, OURS, line)
        if reply.close:
            self._last = reply
            self.outcome = self.outcome or outcome_of(reply)

    def remark(self, now: int, text: str) -> None:
        """Something that nobody said."""
        self._lines.add(now, REMARK, text)

    def body(self, now: int, size: int, *, whole: bool) -> None:
        """So much of a message came, all of it or not."""
        self._lines.add(now, PEER, f"({size} bytes of message{'' if whole else ', broken off'})")
        if self.transaction is not None:
            self.transaction.size = size

    # What is decided.

    def judged(self, verb: bytes, line: bytes, command: Command | None, reply: Reply | None) -> None:
        """The answer to a line, before it is sent."""
        transaction = self.transaction
        if transaction is None or reply is None:
            return
        match verb:
            case b"MAIL" if not transaction.opened:
                transaction.opened = True
                argument = command.argument if command is not None else None
                transaction.mail_from = argument.path if isinstance(argument, MailFrom) else _raw(line, b"FROM:")
                if not reply.positive:
                    transaction.refused, transaction.final = True, reply
            case b"RCPT":
                transaction.attempt(command, line, reply)
            case b"DATA" | b"BDAT" if not transaction.refused:
                transaction.final = reply

    def forgotten(self) -> None:
        """The protocol has dropped the transaction: it ends with the next reply."""
        if self.transaction is not None and not self.transaction.refused:
            self.transaction.closed = True

    def settle(self) -> bool:
        """A line was answered; gives whether transactions wait in `over`."""
        if self.transaction is not None and self.transaction.closed:
            self._end(self.transaction)
        return bool(self.over)

    def decided(self, now: int, stage: str, reply: Reply) -> str:
        """A refusal by one of several rules becomes an event; gives the rule, "" where there is only one."""
        rule, self.rule = self.rule, ""
        transaction = self.transaction
        if rule and transaction is not None and len(transaction.events) < MAX_RECIPIENTS:
            facts: Facts = {"recipient": len(transaction.attempts)}
            event = EventRecord(transaction.id, now, stage, rule, reply.code, words(reply), facts)
            transaction.events.append(event)
        return rule

    def stored(self) -> None:
        """The message under way is on the disk, and its record with it."""
        if self.transaction is not None:
            self.transaction.stored = True

    def unstored(self, headline: Headline) -> None:
        """What a message was known by that was refused, or never came to its end."""
        if self.transaction is not None:
            self.transaction.headline = headline

    def finish(self) -> None:
        """The session is over. What was open is decided by the word that ended it, if there was one."""
        self.outcome = self.outcome or LOST
        transaction, last = self.transaction, self._last
        if transaction is None:
            return
        if last is None:
            transaction.lost = True
        elif last is not replies.BYE and transaction.final is None:
            transaction.final = last
        self._end(transaction)

    # The records.

    def session(self, facts: SessionFacts, ended: int | None = None) -> SessionRecord:
        """The session as it is now."""
        peer, tls = facts.peer, facts.tls
        return SessionRecord(
            facts.id,
            facts.listener,
            peer.address,
            peer.port,
            self._started,
            helo=facts.helo,
            tls_version=tls.version if tls else "",
            tls_cipher=tls.cipher if tls else "",
            tls_failure=self.tls_failure,
            account=facts.account or None,
            credential=facts.credential or None,
            ended=ended,
            outcome="" if ended is None else self.outcome,
            transcript=self._session.text,
        )

    def accepted(self, facts: SessionFacts, now: int, reply: Reply, headline: Headline, size: int) -> MessageRecord:
        """The record of the message under way as it will be once it is stored and `reply` is said."""
        transaction = self.transaction
        assert transaction is not None
        transaction.headline, transaction.size = headline.cut(), size
        record = transaction.record(facts.id, now, reply)
        return MessageRecord(self.session(facts), record, tuple(transaction.events))

    def take(self, session: int, now: int) -> tuple[tuple[TransactionRecord, ...], tuple[EventRecord, ...]]:
        """The transactions that have ended and stored nothing, each given once, and what was decided in them."""
        over, self.over = self.over, []
        events = tuple(event for one in over for event in one.events)
        return tuple(one.record(session, now) for one in over), events

    @property
    def _lines(self) -> Transcript:
        return self._session if self.transaction is None else self.transaction.transcript

    def _end(self, transaction: TransactionTrace | None) -> None:
        if transaction is not None:
            if not transaction.stored:
                self.over.append(transaction)
            self.transaction = None

    def _without_secrets(self, line: bytes) -> str | bytes:
        """AUTH without what it carries; once there was one, lines that are no commands may be passwords."""
        found = _AUTH.match(line)
        if found is None:
            self._auth_seen = self._auth_seen or _CREDENTIALS.match(line) is not None
            return REDACTED if self._auth_seen else line
        self._auth_seen = True
        mechanism = found[1].upper()
        if mechanism in _MECHANISMS:
            named = f"AUTH {mechanism.decode('ascii')}"
            return f"{named} {REDACTED}" if found[2] else named
        return f"AUTH {REDACTED}" if mechanism or found[2] else "AUTH"


def _raw(line: bytes, keyword: bytes) -> str:
    """What stands where an address should; what stands in a path without its brackets, as addresses are kept."""
    argument = line[4:].strip()
    if argument[: len(keyword)].upper() == keyword:
        argument = argument[len(keyword) :].strip()
    path = _PATH.match(argument)
    argument = path[1] if path else argument
    return argument[:MAX_RAW].decode("utf-8", "backslashreplace").replace("\0", "\\0")

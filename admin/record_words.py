"""What happened in a session, told in one sentence, and what to do about it; and the line that decided it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.control.trace_words import ENDS

Shape = dict[str, Any]
"""As `trace.show` answers it."""


class Told(msgspec.Struct, frozen=True):
    """The heading of a record: one of the five states, a word or two, what happened, what to do."""

    state: str
    title: str
    words: str
    advice: str = ""


class Line(msgspec.Struct, frozen=True):
    """One line of a transcript."""

    at: str
    """As in "+0.120"; "" for a remark of the transcript itself."""
    side: str
    """"<" the peer, ">" we, "*" a remark."""
    text: str
    decided: bool
    """Whether this is the reply that decided the outcome."""


CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        "5.7.1 Relay",
        "it is for another server, and who brought it had not signed in",
        "Nothing: that is what strangers try. "
        "A mail program of yours has to use the ports for sending, with a sign-in.",
    ),
    (
        "sender address not owned",
        "who signed in may not write in that name",
        "Send as the mailbox itself, or as its alias.",
    ),
    ("sending to other servers", "it is for another server, and this one only delivers here", "It comes later."),
    ("domain suspended", "the domain is suspended", "Resume the domain, and the sender's next try is taken."),
    ("5.1.1", "there is no such mailbox here", "Check the address. If it should exist, add the mailbox or an alias."),
    ("5.1.3", "the recipient's address is not written as one", "The sender has to correct it."),
    ("5.1.7", "the sender's address is not written as one", "The sender has to correct it."),
    ("5.2.2", "the mailbox is full", "Its owner deletes mail, or you raise its quota."),
    ("4.2.2", "the mailbox is full", "Its owner deletes mail, or you raise its quota. The sender tries again."),
    ("4.2.1", "the domain or mailbox is suspended", "Resume it, and the sender's next try is taken."),
    ("5.3.4", "the message is bigger than this server takes", "The sender makes it smaller, or you raise the limit."),
    ("4.3.1", "the server's disk is nearly full", "Make room. The sender tries again."),
    ("4.3.2", "the server was busy or stopping", "Nothing: the sender tries again."),
    ("4.3.0", "the message could not be handled at that moment", "The server's log has more. The sender tries again."),
    ("4.4.2", "the other side was too slow", "Nothing: the sender tries again."),
    ("5.4.6", "it went round in circles", "Look for a forwarding that leads back to where it came from."),
    ("5.5.1", "the commands came in an order that is not allowed", "The sender's program is at fault."),
    ("5.5.2", "the other side said something that is not understood", "The sender's program is at fault."),
    ("5.6.0", "the message is not built as mail is", "The sender's program is at fault."),
    ("5.7.1", "that is not allowed here", "Only who has signed in may send, and only as their own address."),
    ("4.7.1", "too much was sent within a short time", "It is taken again when the time named in the reply is over."),
    ("5.7.0", "it asks for a sign-in or for TLS first", "Set the mail program up anew."),
    ("5.7.8", "the password was wrong", "Whoever it was tries again with the right one."),
    ("4.7.0", "the other side was put off for its behaviour", "Nothing, unless it is a server that you know."),
)
"""Part of a reply's text (such as the enhanced code, RFC 3463), why in plain words, and who does what."""


def tell(found: Shape, transaction: Shape | None) -> Told:
    """Of one transaction, or (None) of a session as a whole."""
    if transaction is not None:
        return _transaction(found, transaction)
    end = ENDS.get(found["outcome"] or "", found["outcome"] or "")
    if found["open"]:
        return Told("waiting", "Under way", "The session is still open: more may follow.")
    if found["kind"] == "imap":
        whose = found["account"] or "Nobody"
        return Told(
            "ok", "Read over IMAP", f"{whose} was signed in from {found['peer']}. It ended: {end or 'unknown'}."
        )
    if found["tls_failure"]:
        return Told("broken", "No TLS", f"{_peer(found)} could not agree with us on TLS: {found['tls_failure']}.")
    many = len(found["transactions"])
    tried = "and tried no message" if not many else f"with {many} transactions" if many > 1 else "with one transaction"
    return Told("off", "Session", f"{_peer(found)} connected {tried}. It ended: {end or 'not on record'}.")


def deciding(one: Shape) -> tuple[int, str]:
    """The reply that decided a transaction: where no recipient was left, the last refusal of one."""
    told = [to for to in one["recipients"] if to["outcome"] != "accepted" and to["code"]]
    if told and len(told) == len(one["recipients"]):
        return told[-1]["code"], told[-1]["reply"]
    return one["code"], one["reply"]


def lines(transcript: str, code: int = 0, reply: str = "") -> tuple[Line, ...]:
    """The lines of a transcript; of our replies that say `code` and `reply`, the last is the one that decided."""
    parts = [_line(text) for text in transcript.splitlines()]
    wanted = f"{code} {reply}"
    decisive = max((n for n, one in enumerate(parts) if code and one.side == ">" and one.text == wanted), default=-1)
    if decisive < 0 and code:
        # A reply of several lines: its last one begins with the code.
        decisive = max((n for n, one in enumerate(parts) if one.side == ">" and one.text[:4] == f"{code} "), default=-1)
    return tuple(msgspec.structs.replace(one, decided=number == decisive) for number, one in enumerate(parts))


def _line(text: str) -> Line:
    at, _, rest = text.partition(" ")
    side, _, said = rest.partition(" ")
    if at.startswith("+") and side in ("<", ">", "*"):
        return Line(at, side, said, False)
    return Line("", "*", text, False)


def _transaction(found: Shape, one: Shape) -> Told:
    outcome, whom, cause = one["outcome"], _whom(one["recipients"]), _cause(deciding(one)[1])
    sender = f"<{one['from']}>" if one["from"] else "a mail server (a report, with no sender)"
    words = f"{_peer(found)} brought mail from {sender} for {whom}."
    if outcome == "accepted":
        return _accepted(one, words)
    if outcome == "refused":
        why, advice = cause or ("of the reply below", "")
        return Told("broken", "Refused", f"{words} We refused it: {why}.", advice)
    if outcome == "deferred":
        why, advice = cause or ("of the reply below", "The sender tries again.")
        return Told("warning", "Put off", f"{words} We asked to try again later: {why}.", advice)
    if outcome == "lost":
        advice = "Nothing: the sender tries again. If it happens again and again, look at the network between."
        return Told("warning", "Broken off", f"{words} The connection was lost before we had all of it.", advice)
    why = f" We had refused the recipient before: {cause[0]}." if cause and deciding(one)[0] >= 400 else ""
    return Told("off", "Given up", f"{words} The other side gave up before it was complete.{why}")


def _accepted(one: Shape, words: str) -> Told:
    rest = [to for to in one["recipients"] if to["outcome"] != "accepted"]
    if not rest:
        return Told("ok", "Accepted", f"{words} It is in the mailbox{'es' if len(one['recipients']) > 1 else ''}.")
    advice = "Look at the recipients below: each has its own reply."
    return Told(
        "warning", "Accepted in part", f"{words} {len(rest)} of {len(one['recipients'])} did not get it.", advice
    )


def _cause(reply: str) -> tuple[str, str] | None:
    return next(((why, advice) for part, why, advice in CAUSES if _says(reply, part)), None)


def _says(reply: str, part: str) -> bool:
    """An enhanced code only where it stands first: any other number may come from the peer."""
    return reply.startswith(part) if part[0].isdigit() else part in reply


def _whom(recipients: Sequence[Shape]) -> str:
    if not recipients:
        return "nobody yet"
    first = f"<{recipients[0]['address']}>"
    return first if len(recipients) == 1 else f"{first} and {len(recipients) - 1} more"


def _peer(found: Shape) -> str:
    if found["account"]:
        return f"{found['account']}, signed in from {found['peer']},"
    name = found["rdns"] or found["helo"]
    return f"{name} [{found['peer']}]" if name else f"[{found['peer']}]"

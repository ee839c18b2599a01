"""One session on record, as people read it: the facts, what became of each recipient, then every word that was said.

Takes what the verb `trace.show` answers. Whatever a peer said is escaped before it is shown.
"""

from collections.abc import Iterable
from typing import Any

from appliance.cli.text import fields, plural, printable, size, table
from appliance.control.trace_words import ENDS, FATES

Shape = dict[str, Any]


def session_text(found: Shape) -> str:
    """All of a session that `trace.show` found."""
    if found["kind"] == "imap":
        return _imap_facts(found)
    parts = [_facts(found)]
    for transaction in found["transactions"]:
        parts += [_transaction(transaction), _recipients(transaction)]
    if found["more"]:
        parts.append(f"only the first {len(found['transactions'])} transactions are shown")
    parts += [_decisions(found["events"]), *_transcripts(found)]
    return "\n\n".join(part for part in parts if part)


def _facts(found: Shape) -> str:
    folded = plural(found["folded"], "session like this within that minute", "sessions like this within that minute")
    return fields(
        [
            ("SMTP session", found["id"]),
            ("peer", _peer(found)),
            *([("name by DNS", found["rdns"])] if found["rdns"] else []),
            ("HELO", found["helo"]),
            ("TLS", _tls(found)),
            ("account", found["account"]),
            ("listener" if found["direction"] == "in" else "opened by", found["listener"]),
            *_times(found),
            ("outcome", _end(found)),
            *([("folded", folded)] if found["folded"] > 1 else []),
        ]
    )


def _imap_facts(found: Shape) -> str:
    return fields(
        [
            ("IMAP session", found["id"]),
            ("peer", _peer(found)),
            ("client", found["client"]),
            ("TLS", _tls(found)),
            ("account", found["account"]),
            *_times(found),
            ("outcome", _end(found)),
            ("traffic", f"{size(found['received'])} from the client, {size(found['sent'])} to it"),
        ]
    )


def _peer(found: Shape) -> str:
    return f"{found['peer']} port {found['port']}" if found.get("port") else str(found["peer"])


def _tls(found: Shape) -> str:
    if found.get("tls_failure"):
        return f"handshake failed: {found['tls_failure']}"
    return f"{found['tls']} {found['cipher']}" if found["tls"] else "none"


def _times(found: Shape) -> list[tuple[str, str]]:
    if found["ended"] is not None:
        ended = f"{_time(found['ended'])}, after {found['seconds']:.3f} s"
    elif found["open"]:
        ended = "still open"
    else:
        ended = "not on record: the server did not live to see it"
    return [("started", _time(found["started"])), ("ended", ended)]


def _time(iso: str) -> str:
    return iso.replace("T", " ").replace("Z", " UTC")


def _end(found: Shape) -> str | None:
    outcome = found["outcome"]
    return ENDS.get(outcome, outcome) or None


def _transaction(one: Shape) -> str:
    reply = _reply(one)
    fate = FATES.get(one["outcome"], one["outcome"])
    return fields(
        [
            (f"transaction {one['number']}", one["id"]),
            ("from", f"<{one['from']}>"),
            ("Message-ID", one["message_id"]),
            ("author", one["header_from"]),
            ("subject", "not kept: privacy " + one["withheld"] if one["withheld"] else one["subject"]),
            ("size", plural(one["size"], "byte") if one["size"] else None),
            *([("verdict", one["verdict"])] if one["verdict"] else []),
            ("outcome", f"{fate}: {reply}" if reply else fate),
            ("decided", f"{_time(one['at'])}, at +{one['seconds']:.3f} s"),
        ]
    )


def _recipients(one: Shape) -> str:
    rows = [(to["address"], FATES.get(to["outcome"], to["outcome"]), _reply(to) or None) for to in one["recipients"]]
    return table(("recipient", "fate", "reply"), rows, "no recipients")


def _decisions(events: list[Shape]) -> str:
    rows = [(one["trace"], one["stage"], one["rule"], _reply(one) or None, _said(one["facts"])) for one in events]
    return table(("decision on", "stage", "rule", "reply", "facts"), rows, "")


def _said(facts: Shape) -> str | None:
    return ", ".join(f"{name}={value}" for name, value in facts.items()) or None


def _reply(one: Shape) -> str:
    return f"{one['code']} {one['reply']}" if one["code"] else str(one["reply"])


def _transcripts(found: Shape) -> Iterable[str]:
    if found["open"]:
        yield "the session is still open: more may follow"
    if found["withheld"] == "metadata" and not any(one["transcript"] for one in (found, *found["transactions"])):
        yield "transcript not kept: privacy metadata"
        return
    yield _transcript("outside transactions", found)
    for one in found["transactions"]:
        yield _transcript(f"of transaction {one['number']}", one)


def _transcript(which: str, found: Shape) -> str:
    if found["transcript"]:
        lines = found["transcript"].removesuffix("\n").split("\n")
        return "\n".join([f"transcript {which}:", *(f"  {printable(line)}" for line in lines)])
    return f"transcript {which} not kept: privacy {found['withheld']}" if found["withheld"] == "metadata" else ""

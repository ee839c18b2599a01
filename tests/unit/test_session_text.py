"""What `trace show` prints, word by word, for the sessions that people ask about."""

from textwrap import dedent
from typing import Any

import msgspec

from appliance.cli.session_text import ENDS, session_text
from appliance.control.trace_shapes import event_shape, imap_shape, smtp_shape, transaction_shape
from appliance.ids import EPOCH_MS
from appliance.mail.session_record import (
    EventRecord,
    ImapSessionRecord,
    RecipientRecord,
    SessionRecord,
    TransactionRecord,
)
from appliance.mail.transcript import OURS, PEER, REMARK, Transcript
from smtp.record import OUTCOMES

START = 1_795_521_600_000_000
"""2026-11-24T12:00:00Z"""
SESSION = (START // 1000 - EPOCH_MS) << 21
ANN = 77
OURS_LINE = "220 mail.test ESMTP"


def named(account: int) -> str:
    return {ANN: "ann@one.test"}.get(account, "?")


def said(*lines: tuple[float, str, str | bytes]) -> str:
    transcript = Transcript(START)
    for at, direction, text in lines:
        transcript.add(START + int(at * 1_000_000), direction, text)
    return transcript.text


def session(**facts: Any) -> SessionRecord:
    usual: dict[str, Any] = {
        "id": SESSION,
        "listener": "smtp.mx",
        "peer": "192.0.2.7",
        "peer_port": 4711,
        "started": START,
    }
    return SessionRecord(**(usual | facts))


def shown(
    one: SessionRecord,
    *transactions: TransactionRecord,
    events: tuple[EventRecord, ...] = (),
    folded: int = 1,
    open: bool = False,
    privacy: str = "full",
) -> str:
    made = [transaction_shape(transaction, one.started, privacy) for transaction in transactions]
    shape = smtp_shape(one, folded, made, named=named, open=open)
    return session_text(shape | {"events": [event_shape(event) for event in events], "more": len(made) > 1})


def text(block: str) -> str:
    return dedent(block).strip("\n")


def test_a_refused_recipient() -> None:
    one = session(
        rdns="mx.far.test",
        helo="mx.far.test",
        tls_version="TLSv1.3",
        tls_cipher="TLS_AES_256_GCM_SHA384",
        ended=START + 1_500_000,
        outcome="quit",
        transcript=said((0.5, OURS, OURS_LINE), (0.6, PEER, "EHLO mx.far.test"), (1.5, PEER, "QUIT")),
    )
    refusal = RecipientRecord("nobody@one.test", "one.test", 550, "5.1.1 <nobody@one.test>: no such user", "refused")
    transaction = TransactionRecord(
        SESSION + 1,
        SESSION,
        1,
        "bob@far.test",
        "aborted",
        START + 1_499_000,
        transcript=said((1, PEER, "MAIL FROM:<bob@far.test>"), (1.25, PEER, "RCPT TO:<nobody@one.test>")),
        recipients=(refusal,),
    )
    event = EventRecord(
        SESSION + 1, START + 1_250_000, "rcpt", "unknown", 550, "5.1.1 no", facts={"domain": "one.test"}
    )
    assert shown(one, transaction, events=(event,)) == text("""
        SMTP session  0cnf0ss000000
        peer          192.0.2.7 port 4711
        name by DNS   mx.far.test
        HELO          mx.far.test
        TLS           TLSv1.3 TLS_AES_256_GCM_SHA384
        account       -
        listener      smtp.mx
        started       2026-11-24 12:00:00.000 UTC
        ended         2026-11-24 12:00:01.500 UTC, after 1.500 s
        outcome       the peer said QUIT

        transaction 1  0cnf0ss000001
        from           <bob@far.test>
        Message-ID     -
        author         -
        subject        -
        size           -
        outcome        given up by the peer
        decided        2026-11-24 12:00:01.499 UTC, at +1.499 s

        recipient        fate     reply
        nobody@one.test  refused  550 5.1.1 <nobody@one.test>: no such user

        decision on    stage  rule     reply         facts
        0cnf0ss000001  rcpt   unknown  550 5.1.1 no  domain=one.test

        transcript outside transactions:
          +0.500 > 220 mail.test ESMTP
          +0.600 < EHLO mx.far.test
          +1.500 < QUIT

        transcript of transaction 1:
          +1.000 < MAIL FROM:<bob@far.test>
          +1.250 < RCPT TO:<nobody@one.test>
    """)


def test_a_broken_tls_handshake() -> None:
    failure = "no protocol in common: TLSV1_ALERT_PROTOCOL_VERSION"
    one = session(
        listener="smtp.submissions",
        tls_failure=failure,
        ended=START + 80_000,
        outcome="TLS failed",
        transcript=said((0.08, REMARK, f"TLS handshake failed: {failure}")),
    )
    assert shown(one) == text("""
        SMTP session  0cnf0ss000000
        peer          192.0.2.7 port 4711
        HELO          -
        TLS           handshake failed: no protocol in common: TLSV1_ALERT_PROTOCOL_VERSION
        account       -
        listener      smtp.submissions
        started       2026-11-24 12:00:00.000 UTC
        ended         2026-11-24 12:00:00.080 UTC, after 0.080 s
        outcome       the TLS handshake failed

        transcript outside transactions:
          +0.080 * TLS handshake failed: no protocol in common: TLSV1_ALERT_PROTOCOL_VERSION
    """)


def test_an_early_talker() -> None:
    one = session(
        ended=START + 1_000,
        outcome="early talker",
        transcript=said((0, PEER, "EHLO spam.test"), (0.001, OURS, "554 5.5.1 Protocol error")),
    )
    assert shown(one) == text("""
        SMTP session  0cnf0ss000000
        peer          192.0.2.7 port 4711
        HELO          -
        TLS           none
        account       -
        listener      smtp.mx
        started       2026-11-24 12:00:00.000 UTC
        ended         2026-11-24 12:00:00.001 UTC, after 0.001 s
        outcome       the peer spoke before the banner

        transcript outside transactions:
          +0.000 < EHLO spam.test
          +0.001 > 554 5.5.1 Protocol error
    """)


def test_an_http_request() -> None:
    one = session(
        ended=START + 600_000,
        outcome="foreign protocol",
        transcript=said(
            (0.5, OURS, OURS_LINE),
            (0.6, PEER, b"GET / HTTP/1.1\x1b[2J"),
            (0.6, OURS, "421 4.7.0 This is an SMTP server"),
        ),
    )
    assert shown(one) == text("""
        SMTP session  0cnf0ss000000
        peer          192.0.2.7 port 4711
        HELO          -
        TLS           none
        account       -
        listener      smtp.mx
        started       2026-11-24 12:00:00.000 UTC
        ended         2026-11-24 12:00:00.600 UTC, after 0.600 s
        outcome       the peer spoke another protocol, not SMTP

        transcript outside transactions:
          +0.500 > 220 mail.test ESMTP
          +0.600 < GET / HTTP/1.1\\x1b[2J
          +0.600 > 421 4.7.0 This is an SMTP server
    """)


def test_a_flood() -> None:
    one = session(
        ended=START + 2_000,
        outcome="refused",
        transcript=said((0.002, OURS, "421 4.7.0 Try again later")),
    )
    assert shown(one, folded=412) == text("""
        SMTP session  0cnf0ss000000
        peer          192.0.2.7 port 4711
        HELO          -
        TLS           none
        account       -
        listener      smtp.mx
        started       2026-11-24 12:00:00.000 UTC
        ended         2026-11-24 12:00:00.002 UTC, after 0.002 s
        outcome       the peer was turned away: too many connections
        folded        412 sessions like this within that minute

        transcript outside transactions:
          +0.002 > 421 4.7.0 Try again later
    """)


def three_fates(**changes: Any) -> TransactionRecord:
    fates = (
        RecipientRecord("bob@one.test", "one.test", 250, "2.0.0 OK 0cnf0ss000001", "accepted"),
        RecipientRecord("nobody@one.test", "one.test", 550, "5.1.1 <nobody@one.test>: no such user", "refused"),
        RecipientRecord("full@one.test", "one.test", 452, "4.2.2 Mailbox full", "deferred"),
    )
    usual: dict[str, Any] = {
        "id": SESSION + 1,
        "session": SESSION,
        "number": 1,
        "mail_from": "ann@one.test",
        "outcome": "accepted",
        "at": START + 2_000_000,
        "code": 250,
        "reply": "2.0.0 OK 0cnf0ss000001",
        "message_id": "<1@one.test>",
        "header_from": "ann@one.test",
        "subject": "Lunch?",
        "size": 5432,
        "transcript": said((1, PEER, "MAIL FROM:<ann@one.test>"), (2, PEER, "(5432 bytes of message)")),
        "recipients": fates,
        "account": ANN,
    }
    return TransactionRecord(**(usual | changes))


def test_a_delivery_with_three_fates() -> None:
    one = session(listener="smtp.submissions", tls_version="TLSv1.3", tls_cipher="X", account=ANN, helo="[10.0.0.7]")
    assert shown(one, three_fates(), open=True) == text("""
        SMTP session  0cnf0ss000000
        peer          192.0.2.7 port 4711
        HELO          [10.0.0.7]
        TLS           TLSv1.3 X
        account       ann@one.test
        listener      smtp.submissions
        started       2026-11-24 12:00:00.000 UTC
        ended         still open
        outcome       -

        transaction 1  0cnf0ss000001
        from           <ann@one.test>
        Message-ID     <1@one.test>
        author         ann@one.test
        subject        Lunch?
        size           5432 bytes
        outcome        accepted: 250 2.0.0 OK 0cnf0ss000001
        decided        2026-11-24 12:00:02.000 UTC, at +2.000 s

        recipient        fate      reply
        bob@one.test     accepted  250 2.0.0 OK 0cnf0ss000001
        nobody@one.test  refused   550 5.1.1 <nobody@one.test>: no such user
        full@one.test    deferred  452 4.2.2 Mailbox full

        the session is still open: more may follow

        transcript of transaction 1:
          +1.000 < MAIL FROM:<ann@one.test>
          +2.000 < (5432 bytes of message)
    """)


def test_what_privacy_withheld() -> None:
    ended = session(ended=START + 3_000_000, outcome="quit")
    lines = shown(ended, three_fates(transcript="", subject="", mail_from="#0123456789abcdef@far.test")).splitlines()
    assert "from           <#0123456789abcdef@far.test>" in lines
    assert "subject        not kept: privacy metadata" in lines
    assert lines[-1] == "transcript not kept: privacy metadata"
    lines = shown(ended, three_fates(subject=""), privacy="no-subjects").splitlines()
    assert "subject        not kept: privacy no-subjects" in lines
    assert "transcript of transaction 1:" in lines
    assert "subject        -" in shown(ended, three_fates(subject="")).splitlines()
    half = msgspec.structs.replace(ended, transcript=said((0, OURS, OURS_LINE)))
    assert shown(half, three_fates(transcript="")).splitlines()[-1] == (
        "transcript of transaction 1 not kept: privacy metadata"
    )


def test_more_than_is_shown_is_said() -> None:
    blocks = shown(session(ended=START), three_fates(), three_fates(number=2)).split("\n\n")
    assert "only the first 2 transactions are shown" in blocks


def test_a_session_whose_end_nobody_saw() -> None:
    assert "ended         not on record: the server did not live to see it" in shown(session()).splitlines()


def test_an_imap_session() -> None:
    one = ImapSessionRecord(
        SESSION,
        "2001:db8::7",
        START,
        account=ANN,
        client_id="name Thunderbird version 128",
        tls_version="TLSv1.3",
        tls_cipher="TLS_AES_256_GCM_SHA384",
        ended=START + 3_661_500_000,
        outcome="logout",
        received=900,
        sent=3 << 20,
    )
    assert session_text(imap_shape(one, named=named, open=False)) == text("""
        IMAP session  0cnf0ss000000
        peer          2001:db8::7
        client        name Thunderbird version 128
        TLS           TLSv1.3 TLS_AES_256_GCM_SHA384
        account       ann@one.test
        started       2026-11-24 12:00:00.000 UTC
        ended         2026-11-24 13:01:01.500 UTC, after 3661.500 s
        outcome       the client logged out
        traffic       900 B from the client, 3.0 MiB to it
    """)


def test_nothing_a_peer_said_steers_the_terminal() -> None:
    evil = "\x1b[2J\u202e\r\nx"
    one = session(rdns=evil, helo=evil, tls_failure=evil, outcome=evil, peer=evil, transcript=f"+0.000 < {evil}\n")
    fate = RecipientRecord(evil, evil, 550, evil, evil)
    event = EventRecord(SESSION, START, evil, evil, 0, evil, {evil: [evil], "n": 1})
    transaction = three_fates(
        mail_from=evil, message_id=evil, header_from=evil, subject=evil, reply=evil, outcome=evil, verdict=evil,
        transcript=evil, recipients=(fate,),
    )  # fmt: skip
    found = shown(one, transaction, events=(event,))
    assert all(line.isprintable() for line in found.split("\n"))
    assert "\\x1b[2J\\x202e\\x0d\\x0ax" in found


def test_every_end_of_a_session_has_its_words() -> None:
    assert ENDS.keys() >= OUTCOMES

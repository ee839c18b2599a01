"""What a session's trace makes of what it is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.envelope import Peer, SessionFacts
from appliance.mail.reply import Reply, reply
from appliance.mail.session_record import TransactionRecord
from appliance.mail.transcript import LIMIT
from smtp import replies
from smtp.record import OUTCOMES, SessionTrace, outcome_of
from smtp.wire.commands import CommandError, parse_command

FACTS = SessionFacts(1, "smtp.mx", Peer("192.0.2.1", 4711), Peer("192.0.2.2", 25))
CLOSING = [one for one in vars(replies).values() if isinstance(one, Reply) and one.close]


def trace() -> SessionTrace:
    numbers = iter(range(2, 10_000))
    return SessionTrace(0, lambda: next(numbers))


def exchange(told: SessionTrace, line: bytes, answer: Reply) -> None:
    """A line and its answer, as a connection tells them."""
    verb = told.heard(0, line)
    try:
        command = parse_command(line)
    except CommandError:
        command = None
    told.judged(verb, line, command, answer)
    told.said(0, answer, tuple(str(answer).split("\n")))
    told.settle()


def over(told: SessionTrace) -> tuple[TransactionRecord, ...]:
    told.finish()
    return told.take(1, 0)[0]


@pytest.mark.parametrize("closing", CLOSING, ids=str)
def test_every_reply_that_ends_a_session_has_a_word(closing: Reply) -> None:
    told = trace()
    exchange(told, b"NOOP", closing)
    told.finish()
    assert told.outcome == outcome_of(closing)
    assert told.outcome in OUTCOMES


def test_the_first_word_for_an_end_counts() -> None:
    told = trace()
    told.outcome = "kicked"
    exchange(told, b"NOOP", replies.SHUTTING_DOWN)
    told.finish()
    assert told.outcome == "kicked"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"AUTH PLAIN AGFubgBzZWNyZXQ=", "AUTH PLAIN <redacted>"),
        (b"auth login", "AUTH LOGIN"),
        (b"AUTH", "AUTH"),
        (b"AUTH PLAIN", "AUTH PLAIN"),
        (b"AUTH secret", "AUTH <redacted>"),
        (b"AUTH  PLAIN  secret", "AUTH PLAIN <redacted>"),
        (b"AUTH=secret", "AUTH <redacted>"),
        (b"\tAUTH PLAIN secret", "AUTH PLAIN <redacted>"),
        (b"AUTH\xffsecret", "AUTH <redacted>"),
        (b"Authorization: Basic secret", "<redacted>"),
        (b"proxy-authorization: secret", "<redacted>"),
        (b"XAUTH PLAIN secret", "<redacted>"),
        (b"AUTHPLAIN secret", "<redacted>"),
        (b'AUTHENTICATE "PLAIN" "secret"', "<redacted>"),
        (b"AUTHINFO PASS secret", "<redacted>"),
        (b"PASS secret", "<redacted>"),
        (b"pass", "<redacted>"),
        (b"LOGIN ann@one.test secret", "<redacted>"),
        (b"a1 login ann@one.test secret", "<redacted>"),
        (b"USER ann@one.test", "USER ann@one.test"),
        (b"PASSAGE of text", "PASSAGE of text"),
        (b"XCLIENT ADDR=192.0.2.1 LOGIN=ann", "XCLIENT ADDR=192.0.2.1 LOGIN=ann"),
        (b"hunter2", "hunter2"),
    ],
)
def test_secrets_are_left_out(line: bytes, kept: str) -> None:
    told = trace()
    exchange(told, line, replies.NOT_IMPLEMENTED)
    assert told.session(FACTS).transcript == f"+0.000 < {kept}\n+0.000 > 502 5.5.1 Command not implemented\n"


def test_after_auth_what_is_no_command_may_be_a_password() -> None:
    told = trace()
    for line in (b"AUTH LOGIN", b"aHVudGVyMg==", b"hunter2 is mine", b"NOOP", b""):
        exchange(told, line, replies.UNKNOWN_COMMAND)
    told.secret(0, b"hunter2")
    told.secret(0, b"*")
    lines = [line[9:] for line in told.session(FACTS).transcript.splitlines() if "<" in line]
    assert lines == ["AUTH LOGIN", "<redacted>", "<redacted>", "NOOP", "<redacted>", "<redacted>", "*"]


@pytest.mark.parametrize(
    ("lines", "outcome", "code", "fates"),
    [
        ([(b"RCPT TO:<a@b.c>", replies.RECIPIENT_OK)], "lost", 0, ["deferred"]),
        ([(b"RCPT TO:<a@b.c>", replies.RELAY_DENIED)], "refused", 550, ["refused"]),
        ([(b"RCPT TO:<a@b.c>", replies.STORE_BUSY)], "deferred", replies.STORE_BUSY.code, ["deferred"]),
        ([(b"DATA", replies.NO_VALID_RECIPIENTS)], "refused", 554, []),
        (
            [(b"DATA", replies.NO_VALID_RECIPIENTS), (b"RCPT TO:<a@b.c>", replies.RECIPIENT_OK)],
            "lost", 0, ["deferred"],
        ),
        ([(b"MAIL FROM:<>", replies.NESTED_MAIL)], "lost", 0, []),
        ([(b"RCPT TO:<a@b.c>", replies.RECIPIENT_OK), (b"QUIT", replies.BYE)], "aborted", 0, ["not-tried"]),
        ([(b"RCPT TO:<a@b.c>", replies.RECIPIENT_OK), (b"NOOP", replies.TIMEOUT)], "deferred", 421, ["deferred"]),
        (
            [(b"RCPT TO:<a@b.c>", replies.RECIPIENT_OK), (b"RCPT TO:<d@b.c>", replies.TOO_MANY_UNKNOWN)],
            "deferred", 421, ["deferred", "deferred"],
        ),
    ],
)  # fmt: skip
def test_how_a_transaction_ends(lines: list[tuple[bytes, Reply]], outcome: str, code: int, fates: list[str]) -> None:
    told = trace()
    exchange(told, b"MAIL FROM:<s@out.test>", replies.SENDER_OK)
    for line, answer in lines:
        exchange(told, line, answer)
    (transaction,) = over(told)
    assert (transaction.mail_from, transaction.outcome, transaction.code) == ("s@out.test", outcome, code)
    assert [one.outcome for one in transaction.recipients] == fates


def test_each_mail_has_its_number() -> None:
    told = trace()
    for answer in (replies.HELO_FIRST, replies.AUTH_NEEDED, replies.SENDER_OK):
        exchange(told, b"MAIL FROM:<s@out.test>", answer)
    assert [(one.number, one.code) for one in over(told)] == [(1, 503), (2, 530), (3, 0)]


@given(st.lists(st.tuples(st.binary(max_size=3000), st.sampled_from([*CLOSING, replies.OK, replies.BAD_SYNTAX]))))
@settings(max_examples=100)
def test_whatever_is_said_the_records_are_bounded(said: list[tuple[bytes, Reply]]) -> None:
    told = trace()
    for line, answer in said:
        for verb in (b"", b"MAIL FROM:", b"RCPT TO:", b"AUTH "):
            exchange(told, verb + line, answer)
    transactions = over(told)
    assert len(told.session(FACTS, 1).transcript.encode()) <= LIMIT
    for one in transactions:
        assert len(one.transcript.encode()) <= LIMIT
        assert len(one.mail_from) <= 4 * 500
        assert one.transcript.isprintable() or "\n" in one.transcript


def test_many_lines_leave_room_for_the_last() -> None:
    told = trace()
    exchange(told, b"MAIL FROM:<s@out.test>", replies.SENDER_OK)
    for n in range(2000):
        exchange(told, b"RCPT TO:<%d@b.c>" % n, reply(550, "5.7.1", "x" * 400))
    (transaction,) = over(told)
    assert len(transaction.transcript) <= LIMIT
    assert transaction.transcript.endswith("* 1000 more recipients are only counted\n")
    assert "lines left out)" in transaction.transcript

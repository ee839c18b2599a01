"""SMTP command lines: what is taken, what is refused with which reply, and that nothing else ever happens."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.mail.address import Address
from appliance.mail.envelope import MailFrom, RcptTo
from appliance.mail.reply import Reply
from smtp import replies
from smtp.wire.commands import PARSERS, Command, CommandError, is_foreign, parse_command

A = Address("a", "b.test")
U = Address("\u00fc", "b.test")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"EHLO mail.example.com", Command("EHLO", "mail.example.com")),
        (b"ehlo under_score.example", Command("EHLO", "under_score.example")),
        (b"HELO [192.0.2.1]", Command("HELO", "[192.0.2.1]")),
        (b"EHLO [IPv6:2001:db8::1]  ", Command("EHLO", "[IPv6:2001:db8::1]")),
        (b"MAIL FROM:<>", Command("MAIL", MailFrom(None))),
        (b"mail from:<a@b.test>", Command("MAIL", MailFrom(A))),
        (b"MAIL FROM:<a@B.test> SIZE=10", Command("MAIL", MailFrom(A, 10))),
        (b"MAIL FROM:<a@b.test> body=8bitmime size=0", Command("MAIL", MailFrom(A, 0, "8BITMIME"))),
        (b"MAIL FROM:<a@b.test> BODY=7BIT", Command("MAIL", MailFrom(A, None, "7BIT"))),
        (b"MAIL FROM:<a@b.test> ", Command("MAIL", MailFrom(A))),
        (b"MAIL FROM:<a@b.test> smtputf8 SIZE=1", Command("MAIL", MailFrom(A, 1, "", True))),
        ("MAIL FROM:<\u00fc@b.test> SMTPUTF8".encode(), Command("MAIL", MailFrom(U, smtputf8=True))),
        (b"MAIL FROM:<> SMTPUTF8", Command("MAIL", MailFrom(None, smtputf8=True))),
        (b'RCPT TO:<"a"@b.test>', Command("RCPT", RcptTo(A))),
        ("rcpt to:<\u00fc@b.test>".encode(), Command("RCPT", RcptTo(U, True))),
        ("RCPT TO:<a@b\u00fccher.test>".encode(), Command("RCPT", RcptTo(Address("a", "xn--bcher-kva.test"), True))),
        ("VRFY \u00fc SMTPUTF8".encode(), Command("VRFY", "\u00fc SMTPUTF8")),
        (b"RCPT TO:<Postmaster>", Command("RCPT", RcptTo(Address("Postmaster", "")))),
        (b"DATA", Command("DATA")),
        (b"data ", Command("DATA")),
        (b"RSET", Command("RSET")),
        (b"NOOP", Command("NOOP", "")),
        (b"NOOP are you there", Command("NOOP", "are you there")),
        (b"HELP me", Command("HELP", "me")),
        (b"VRFY someone", Command("VRFY", "someone")),
        (b"QUIT", Command("QUIT")),
        (b"STARTTLS", Command("STARTTLS")),
    ],
)
def test_taken(line: bytes, command: Command) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"", replies.UNKNOWN_COMMAND),
        (b" ", replies.UNKNOWN_COMMAND),
        (b" NOOP", replies.UNKNOWN_COMMAND),
        (b"BOGUS", replies.UNKNOWN_COMMAND),
        (b"MAILFROM:<a@b.test>", replies.UNKNOWN_COMMAND),
        (b"EXPN list", replies.NOT_IMPLEMENTED),
        (b"BDAT 10 LAST", replies.NO_CHUNKING),
        (b"NOOP\x00", replies.BAD_SYNTAX),
        (b"NOOP\tx", replies.BAD_SYNTAX),
        (b"NOOP\rQUIT", replies.BAD_SYNTAX),
        ("EHLO m\u00fcller.example".encode(), replies.BAD_SYNTAX),
        (b"EHLO", replies.BAD_HELO),
        (b"EHLO ", replies.BAD_HELO),
        (b"EHLO two words", replies.BAD_HELO),
        (b"EHLO a@b", replies.BAD_HELO),
        (b"EHLO .", replies.BAD_HELO),
        (b"HELO " + b"a" * 256, replies.BAD_HELO),
        (b"MAIL", replies.BAD_ARGUMENTS),
        (b"MAIL  FROM:<a@b.test>", replies.BAD_ARGUMENTS),
        (b"MAIL TO:<a@b.test>", replies.BAD_ARGUMENTS),
        (b"MAIL FROM: <a@b.test>", replies.BAD_SENDER),
        (b"MAIL FROM:a@b.test", replies.BAD_SENDER),
        (b"MAIL FROM:<a@b.test", replies.BAD_SENDER),
        (b"MAIL FROM:<us er@b.test>", replies.BAD_SENDER),
        (b"MAIL FROM:<(c)a@b.test>", replies.BAD_SENDER),
        (b"MAIL FROM:<@relay.test:a@b.test>", replies.BAD_SENDER),
        (b"MAIL FROM:<a@b.test>SIZE=1", replies.BAD_SENDER),
        (b"MAIL FROM:<a@b.test> SIZE", replies.BAD_SIZE),
        (b"MAIL FROM:<a@b.test> SIZE=-1", replies.BAD_SIZE),
        (b"MAIL FROM:<a@b.test> SIZE=" + b"1" * 21, replies.BAD_SIZE),
        (b"MAIL FROM:<a@b.test> SIZE=1 SIZE=2", replies.BAD_ARGUMENTS),
        (b"MAIL FROM:<a@b.test> =1", replies.BAD_ARGUMENTS),
        (b"MAIL FROM:<a@b.test> BODY=BINARYMIME", replies.UNKNOWN_PARAMETER),
        (b"MAIL FROM:<a@b.test> SMTPUTF8=1", replies.BAD_ARGUMENTS),
        ("MAIL FROM:<\u00fc@b.test>".encode(), replies.UTF8_SENDER),
        ("MAIL FROM:<a@b\u00fc.test> SIZE=1".encode(), replies.UTF8_SENDER),
        (b"MAIL FROM:<\xfc@b.test> SMTPUTF8", replies.BAD_SENDER),
        ("MAIL FROM:<a@b.test> \u00fc".encode(), replies.BAD_ARGUMENTS),
        (b"RCPT TO:<\xfc@b.test>", replies.BAD_RECIPIENT),
        ("RCPT TO:<\u00fc@b.test> \u00fc".encode(), replies.BAD_ARGUMENTS),
        ("MAIL FROM:<\u00fc@b.test> SMTPUTF8\0".encode(), replies.BAD_SYNTAX),
        ("AUTH PLAIN \u00fc".encode(), replies.BAD_SYNTAX),
        ("HELP \u00fc".encode(), replies.BAD_SYNTAX),
        (b"VRFY \xfc", replies.BAD_ARGUMENTS),
        (b"MAIL FROM:<a@b.test> AUTH=<>", replies.UNKNOWN_PARAMETER),
        (b"RCPT TO:", replies.BAD_RECIPIENT),
        (b"RCPT TO:<>", replies.BAD_RECIPIENT),
        (b"RCPT TO:<a>", replies.BAD_RECIPIENT),
        (b"RCPT TO: <a@b.test>", replies.BAD_RECIPIENT),
        (b"RCPT FROM:<a@b.test>", replies.BAD_ARGUMENTS),
        (b"RCPT TO:<a@b.test> NOTIFY=NEVER", replies.UNKNOWN_PARAMETER),
        (b"RCPT TO:<@relay.test:a@b.test>", replies.RELAY_DENIED),
        (b"RCPT TO:<a@[192.0.2.1]>", replies.RELAY_DENIED),
        (b"DATA now", replies.NO_ARGUMENTS),
        (b"RSET x", replies.NO_ARGUMENTS),
        (b"QUIT x", replies.NO_ARGUMENTS),
        (b"STARTTLS x", replies.NO_ARGUMENTS),
        (b"VRFY", replies.BAD_ARGUMENTS),
    ],
)
def test_refused(line: bytes, reply: Reply) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(line)
    assert caught.value.reply == reply


def test_a_relay_attempt_is_not_a_syntax_error() -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(b"RCPT TO:<@x.test:a@b.test>")
    assert not caught.value.counts


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"POST /x HTTP/1.0", b"Host: mail.test", b"\x16\x03\x01", b"\xc3"])
def test_other_protocols_are_known(line: bytes) -> None:
    assert is_foreign(line)


@pytest.mark.parametrize("line", [b"MAIL FROM:<a@b.test>", b"BOGUS", b"", b"RCPT TO:<a@b>", b"GETX", b"RCPT TO:<\xff>"])
def test_smtp_is_not_foreign(line: bytes) -> None:
    assert not is_foreign(line)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(lambda verb, rest: verb.encode() + b" " + rest, st.sampled_from(sorted(PARSERS)), st.binary()),
        st.builds(lambda rest: b"MAIL FROM:" + rest, st.binary()),
        st.builds(lambda rest: b"RCPT TO:<" + rest, st.text('<>@"\\.:a b=', max_size=30).map(str.encode)),
    )
)
@example(b"MAIL FROM:<a@b> \xff")
@settings(max_examples=150)
def test_any_line_is_a_command_or_refused(line: bytes) -> None:
    try:
        command = parse_command(line)
    except CommandError as refused:
        error = refused
    else:
        error = None
    if error is not None:
        assert error.reply.code >= 500
        return
    assert command.verb in PARSERS
    if isinstance(command.argument, RcptTo):
        again = parse_command(f"RCPT TO:<{command.argument.path}>".encode()).argument
        assert isinstance(again, RcptTo)
        assert again.address == command.argument.address
    if isinstance(command.argument, MailFrom):
        again = parse_command(f"MAIL FROM:<{command.argument.path}> SMTPUTF8".encode()).argument
        assert isinstance(again, MailFrom)
        assert again.address == command.argument.address

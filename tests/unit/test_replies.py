"""Every SMTP reply is well-formed, and its code says what the peer should do."""

import re

import pytest

from appliance.mail.delivery import (
    NoContact,
    OverQuota,
    RejectAddress,
    RelayDenied,
    Route,
    Suspended,
    ToMailboxes,
    UnknownUser,
)
from appliance.mail.reply import Reply
from smtp import replies

CONSTANTS = {name: value for name, value in vars(replies).items() if isinstance(value, Reply)}
WITHOUT_ENHANCED = {"START_DATA"}
"""RFC 2034 §4: none on 354, the greeting, and the answers to EHLO and HELO."""


@pytest.mark.parametrize("name", CONSTANTS)
def test_every_reply_has_an_enhanced_code_of_its_class(name: str) -> None:
    reply = CONSTANTS[name]
    assert bool(reply.enhanced) == (name not in WITHOUT_ENHANCED)
    assert re.fullmatch(rb"\d{3} ([245]\.\d\.\d )?[ -~]+\r\n", reply.wire())


@pytest.mark.parametrize("name", CONSTANTS)
def test_421_always_ends_the_session(name: str) -> None:
    if CONSTANTS[name].code == 421:
        assert CONSTANTS[name].close  # RFC 5321 §3.8


@pytest.mark.parametrize(
    ("route", "wire"),
    [
        (ToMailboxes(1, (1,), "a@b.test", "mailbox"), b"250 2.1.5 Recipient OK\r\n"),
        (UnknownUser(), b"550 5.1.1 <a@b.test>: no such user\r\n"),
        (RelayDenied(), b"550 5.7.1 Relay access denied\r\n"),
        (Suspended("domain"), b"450 4.2.1 <a@b.test>: suspended, try again later\r\n"),
        (RejectAddress(550, "Moved to c@d.test"), b"550 5.2.1 Moved to c@d.test\r\n"),
        (RejectAddress(450, ""), b"450 4.2.1 <a@b.test>: address not in use\r\n"),
        (RejectAddress(550, "5.1.6 Moved to c@d.test"), b"550 5.1.6 Moved to c@d.test\r\n"),
        (RejectAddress(450, "5.1.6 Moved"), b"450 4.2.1 5.1.6 Moved\r\n"),
        (NoContact(), b"450 4.3.0 No mailbox for this address yet\r\n"),
        (OverQuota(True, (1,), "mailbox-quota"), b"452 4.2.2 Mailbox full\r\n"),
        (OverQuota(False, (), "mailbox-quota"), b"552 5.2.2 Mailbox full\r\n"),
    ],
)
def test_each_route_has_its_reply(route: Route, wire: bytes) -> None:
    assert wire == replies.refusal("a@b.test", route).wire()


def test_no_reply_holds_utf8() -> None:
    """RFC 6531 §3.7.4.2: addresses beyond ASCII are named as RFC 6533 §3 writes them."""
    wire = replies.refusal("p\u0451\u0442r@b.test\u202e\x07", UnknownUser()).wire()
    assert wire == rb"550 5.1.1 <p\x{451}\x{442}r@b.test??>: no such user" + b"\r\n"


def test_an_administrators_421_ends_the_session() -> None:
    assert replies.rejected("a@b.test", 421, "Later").close


def test_ehlo_lists_what_is_offered() -> None:
    wire = replies.extended_hello("mail.test", 1000, starttls=True).wire()
    assert wire == (
        b"250-mail.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
        b"250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n"
    )
    assert b"STARTTLS" not in replies.extended_hello("mail.test", 1000, starttls=False).wire()


def test_accepted_names_the_trace() -> None:
    assert replies.accepted("0cndam3ep0000").wire() == b"250 2.0.0 OK 0cndam3ep0000\r\n"

"""The plan for one message: one copy for each account, named by the first address that led to it."""

from appliance.mail.address import Address
from appliance.mail.delivery import Content, Delivery, ToMailboxes
from appliance.mail.envelope import Envelope, MailFrom, RcptTo
from appliance.mail.structure import render
from appliance.sending.planning import plan

DATA = b"Subject: x\r\n\r\nhello\r\n"
CONTENT = Content(len(DATA), b"\0" * 32, DATA)
SENDER = MailFrom(Address("s", "out.test"))


def rcpt(localpart: str, domain: str = "b.test") -> RcptTo:
    return RcptTo(Address(localpart, domain))


def prefix(sender: str, address: str) -> bytes:
    return f"Return-Path: <{sender}>\r\nDelivered-To: {address}\r\n".encode()


def deliveries(mail_from: MailFrom, *routes: tuple[RcptTo, ToMailboxes]) -> tuple[Delivery, ...]:
    envelope = Envelope(7, mail_from, tuple(r for r, _ in routes))
    made = plan(7, envelope, routes, CONTENT, render(DATA), b"key")
    assert (made.trace, made.content, made.dedupe_key) == (7, CONTENT, b"key")
    return made.deliveries


def test_one_delivery_for_each_account_however_many_of_its_addresses_were_named() -> None:
    got = deliveries(
        SENDER,
        (rcpt("a+tag"), ToMailboxes(1, (11,), "a+tag@b.test", "mailbox-tag")),
        (rcpt("team"), ToMailboxes(1, (11, 12), "team@b.test", "alias")),
        (rcpt("c", "d.test"), ToMailboxes(2, (21,), "c@d.test", "mailbox")),
    )
    assert got == (
        Delivery(1, 11, "INBOX", prefix("s@out.test", "a+tag@b.test")),
        Delivery(1, 12, "INBOX", prefix("s@out.test", "team@b.test")),
        Delivery(2, 21, "INBOX", prefix("s@out.test", "c@d.test")),
    )


def test_the_null_reverse_path_is_kept() -> None:
    (only,) = deliveries(MailFrom(None), (rcpt("a"), ToMailboxes(1, (11,), "a@b.test", "mailbox")))
    assert only.prefix == prefix("", "a@b.test")


def test_what_clients_see_is_ascii_where_mail_came_with_smtputf8() -> None:
    data = "Subject: ü\r\n\r\nhello\r\n".encode()
    sender, to = Address("jörg", "out.test"), (rcpt("ann"), ToMailboxes(1, (11,), "ännchen@b.test", "contact"))
    for smtputf8 in (True, False):
        mail_from = MailFrom(sender if smtputf8 else None, smtputf8=smtputf8)
        made = plan(7, Envelope(7, mail_from, (to[0],)), (to,), CONTENT, render(data), b"key")
        assert made.deliveries[0].prefix.isascii()
        assert made.deliveries[0].prefix.endswith(b"\r\nDowngraded-Delivered-To: =?utf-8?B?w6RubmNoZW5AYi50ZXN0?=\r\n")
        assert made.rendition.header.isascii() == smtputf8
        assert made.rendition.served(len(data)) == len(made.rendition.header) + len(b"hello\r\n")

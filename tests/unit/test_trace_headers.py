"""Trace fields: by the grammar, and closed to whatever a peer writes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.address import Address, parse_address
from appliance.mail.envelope import Envelope, MailFrom, Peer, RcptTo, SessionFacts, TlsInfo
from appliance.mail.header import header_fields
from appliance.mail.trace_headers import count_received, delivered_to, received, return_path

NOW = 1_795_491_422_000_000
TRACE = "06wwn28000001"


def session(helo: str = "client.example", peer: str = "192.0.2.7", tls: TlsInfo | None = None) -> SessionFacts:
    return SessionFacts(1, "smtp.mx", Peer(peer, 4000), Peer("192.0.2.1", 25), helo, True, tls)


def envelope(*recipients: str) -> Envelope:
    return Envelope(2, MailFrom(None), tuple(RcptTo(parse_address(text)) for text in recipients))


def test_received_has_all_clauses_for_one_recipient() -> None:
    tls = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    expected = (
        b"Received: from client.example ([192.0.2.7])\r\n"
        b"\tby mx.example.org with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        b"\tid 06wwn28000001\r\n"
        b"\tfor <a@b.example>;\r\n"
        b"\tTue, 24 Nov 2026 03:37:02 +0000\r\n"
    )
    assert received(session(tls=tls), envelope("a@b.example"), "mx.example.org", NOW, TRACE) == expected


def test_received_names_no_recipient_among_several() -> None:
    field = received(session(), envelope("a@b.example", "c@d.example"), "mx.example.org", NOW, TRACE)
    assert b"\tid 06wwn28000001;\r\n" in field
    assert b"for" not in field


@pytest.mark.parametrize(
    ("helo", "peer", "clause"),
    [
        ("client.example", "2001:db8::1", "client.example ([IPv6:2001:db8::1])"),
        ("[192.0.2.9]", "192.0.2.7", "[192.0.2.9] ([192.0.2.7])"),
        ("[IPv6:2001:db8::2]", "fe80::1%eth0", "[IPv6:2001:db8::2] ([IPv6:fe80::1])"),
        ("[192.0.2.9", "192.0.2.7", "?192.0.2.9 ([192.0.2.7])"),
        ("", "192.0.2.7", "[192.0.2.7] ([192.0.2.7])"),
        ("my pc (by evil.example)", "192.0.2.7", "my?pc??by?evil.example? ([192.0.2.7])"),
        ("a\r\nBcc: x", "192.0.2.7", "a??Bcc??x ([192.0.2.7])"),
        ("under_score.ü", "192.0.2.7", "under_score.? ([192.0.2.7])"),
        ("x" * 400, "192.0.2.7", "x" * 255 + " ([192.0.2.7])"),
        ("h", "", "h ([unknown])"),
    ],
)
def test_what_the_peer_called_itself_is_harmless(helo: str, peer: str, clause: str) -> None:
    field = received(session(helo, peer), envelope(), "mx", NOW, TRACE)
    assert field.startswith(f"Received: from {clause}\r\n\tby mx with ESMTP\r\n".encode())


@settings(max_examples=100)
@given(st.text(), st.text())
def test_received_is_always_one_field_of_short_lines(helo: str, peer: str) -> None:
    field = received(session(helo, peer), envelope("a@b.example"), "mx.example.org", NOW, TRACE)
    assert [(f.key, f.raw) for f in header_fields(field + b"\r\n")] == [(b"received", field)]
    assert re.fullmatch(rb"Received: from \S+ \(\[\S+\]\)\r\n(?:\t[ -~]+\r\n){4}", field)
    assert max(map(len, field.split(b"\r\n"))) < 998


def test_return_path_and_delivered_to() -> None:
    assert return_path(MailFrom(None)) == b"Return-Path: <>\r\n"
    assert return_path(MailFrom(Address("a b", "c.example"))) == b'Return-Path: <"a b"@c.example>\r\n'
    assert delivered_to("a@b.example") == b"Delivered-To: a@b.example\r\n"


@pytest.mark.parametrize("text", ["a\r\nBcc: b", "a\n", "", "a\x00", "\u202eb@a"])
def test_a_broken_value_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="printable text"):
        delivered_to(text)
    with pytest.raises(ValueError, match="printable text"):
        received(session(), envelope(), text, NOW, TRACE)


def test_hops_are_counted() -> None:
    assert count_received(b"Received: a\r\n b\r\nRECEIVED : c\r\nX-Received: d\r\n\r\nReceived: body\r\n") == 2
    assert count_received(b"") == 0


@pytest.mark.parametrize(("tls", "word"), [(None, b"UTF8SMTP"), (TlsInfo("TLSv1.3", "X"), b"UTF8SMTPS")])
def test_with_smtputf8_trace_fields_say_so_and_are_utf8(tls: TlsInfo | None, word: bytes) -> None:
    sender, recipient = parse_address("jürgen@bücher.example"), parse_address("用户@b.example")
    mail = Envelope(2, MailFrom(sender, smtputf8=True), (RcptTo(recipient),))
    field = received(session(tls=tls), mail, "mx.example.org", NOW, TRACE)
    assert b" with " + word + (b"\r\n" if tls is None else b" (") in field
    assert "\r\n\tfor <用户@b.example>;\r\n".encode() in field
    assert return_path(mail.mail_from) == "Return-Path: <jürgen@xn--bcher-kva.example>\r\n".encode()
    assert delivered_to(recipient.text) == "Delivered-To: 用户@b.example\r\n".encode()

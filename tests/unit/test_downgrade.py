"""A header beyond ASCII is shown in ASCII (RFC 6857): every form byte for byte, and nothing of what it says lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.content_type import parse_media_type, parse_parameters, parse_token
from appliance.mail.downgrade import Downgrader, downgrade
from appliance.mail.encoded_words import decode_words, encode_words
from appliance.mail.header import header_fields, unfold
from appliance.mail.mailbox_list import parse_mailbox_list

CASES = [
    ("Subject: Grüße", "Subject: =?utf-8?B?R3LDvMOfZQ==?="),
    (
        "Subject: Re: [list] Grüße aus München und so weiter",
        "Subject: Re: [list] =?utf-8?B?R3LDvMOfZSBhdXMgTcO8bmNoZW4=?= und so weiter",
    ),
    ("Subject: =?iso-8859-1?Q?Gr=FC=DFe?= aus Köln", "Subject: =?utf-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?="),
    ("Subject: a  =?utf-8?Q?b=C3=BC?=  ü  c", "Subject: a  =?utf-8?B?YsO8ICDDvA==?=  c"),
    (
        "Subject: Отчёт за третий квартал: выручка, расходы и план на следующий год",
        "Subject: =?utf-8?B?0J7RgtGH0ZHRgiDQt9CwINGC0YDQtdGC0LjQuSA=?=\r\n"
        " =?utf-8?B?0LrQstCw0YDRgtCw0Ls6INCy0YvRgNGD0YfQutCw?=\r\n"
        " =?utf-8?B?LCDRgNCw0YHRhdC+0LTRiyDQuCDQv9C70LDQvSA=?=\r\n"
        " =?utf-8?B?0L3QsCDRgdC70LXQtNGD0Y7RidC40Lkg0LPQvtC0?=",
    ),
    ("Subject: (ü)", "Subject: =?utf-8?B?KMO8KQ==?="),
    ("Comments: 日本語", "Comments: =?utf-8?B?5pel5pys6Kqe?="),
    ("X-Mailer: Ünïcode 1.0", "X-Mailer: =?utf-8?B?w5xuw69jb2Rl?= 1.0"),
    ("From: Пётр <petr@example.org>", "From: =?utf-8?B?0J/RkdGC0YA=?= <petr@example.org>"),
    ("From: Пётр <пётр@example.org>", "From: =?utf-8?B?0J/RkdGC0YA=?= =?utf-8?B?INC/0ZHRgtGAQGV4YW1wbGUub3Jn?= :;"),
    ("From: пётр@пример.рф", "From: =?utf-8?B?0L/RkdGC0YBA0L/RgNC40LzQtdGALtGA0YQ=?= :;"),
    ('From: "Петров, \\"П\\"" <petr@example.org>', "From: =?utf-8?B?0J/QtdGC0YDQvtCyLCAi0J8i?= <petr@example.org>"),
    ("From: Jörg M. Müller <j@example.org>", "From: =?utf-8?B?SsO2cmcgTS4gTcO8bGxlcg==?= <j@example.org>"),
    ('From: "Plain, Name" <jörg@example.org>', 'From: "Plain, Name" =?utf-8?B?asO2cmdAZXhhbXBsZS5vcmc=?= :;'),
    (
        "From: =?utf-8?Q?J=C3=B6rg?= <jörg@example.org>",
        "From: =?utf-8?Q?J=C3=B6rg?= =?utf-8?B?IGrDtnJnQGV4YW1wbGUub3Jn?= :;",
    ),
    ("From: info@bücher.example", "From: info@xn--bcher-kva.example"),
    ("From: Buch <info@bücher.example>", "From: Buch <info@xn--bcher-kva.example>"),
    ("Sender: <jörg@example.org>", "Sender: =?utf-8?B?asO2cmdAZXhhbXBsZS5vcmc=?= :;"),
    (
        'To: a@example.org (Ännchen), "B, C" <b@example.org>, Ü <u@example.org>',
        'To: a@example.org (=?utf-8?B?w4RubmNoZW4=?=), "B, C" <b@example.org>,\r\n =?utf-8?B?w5w=?= <u@example.org>',
    ),
    (
        "To: Ü (the (inner) ö) <u@example.org> (plain)",
        "To: =?utf-8?B?w5w=?= <u@example.org> (=?utf-8?B?dGhlIChpbm5lcikgw7Y=?=)\r\n (plain)",
    ),
    (
        "To: Kollegen und Freundinnen: a@example.org, Ü <u@example.org>;",
        "To: Kollegen und Freundinnen: a@example.org, =?utf-8?B?w5w=?=\r\n <u@example.org>;",
    ),
    ("To: Fründe: a@example.org;", "To: =?utf-8?B?RnLDvG5kZQ==?=: a@example.org;"),
    (
        "To: team: a@example.org, Ü <ü@example.org>; , z@example.org",
        "To: team =?utf-8?B?YUBleGFtcGxlLm9yZywgw5wgPMO8QGV4YW1wbGUu?=\r\n =?utf-8?B?b3JnPg==?= :;, z@example.org",
    ),
    ("To: undisclosed-recipients:; (ö)", "To: undisclosed-recipients:; (=?utf-8?B?w7Y=?=)"),
    ("To: kaputt ü", "To: =?utf-8?B?a2FwdXR0w7w=?= :;"),
    (
        "To: Ü <a@example.org, b@example.org",
        "To: =?utf-8?B?w5wgPGFAZXhhbXBsZS5vcmcsIGJAZXhhbXBsZS5v?= =?utf-8?B?cmc=?= :;",
    ),
    (
        "Cc: Ü <@a.example,@b.example:u@example.org>",
        "Cc: =?utf-8?B?w5wgPEBhLmV4YW1wbGUsQGIuZXhhbXBsZTp1QGV4?=\r\n =?utf-8?B?YW1wbGUub3JnPg==?= :;",
    ),
    ("Reply-To: <ü@[192.0.2.1]>", "Reply-To: =?utf-8?B?w7xAWzE5Mi4wLjIuMV0=?= :;"),
    ("Bcc: ü@x.example; b@example.org", "Bcc: =?utf-8?B?w7xAeC5leGFtcGxl?= :;, b@example.org"),
    ('Resent-To: Ü <"a b"@example.org>', 'Resent-To: =?utf-8?B?w5w=?= <"a b"@example.org>'),
    ("Disposition-Notification-To: Ü <u@example.org>", "Disposition-Notification-To: =?utf-8?B?w5w=?= <u@example.org>"),
    ("Message-ID: <ü@example.org>", "Downgraded-Message-ID: =?utf-8?B?PMO8QGV4YW1wbGUub3JnPg==?="),
    (
        "In-Reply-To: <a@example.org> (Antwort für dich)",
        "In-Reply-To: <a@example.org> (=?utf-8?B?QW50d29ydCBmw7xyIGRpY2g=?=)",
    ),
    (
        "References: <a@example.org> <ü@example.org>",
        "Downgraded-References: <a@example.org> =?utf-8?B?PMO8QGV4YW1wbGUub3JnPg==?=",
    ),
    (
        "Date: Mon, 1 Jan 2024 00:00:00 +0100 (Mitteleuropäische Zeit)",
        "Date: Mon, 1 Jan 2024 00:00:00 +0100\r\n (=?utf-8?B?TWl0dGVsZXVyb3DDpGlzY2hlIFplaXQ=?=)",
    ),
    ("MIME-Version: 1.0 (ü)", "MIME-Version: 1.0 (=?utf-8?B?w7w=?=)"),
    (
        "Received: from a.example (ä) by b.example with ESMTPS id 1 for <ü@b.example>; Mon, 1 Jan 2024 00:00:00 +0000",
        "Received: from a.example (=?utf-8?B?w6Q=?=) by b.example with ESMTPS id 1;\r\n Mon, 1 Jan 2024 00:00:00 +0000",
    ),
    (
        "Received: from ä.example by b.example; Mon, 1 Jan 2024 00:00:00 +0100",
        "Downgraded-Received: from =?utf-8?B?w6QuZXhhbXBsZQ==?= by b.example; Mon, 1\r\n Jan 2024 00:00:00 +0100",
    ),
    ("Return-Path: <ü@example.org>", "Downgraded-Return-Path: =?utf-8?B?PMO8QGV4YW1wbGUub3JnPg==?="),
    ("Delivered-To: ü@example.org", "Downgraded-Delivered-To: =?utf-8?B?w7xAZXhhbXBsZS5vcmc=?="),
    (
        'Content-Type: text/plain; charset=utf-8; name="Größe.txt"',
        "Content-Type: text/plain; charset=utf-8; name*=utf-8''Gr%C3%B6%C3%9Fe.txt",
    ),
    (
        'Content-Type: multipart/mixed; boundary="=_b"; x-note=für',
        "Content-Type: multipart/mixed; boundary=\"=_b\"; x-note*=utf-8''f%C3%BCr",
    ),
    ("Content-Type: ünsinn", "Downgraded-Content-Type: =?utf-8?B?w7xuc2lubg==?="),
    (
        "Content-Disposition: attachment; filename=größe mit blank.pdf; size=12",
        "Content-Disposition: attachment;\r\n filename*=utf-8''gr%C3%B6%C3%9Fe%20mit%20blank.pdf; size=12",
    ),
    (
        'Content-Disposition: attachment; filename="Отчёт за третий квартал и план на следующий год.pdf"',
        "Content-Disposition: attachment;\r\n"
        " filename*0*=utf-8''%D0%9E%D1%82%D1%87%D1%91%D1%82%20%D0%B7%D0%B0%20%D1;\r\n"
        " filename*1*=%82%D1%80%D0%B5%D1%82%D0%B8%D0%B9%20%D0%BA%D0%B2%D0%B0%D1%80;\r\n"
        " filename*2*=%D1%82%D0%B0%D0%BB%20%D0%B8%20%D0%BF%D0%BB%D0%B0%D0%BD%20%D0;\r\n"
        " filename*3*=%BD%D0%B0%20%D1%81%D0%BB%D0%B5%D0%B4%D1%83%D1%8E%D1%89%D0%B8;\r\n"
        " filename*4*=%D0%B9%20%D0%B3%D0%BE%D0%B4.pdf",
    ),
    (
        "Content-Disposition: attachment; filename*=utf-8''größe.txt; größe=1",
        "Content-Disposition: attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.txt",
    ),
    ("Content-Transfer-Encoding: 8bit (ü)", "Content-Transfer-Encoding: 8bit"),
    ("Content-Description: Bild für dich", "Content-Description: Bild =?utf-8?B?ZsO8cg==?= dich"),
    ("Content-ID: <ü@example.org>", "Downgraded-Content-ID: =?utf-8?B?PMO8QGV4YW1wbGUub3JnPg==?="),
    ("Keywords: plain, für, more", "Keywords: plain, =?utf-8?B?ZsO8ciw=?= more"),
    ("Größe: 12", "Downgraded-Field: =?utf-8?B?R3LDtsOfZTogMTI=?="),
    ("To: (wer?) a@example.org, (ü)", "To: (wer?) a@example.org (=?utf-8?B?w7w=?=)"),
]
"""A field as it came, and as it is shown."""


@pytest.mark.parametrize(("field", "shown"), CASES, ids=[case[0][:40] for case in CASES])
def test_a_field(field: str, shown: str) -> None:
    assert downgrade(f"{field}\r\n".encode()) == shown.encode("ascii") + b"\r\n"


def test_every_other_octet_stays() -> None:
    before = b"X-Odd:  a\r\n\tb \r\nSubject: plain\r\nReceived: x\n"
    after = b"X-Last:no blank\r\n"
    block = before + "Subject: ü\r\n".encode() + after + b"\r\n"
    assert downgrade(block) == before + b"Subject: =?utf-8?B?w7w=?=\r\n" + after + b"\r\n"
    assert downgrade(before) is before


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        (b"Subject: Gr\xfc\xdfe\r\n\r\n", b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\n"),
        (b"From: J\xf6rg <j@x.example>\r\n", b"From: =?utf-8?B?SsO2cmc=?= <j@x.example>\r\n"),
        (b"From: <j\xf6rg@x.example>\r\n", b"From: =?utf-8?B?asO2cmdAeC5leGFtcGxl?= :;\r\n"),
        (b"Content-Type: a/b; x=\xe4\r\n", b"Content-Type: a/b; x*=windows-1252''%E4\r\n"),
        (b"Subject: \xc3\xbc\n\nbody", b"Subject: =?utf-8?B?w7w=?=\r\n\r\n"),
        (b"Subject: \xc3\xbc", b"Subject: =?utf-8?B?w7w=?=\r\n"),
        (b"From x Mon\nA: b\nSubject: \xc3\xbc\n", b"A: b\nSubject: =?utf-8?B?w7w=?=\r\n"),
        (b"Subject: a\rb \0\xc3\xbc\r\n", b"Subject: =?utf-8?B?YQ1iIADDvA==?=\r\n"),
        (b"\xc3\xbc no field at all\r\n", b""),
        (b"X: \xc3\xbc " + b"a" * 500 + b"\r\n", None),
        (b"X: \xc3\xbc " + b" " * 500 + b"a\r\n", None),
        (b"To: \xc3\xbc " + b"a" * 500 + b"@x.example\r\n", None),
        (b"Date: (\xc3\xbc) " + b"a" * 500 + b"\r\n", None),
        (b'Content-Type: a/b; x="' + b"a" * 1500 + b'"; y=\xc3\xbc\r\n', None),
        (b"X" * 990 + b": \xc3\xbc\r\n", None),
        (b"To: " + "Ü <u@example.org>, ".encode() * 4000 + b"\r\n", None),
    ],
)
def test_odd_octets(block: bytes, shown: bytes | None) -> None:
    found = downgrade(block)
    assert shown in (None, found)
    check_lines(found)


def check_lines(shown: bytes) -> None:
    assert shown.isascii()
    assert all(len(line) <= 998 and (not line or line.strip()) for line in shown.split(b"\r\n"))


# Pieces of which headers are made, the odd ones more often than they are.
_ODD = (
    'ü|Жук|日本|a|b.c|"Q, q"|"ü\\""|(c)|(ö(n))|=?utf-8?Q?=C3=BC?=|=?iso-8859-1?B?/A==?=|=?x|=?utf-8?B?w?|?=|<|>|@|,|;|'
    "<u@x.example>|<ü@x.example>|ü@x.example|a@bücher.example|[1.2.3]|\"|\\|\t| for |\r|\0|\x7f|\xa0|\u2028|=|%|*|:|''"
)
_WORDS = st.sampled_from(_ODD.split("|"))
_VALUES = st.lists(st.tuples(_WORDS, st.sampled_from(["", " ", "\t", "\r\n ", "  "])), max_size=30).map(
    lambda pairs: "".join(word + blank for word, blank in pairs)
)
_NAMES = st.sampled_from(
    ("Subject", "From", "To", "Cc", "Message-ID", "Date", "Received", "Return-Path", "Content-Type", "X-Any", "Größe")
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_NAMES, st.one_of(_VALUES.map(str.encode), st.binary(max_size=200))), max_size=6))
def test_whatever_comes_in(fields: list[tuple[str, bytes]]) -> None:
    block = b"".join([name.encode() + b": " + value + b"\r\n" for name, value in fields])
    shown = downgrade(block)
    assert shown.isascii()
    assert downgrade(shown) is shown
    came = header_fields(block)
    told = header_fields(shown)
    if block.isascii():
        assert shown is block
        return
    assert len(came) == len(told)
    for before, after in zip(came, told, strict=True):
        if before.raw.isascii():
            assert after.raw.rstrip() == before.raw.rstrip()
            continue
        check_lines(after.raw)
        assert after.key in (before.key, b"downgraded-" + before.key, b"downgraded-field")


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        _VALUES.map(str.encode),
        st.binary(max_size=100),
        st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")),
    )
)
def test_text_stays_what_it_says(value: bytes) -> None:
    block = b"Subject: " + value.replace(b"\n", b"\n ") + b"\r\n"
    (before,) = header_fields(block)[:1]
    (after,) = header_fields(downgrade(block))
    assert decode_words(after.value) == decode_words(before.value)


@given(st.text(max_size=300))
def test_encoded_words(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    words = encode_words(text).split(" ")
    assert decode_words(" ".join(words).encode("ascii")) == text
    assert all(len(word) <= 52 for word in words)
    assert "".join([decode_words(word.encode("ascii")) for word in words]) == text  # each of whole characters


_NAME_WORD = st.text(st.sampled_from("aбü日.é-"), min_size=1, max_size=8)
_DISPLAY = st.one_of(
    st.lists(_NAME_WORD, max_size=4).map(" ".join),
    st.text(st.sampled_from('aü ,;:@<>()"'), max_size=12).map(lambda t: '"' + t.replace('"', '\\"') + '"'),
)
_ADDRESS = st.sampled_from(["u@x.example", "ü@x.example", "u@bücher.example"])
_ENTRY = st.tuples(_DISPLAY, _ADDRESS).map(lambda pair: f"{pair[0]} <{pair[1]}>")


def said(text: bytes | None) -> str:
    return re.sub(r"\s", "", decode_words(text or b""))


@settings(max_examples=200, deadline=None)
@given(st.lists(_ENTRY, min_size=1, max_size=6))
def test_names_stay_what_they_say(entries: list[str]) -> None:
    value = ", ".join(entries).encode()
    shown = Downgrader().value(b"to", value)
    assert shown is not None
    before = parse_mailbox_list(value)
    after = [entry for entry in parse_mailbox_list(shown) if entry != (None, None, None, None)]
    assert len(before) == len(after)
    for came, told in zip(before, after, strict=True):
        if told.host is None:  # the group that took its place
            assert (
                said(told.mailbox)
                == said(came.name) + f"{(came.mailbox or b'').decode()}@{(came.host or b'').decode()}"
            )
        else:
            assert said(told.name) == said(came.name)
            assert told.mailbox == came.mailbox


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.one_of(st.binary(max_size=80), st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace"))),
        max_size=4,
    )
)
def test_parameters_stay_what_they_say(parameters: dict[str, bytes]) -> None:
    written = [b'; %b="%b"' % (name.encode(), re.sub(rb'(["\\\\])', rb"\\\1", v)) for name, v in parameters.items()]
    value = b"attachment" + b"".join(written)
    shown = Downgrader().value(b"content-disposition", value)
    assert shown is not None
    shown = unfold(shown)
    token = parse_token(shown)
    assert token is not None
    for name, text in parse_parameters(shown, token[1]):
        if name.endswith(b"*"):
            octets = text.split(b"'", 2)[2]
            text = re.sub(rb"%([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), octets)
        assert text == parameters[name.rstrip(b"*").decode()].replace(b"\r\n", b"").replace(b"\n", b"")


def test_the_structure_stays() -> None:
    value = 'Multipart/Mixed (ü); boundary="a b"; x=ü'.encode()
    shown = Downgrader().value(b"content-type", value)
    assert shown is not None
    before, after = parse_media_type(value), parse_media_type(shown)
    assert before is not None
    assert after is not None
    assert (before.type, before.subtype, before.parameters[0]) == (after.type, after.subtype, after.parameters[0])

"""SEARCH finds what RFC 3501 §6.4.4 says, whatever stage decides."""

from array import array
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.structure import render, unpack_parts
from appliance.records import ANSWERED, FLAGGED, KEYWORDED, SEEN, Changes, MailboxInfo, Snapshot
from imap.search_plan import SearchRun, column_texts
from imap.search_text import body_text, field_texts, folded, header_text
from imap.truth import Truth
from imap.view import MailboxView
from imap.wire.lexer import Parser
from imap.wire.search_key import SearchKey, search
from imap.wire.status import ImapError
from tests.imap_rows import row_of

DAY = 86_400_000_000
MESSAGES = [
    # flags, keywords, day of arrival, octets of the message
    (
        SEEN,
        ("$Forwarded",),
        100,
        b"From: Zoe <zoe@example.org>\r\nTo: b@example.org\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n"
        b"Date: Thu, 1 Jan 2026 23:30:00 -0500\r\nX-Odd: =?utf-8?q?=C3=9Cber?=\r\n\r\nplain words\r\n",
    ),
    (
        FLAGGED | SEEN,
        (),
        101,
        b"From: b@example.org\r\nCc: zoe@example.org\r\nSubject: two\r\nDate: Fri, 2 Jan 2026 12:00:00 +0000\r\n"
        b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Stra=DFe nach M=FCnchen, sehr la=\r\nng\r\n",
    ),
    (
        0,
        ("work",),
        102,
        b"Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\naGlkZGVu\r\nIHdvcmRz\r\n"
        b"--b\r\nContent-Type: application/pdf; name=report.pdf\r\n\r\nsecretpdf\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?inn=C3=A9r?=\r\n\r\nembedded\r\n--b--\r\n",
    ),
    (ANSWERED, (), 103, b"From: a@example.org\r\nBcc: x@example.org\r\n\r\n" + b"long " * 500),
]
ROWS = [row_of(data, uid=10 * at, internaldate=day * DAY + 5) for at, (_, _, day, data) in enumerate(MESSAGES, 1)]
RENDITIONS = [render(data) for *_, data in MESSAGES]


def view_of() -> MailboxView:
    info = MailboxInfo(1, 1, 1, "INBOX", 7, 41, 30, 1, 4, 0, 0, None)
    flags = bytearray(bits | (KEYWORDED if words else 0) for bits, words, *_ in MESSAGES)
    uids, keywords = (
        array("I", [10, 20, 30, 40]),
        {row.uid: m[1] for row, m in zip(ROWS, MESSAGES, strict=True) if m[1]},
    )
    return Truth(Snapshot(info, uids, flags, array("Q", [1] * 4), keywords)).open()


def key_of(text: bytes) -> SearchKey:
    return search(Parser([text]))[1]


def find_text(column: str, text: str) -> list[int]:
    return [row.uid for row, r in zip(ROWS, RENDITIONS, strict=True) if text in getattr(r, column)]


def run(key: SearchKey, view: MailboxView | None = None, *, uid: bool = False) -> list[int]:
    """All stages, as the command goes through them."""
    found = {pair: find_text(*pair) for pair in column_texts(key)}
    search_run = SearchRun(view or view_of(), key, found)
    sent = {row.uid: r.sent_at for row, r in zip(ROWS, RENDITIONS, strict=True)}
    uids = search_run.open_uids()
    if uids and (search_run.needs_rows or search_run.needs_sent):
        bare = [row._replace(header=None, parts=None) for row in ROWS if row.uid in uids]
        search_run.see_rows(uids, bare, sent.items())
    uids = search_run.open_uids()
    if search_run.needs_header:
        search_run.see_headers(uids, [row for row in ROWS if row.uid in uids], sent.items())
    if search_run.needs_body:
        for uid_ in search_run.open_uids():
            at = uid_ // 10 - 1
            search_run.see_body(ROWS[at], MESSAGES[at][3], sent[uid_])
    return search_run.numbers(uid=uid)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"ALL", [1, 2, 3, 4]),
        (b"SEEN", [1, 2]),
        (b"UNSEEN", [3, 4]),
        (b"NOT SEEN FLAGGED", []),
        (b"UNFLAGGED SEEN", [1]),
        (b"ANSWERED", [4]),
        (b"UNANSWERED UNDELETED UNDRAFT", [1, 2, 3]),
        (b"RECENT", [3, 4]),
        (b"NEW", [3, 4]),
        (b"OLD", [1, 2]),
        (b"KEYWORD $forwarded", [1]),
        (b"UNKEYWORD WORK", [1, 2, 4]),
        (b"2:3", [2, 3]),
        (b"4,1", [1, 4]),
        (b"9:*", [4]),
        (b"7", []),
        (b"UID 20:29,40", [2, 4]),
        (b"UID 99:*", [4]),
        (b"OR SEEN 4", [1, 2, 4]),
        (b"OR OR 1 2 3", [1, 2, 3]),
        (b"NOT (OR 1 2)", [3, 4]),
        (b"LARGER 1000", [4]),
        (b"SMALLER 1000 SEEN", [1, 2]),
        (b"ON 11-Apr-1970", [1]),
        (b"BEFORE 12-Apr-1970", [1]),
        (b"SINCE 13-Apr-1970", [3, 4]),
        (b"NOT SINCE 13-Apr-1970", [1, 2]),
        (b"SENTON 1-Jan-2026", [1]),
        (b"SENTON 2-Jan-2026", [2]),
        (b"SENTBEFORE 2-Jan-2026", [1]),
        (b"SENTSINCE 1-Jan-2026", [1, 2]),
        (b"NOT SENTSINCE 1-Jan-2026", [3, 4]),
        (b"FROM ZOE", [1]),
        (b"OR FROM zoe CC zoe", [1, 2]),
        (b"NOT FROM zoe", [2, 3, 4]),
        (b"TO example.org", [1]),
        (b"BCC x@", [4]),
        ('CHARSET UTF-8 SUBJECT "CAFÉ"'.encode(), [1]),
        ('SUBJECT "cafe\u0301"'.encode(), [1]),
        (b'HEADER X-Odd ""', [1]),
        ('HEADER x-odd "über"'.encode(), [1]),
        (b'HEADER Subject ""', [1, 2, 3]),
        (b'HEADER X-None ""', []),
        (b"HEADER Return-Path bounce", [1, 2, 3, 4]),
        (b"BODY words", [1, 3]),
        (b"BODY plain BODY words", [1]),
        (b'BODY "sehr lang"', [2]),
        ('BODY "MÜNCHEN"'.encode(), [2]),
        (b"BODY STRASSE", [2]),
        (b"BODY secretpdf", []),
        (b"BODY report.pdf", [3]),
        ('BODY "innér"'.encode(), [3]),
        (b"BODY embedded", [3]),
        (b"BODY zoe", []),
        (b"TEXT zoe", [1, 2]),
        (b"NOT TEXT zoe", [3, 4]),
        (b"OR TEXT zoe 4", [1, 2, 4]),
        (b'BODY ""', [1, 2, 3, 4]),
        (b"NOT NOT NOT BODY words", [2, 4]),
        (b"LARGER 10 OR (FROM zoe SENTON 1-Jan-2026) (BODY long UNSEEN)", [1, 4]),
    ],
)
def test_search(text, expected):
    key = key_of(text)
    assert run(key) == expected
    assert run(key, uid=True) == [10 * number for number in expected]


def test_later_stages_see_only_what_is_open():
    search_run = SearchRun(view_of(), key_of(b"UNSEEN BODY words"))
    assert list(search_run.open_uids()) == [30, 40]
    assert not search_run.needs_rows
    assert not search_run.needs_header
    assert search_run.needs_body
    assert not SearchRun(view_of(), key_of(b"DELETED BODY words")).needs_body


def test_messages_that_are_gone_do_not_match():
    view = view_of()
    assert view.truth.info is not None
    view.truth.apply(Changes(view.truth.info, (), (), (20,)))
    assert run(key_of(b"ALL"), view) == [1, 3, 4]
    assert run(key_of(b"NOT ANSWERED"), view) == [1, 3]
    search_run = SearchRun(view, key_of(b"SMALLER 100000"))
    search_run.see_rows([10, 30], [ROWS[0]])
    search_run.gone([30])
    assert search_run.numbers(uid=True) == [10]


KEYS = st.recursive(
    st.sampled_from(
        (
            *("ALL", "SEEN", "ANSWERED", "RECENT", "1", "2:3", "*:3", "UID 10", "KEYWORD work", "LARGER 400"),
            *("SMALLER 300", "ON 12-Apr-1970", "SINCE 12-Apr-1970", "SENTON 1-Jan-2026", "SENTSINCE 2-Jan-2026"),
            *("FROM zoe", "SUBJECT t", "HEADER X-Odd ber", "BODY words", "TEXT zoe", "TEXT e"),
        )
    ),
    lambda inner: st.one_of(
        inner.map("NOT {}".format),
        st.tuples(inner, inner).map(lambda pair: f"OR {pair[0]} {pair[1]}"),
        st.lists(inner, min_size=1, max_size=3).map(lambda keys: f"({' '.join(keys)})"),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(first=KEYS, second=KEYS)
def test_the_algebra_of_keys_holds(first, second):
    everything = [1, 2, 3, 4]
    one, two = (set(run(key_of(key.encode()))) for key in (first, second))
    assert set(run(key_of(f"NOT {first}".encode()))) == set(everything) - one
    assert set(run(key_of(f"{first} {second}".encode()))) == one & two
    assert set(run(key_of(f"OR {first} {second}".encode()))) == one | two


def test_unknown_charset_names_those_there_are():
    with pytest.raises(ImapError) as refused:
        key_of(b"CHARSET KOI8-R SUBJECT x")
    assert refused.value.line("a") == b"a NO [BADCHARSET (UTF-8 US-ASCII)] Texts are searched in UTF-8 and US-ASCII\r\n"


def test_header_text_is_decoded_and_folded():
    block = b"Subject: =?utf-8?b?w4k=?=\r\n two\r\nX: \xff\r\n\r\n"
    assert header_text(block) == "subject: é two\nx: ÿ"
    assert list(field_texts(block, "subject")) == ["é two"]


def test_names_of_files_are_found_however_they_are_written():
    block = (
        b"Content-Disposition: attachment; filename*0*=utf-8''%D0%9E%D1%82;\r\n filename*1*=%D1%87%D1%91%D1%82; s=1\r\n"
        b"Content-Type: a/b; name*=iso-8859-1'de'Gr%FC%DFe\r\nX: 100% *\r\nY: ; a*=utf-16''%00%d8\r\n"
    )
    text = header_text(block)
    assert "отчёт\n" in text
    assert "grüsse\n" in text
    assert "x: 100% * \n" in text


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            (
                *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n"),
                *(b"Content-Type: text/plain; charset=utf-7\r\n", b"Content-Transfer-Encoding: base64\r\n"),
                *(b"Content-Transfer-Encoding: quoted-printable\r\n", b"\r\n", b"--b\r\n", b"--b--\r\n"),
                *(b"X: a; b*=utf-7''%3d%00\r\n", b"Content-Type: a/b; name*0*=x'y'%ff%d8\r\n"),
                *(b"=E9=?\r\n", b"\xff\xfe\0", b"YWJj\r\n", b"A", b"+ADw-\r\n"),
            )
        ),
        max_size=30,
    )
)
def test_text_of_any_message_can_be_had(pieces):
    data = b"".join(pieces)
    text = body_text(data, unpack_parts(render(data).parts))
    assert folded(text) == text
    text.encode()


def test_spans_of_the_corpus_rise():
    assert all(a.uid < b.uid for a, b in pairwise(ROWS))

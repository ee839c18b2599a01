"""FETCH responses: every section is exactly the octets RFC 3501 §6.4.5 names."""

import re

import pytest

from appliance.records import KEYWORDED, SEEN, Changes, FlagState
from imap.fetch_data import FetchPlan
from imap.sections import BodyCut, fill
from imap.wire.fetch_att import fetch_items
from imap.wire.lexer import Parser
from imap.wire.sequence_set import SequenceSet
from tests.imap_rows import PREFIX, row_of
from tests.imap_truth import truth_of

NESTED = (
    b"From: a@example.org\r\nSubject: folded\r\n over two\r\nX-Odd: 1\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    b"--b\r\nContent-Type: text/plain\r\nX-Part: 1\r\n\r\nfirst\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: c@example.org\r\n\r\ninner text\r\n"
    b"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\n\r\nplain\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--c--\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: deep\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n--d\r\nX-Deep: 1\r\n\r\ndeepest\r\n--d--\r\n"
    b"--b--\r\nepilogue\r\n"
)
SIMPLE = b"Subject: simple\r\nTo: b@example.org\r\n\r\none\r\ntwo\r\n"


def plan_of(text: bytes, *, uid: bool = False) -> FetchPlan:
    return FetchPlan(fetch_items(Parser([text])), uid=uid)


def answer(text: bytes, stored: bytes, *, prefix: bytes = PREFIX) -> bytes:
    view, plan, row = truth_of(1).open(), plan_of(text), row_of(stored, prefix=prefix)
    if not plan.contents:
        return plan.lines(view, view.everything(), [row])
    pieces = plan.pieces(view, 1, row)
    assert pieces is not None
    return fill(pieces, stored)


def octets(text: bytes, stored: bytes, *, prefix: bytes = PREFIX) -> bytes | None:
    line = answer(text, stored, prefix=prefix)
    match = re.fullmatch(rb"\* 1 FETCH \((\S.*?\]?(?:<\d+>)?) (?:NIL|\{(\d+)\}\r\n(.*))\)\r\n", line, re.S)
    assert match is not None, line
    if match[2] is None:
        return None
    assert len(match[3]) == int(match[2])
    return match[3]


WHOLE = PREFIX + NESTED
HEADER = NESTED[: NESTED.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (b"BODY[]", WHOLE),
        (b"RFC822", WHOLE),
        (b"BODY[HEADER]", PREFIX + HEADER),
        (b"RFC822.HEADER", PREFIX + HEADER),
        (b"BODY[TEXT]", NESTED[len(HEADER) :]),
        (b"RFC822.TEXT", NESTED[len(HEADER) :]),
        (b"BODY[1]", b"first"),
        (b"BODY[1.MIME]", b"Content-Type: text/plain\r\nX-Part: 1\r\n\r\n"),
        (b"BODY[1.HEADER]", None),
        (b"BODY[1.TEXT]", None),
        (b"BODY[1.1]", None),
        (b"BODY[2]", b"Subject: inner\r\nFrom: c@example.org\r\n\r\ninner text"),
        (b"BODY[2.MIME]", b"Content-Type: message/rfc822\r\n\r\n"),
        (b"BODY[2.HEADER]", b"Subject: inner\r\nFrom: c@example.org\r\n\r\n"),
        (b"BODY[2.TEXT]", b"inner text"),
        (b"BODY[2.1]", b"inner text"),
        (b"BODY[2.1.MIME]", b"Subject: inner\r\nFrom: c@example.org\r\n\r\n"),
        (b"BODY[2.HEADER.FIELDS (from)]", b"From: c@example.org\r\n\r\n"),
        (b"BODY[2.HEADER.FIELDS.NOT (from)]", b"Subject: inner\r\n\r\n"),
        (b"BODY[2.HEADER.FIELDS (from)]<2.4>", b"om: "),
        (b"BODY[3.1]", b"plain"),
        (b"BODY[3.2]", b"<p>html</p>"),
        (b"BODY[3.2.MIME]", b"Content-Type: text/html\r\n\r\n"),
        (b"BODY[3.TEXT]", None),
        (b"BODY[4.1]", b"deepest"),
        (b"BODY[4.1.MIME]", b"X-Deep: 1\r\n\r\n"),
        (b"BODY[4.HEADER.FIELDS (SUBJECT)]", b"Subject: deep\r\n\r\n"),
        (b"BODY[5]", None),
        (b"BODY[1.2.3.4.5.6.7.8.9]", None),
        (b"BODY[HEADER.FIELDS (SUBJECT)]", b"Subject: folded\r\n over two\r\n\r\n"),
        (b"BODY[HEADER.FIELDS (Nothing)]", b"\r\n"),
        (b"BODY[HEADER.FIELDS (delivered-to from)]", b"Delivered-To: b@example.org\r\nFrom: a@example.org\r\n\r\n"),
        (
            b"BODY[HEADER.FIELDS.NOT (RETURN-PATH CONTENT-TYPE from subject)]",
            b"Delivered-To: b@example.org\r\nX-Odd: 1\r\n\r\n",
        ),
    ],
)
def test_sections(section, expected):
    assert octets(section, NESTED) == expected
    peek = section.replace(b"BODY[", b"BODY.PEEK[")
    assert octets(peek, NESTED) == expected


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (b"BODY[1]", b"one\r\ntwo\r\n"),
        (b"BODY[TEXT]", b"one\r\ntwo\r\n"),
        (b"BODY[1.MIME]", PREFIX + SIMPLE[:-10]),
        (b"BODY[2]", None),
        (b"BODY[1.HEADER]", None),
    ],
)
def test_a_message_that_is_no_multipart_has_one_part(section, expected):
    assert octets(section, SIMPLE) == expected


@pytest.mark.parametrize("section", [b"", b"HEADER", b"TEXT", b"1", b"2.HEADER", b"2.HEADER.FIELDS (subject)"])
@pytest.mark.parametrize("start", [0, 1, 20, 58, 59, 60, 100, 5000, 4294967295])
@pytest.mark.parametrize("length", [1, 40, 4294967295])
def test_partial_is_a_slice_of_the_whole(section, start, length):
    whole = octets(b"BODY[%b]" % section, NESTED)
    assert whole is not None
    part = b"BODY[%b]<%d.%d>" % (section, start, length)
    assert octets(part, NESTED) == whole[start : start + length]
    assert b"]<%d> {" % start in answer(part, NESTED)


def test_partial_reads_only_what_it_sends():
    plan, view = plan_of(b"BODY[]<100.50>"), truth_of(1).open()
    pieces = plan.pieces(view, 1, row_of(NESTED))
    assert pieces is not None
    assert [piece for piece in pieces if not isinstance(piece, bytes)] == [
        BodyCut(100 - len(PREFIX), 150 - len(PREFIX))
    ]
    assert plan.need == set()


def test_items_come_in_the_order_asked():
    line = answer(b"(BODY[1] UID FLAGS RFC822.SIZE INTERNALDATE BODY[HEADER.FIELDS (X-Odd)])", NESTED)
    assert line == (
        b"* 1 FETCH (BODY[1] {5}\r\nfirst UID 1 FLAGS (\\Seen) RFC822.SIZE %d "
        b'INTERNALDATE " 1-Jan-1970 00:00:00 +0000" BODY[HEADER.FIELDS (X-Odd)] {12}\r\nX-Odd: 1\r\n\r\n)\r\n'
        % len(WHOLE)
    )


def test_columns_stand_as_rendered():
    row = row_of(NESTED)
    line = answer(b"(ENVELOPE BODY BODYSTRUCTURE)", NESTED)
    assert line == b"* 1 FETCH (ENVELOPE %b BODY %b BODYSTRUCTURE %b)\r\n" % (row.envelope, row.body, row.bodystructure)


def test_uid_fetch_answers_with_the_uid_once():
    view = truth_of(3).open()
    assert (
        plan_of(b"FLAGS", uid=True).lines(view, view.everything()).startswith(b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n")
    )
    assert plan_of(b"(FLAGS UID)", uid=True).lines(view, view.everything()).count(b"UID") == 3


@pytest.mark.parametrize(
    ("items", "need", "known", "rows", "seen"),
    [
        (b"FLAGS", set(), set(), False, False),
        (b"FAST", set(), set(), True, False),
        (b"FULL", {"envelope", "body"}, {"envelope", "body"}, True, False),
        (b"BODYSTRUCTURE", {"bodystructure"}, {"bodystructure"}, True, False),
        (b"BODY.PEEK[HEADER.FIELDS (To)]", {"header"}, set(), True, False),
        (b"(RFC822.HEADER BODY.PEEK[HEADER.FIELDS (To)])", {"header"}, {"header"}, True, False),
        (b"BODY[HEADER]", {"header"}, {"header"}, True, True),
        (b"BODY[]", set(), set(), True, True),
        (b"RFC822.TEXT", {"parts"}, {"parts"}, True, True),
        (b"BODY.PEEK[1.MIME]", {"parts"}, {"parts"}, True, False),
    ],
)
def test_a_plan_says_what_it_needs(items, need, known, rows, seen):
    plan = plan_of(items)
    assert plan.need == need
    assert plan.need_of(all_known=True) == known
    assert (plan.needs_rows, plan.marks_seen) == (rows, seen)


def test_kept_header_subsets_are_used_and_the_prefix_is_put_before():
    view, plan = truth_of(1).open(), plan_of(b"BODY.PEEK[HEADER.FIELDS (To Delivered-To)]")
    assert list(plan.subsets) == ["DELIVERED-TO TO"]
    row = row_of(SIMPLE)._replace(header=None)
    line = plan.lines(view, view.everything(), [row], {"DELIVERED-TO TO": {1: b"To: kept\r\n"}})
    assert line.endswith(b"{41}\r\nDelivered-To: b@example.org\r\nTo: kept\r\n\r\n)\r\n")


def test_no_two_subsets_share_a_key():
    plans = [plan_of(b"BODY.PEEK[HEADER.FIELDS%b]" % text) for text in (b" (NOT X)", b".NOT (X)", b" (X NOT)", b" (X)")]
    assert [list(plan.subsets) for plan in plans] == [["NOT X"], ["not X"], ["NOT X"], ["X"]]


def test_a_percent_sign_in_a_field_name_is_itself():
    assert (
        answer(b'BODY[HEADER.FIELDS ("X-100%d")]', SIMPLE)
        == b'* 1 FETCH (BODY[HEADER.FIELDS ("X-100%d")] {2}\r\n\r\n)\r\n'
    )


def test_messages_that_are_gone_are_left_out():
    truth = truth_of(4)
    view = truth.open()
    assert truth.info is not None
    truth.apply(Changes(truth.info, (), (FlagState(4, 0, ("$K",), 2),), (2,)))
    lines = plan_of(b"(FLAGS UID)").lines(view, view.everything())
    assert [line.split()[1] for line in lines.splitlines()] == [b"1", b"3", b"4"]
    assert lines.endswith(b"* 4 FETCH (FLAGS ($K) UID 4)\r\n")
    rows = [row_of(SIMPLE, uid=uid) for uid in (2, 4)]
    sizes = plan_of(b"RFC822.SIZE").lines(view, view.everything(), rows)
    assert [line.split()[1] for line in sizes.splitlines()] == [b"4"]
    assert plan_of(b"BODY[]").pieces(view, 2, rows[0]) is None


def test_flags_told_by_a_fetch_are_not_announced_again():
    truth = truth_of(2)
    view = truth.open()
    assert truth.info is not None
    truth.apply(Changes(truth.info, (), (FlagState(1, SEEN | 4, (), 2), FlagState(2, 0, ("$K",), 2)), ()))
    assert truth.flags[1] & KEYWORDED
    selection = view.resolve(SequenceSet.parse("1"), uid=False)
    assert plan_of(b"FLAGS").lines(view, selection) == b"* 1 FETCH (FLAGS (\\Seen \\Flagged))\r\n"
    assert view.drain(False)[-1] == b"* 2 FETCH (FLAGS ($K))\r\n"

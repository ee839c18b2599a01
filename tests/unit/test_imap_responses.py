"""Responses are lines a strict client can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.records import CopyResult
from imap.wire import responses
from imap.wire.dates import internal_date
from imap.wire.lexer import Parser, literal_at_end
from imap.wire.status import Status, bad, no, ok


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (responses.capability(["IMAP4rev1", "IDLE"]), b"* CAPABILITY IMAP4rev1 IDLE\r\n"),
        (responses.enabled([]), b"* ENABLED\r\n"),
        (responses.identity([("name", 'a"b')]), b'* ID ("name" "a\\"b")\r\n'),
        (responses.identity(None), b"* ID NIL\r\n"),
        (responses.namespace(), b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
        (
            responses.list_line("LIST", ["\\HasChildren", "\\Sent"], "Gesendet/ü"),
            b'* LIST (\\HasChildren \\Sent) "/" "Gesendet/&APw-"\r\n',
        ),
        (responses.list_line("LSUB", [], 'a"\\b'), b'* LSUB () "/" "a\\"\\\\b"\r\n'),
        (responses.list_root(), b'* LIST (\\Noselect) "/" ""\r\n'),
        (responses.status("x", [("MESSAGES", 1), ("UNSEEN", 0)]), b'* STATUS "x" (MESSAGES 1 UNSEEN 0)\r\n'),
        (responses.flags(["$A"]), b"* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $A)\r\n"),
        (responses.permanent_flags([], read_only=True), b"* OK [PERMANENTFLAGS ()] Flags kept\r\n"),
        (responses.exists(3), b"* 3 EXISTS\r\n"),
        (responses.expunge(2), b"* 2 EXPUNGE\r\n"),
        (responses.uidnext(9), b"* OK [UIDNEXT 9] Predicted next UID\r\n"),
        (responses.search([]), b"* SEARCH\r\n"),
        (responses.search([2, 9]), b"* SEARCH 2 9\r\n"),
        (responses.flags_fetch(2, b"\\Seen", 7), b"* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n"),
        (responses.continuation(), b"+ OK\r\n"),
        (responses.bye("gone"), b"* BYE gone\r\n"),
        (ok("Done", "READ-WRITE").line("a1"), b"a1 OK [READ-WRITE] Done\r\n"),
        (no("é\r\nx", "TRYCREATE").line("a1"), b"a1 NO [TRYCREATE] ???x\r\n"),
        (bad("").line(), b"* BAD Done\r\n"),
        (Status("BYE", "x" * 600).line(), b"* BYE " + b"x" * 500 + b"\r\n"),
    ],
)
def test_lines(line, expected):
    assert line == expected


def test_response_codes_of_uidplus():
    assert responses.append_uid(7, 9) == "APPENDUID 7 9"
    assert responses.copy_uid(CopyResult(7, (1, 2, 3, 9), (4, 5, 6, 8))) == "COPYUID 7 1:3,9 4:6,8"
    assert responses.copy_uid(CopyResult(7, (), ())) == ""


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, b" 1-Jan-1970 00:00:00 +0000"),
        (1_769_936_401_999_999, b" 1-Feb-2026 09:00:01 +0000"),
        (-1, b"31-Dec-1969 23:59:59 +0000"),
        (-(10**18), b" 1-Jan-0001 22:13:20 +0000"),
        (10**18, b"31-Dec-9999 01:46:40 +0000"),
    ],
)
def test_internal_dates(at, text):
    assert internal_date(at) == text


@given(st.binary())
def test_every_string_can_be_read_again(octets):
    wire = responses.string(octets)
    head, _, rest = wire.partition(b"\r\n")
    literal = literal_at_end(head)
    parts = [head, rest, b""] if literal else [wire]
    assert Parser(parts).string() == octets.replace(b"\0", b"")
    if literal:
        assert literal.size == len(rest)
    assert responses.nstring(None) == b"NIL"


@given(st.binary(max_size=8))
def test_astrings_are_never_nil(octets):
    assert responses.astring(octets).upper() != b"NIL"

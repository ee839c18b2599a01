"""Mailbox names between wire and store: modified UTF-7, INBOX, and the patterns of LIST."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.wire import mutf7
from imap.wire.list_pattern import ListPattern
from imap.wire.mailbox_name import name_of, new_name, wire_name
from imap.wire.status import ImapError


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("INBOX", b"INBOX"),
        ("R&D", b"R&-D"),
        ("&", b"&-"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("😀", b"&2D3eAA-"),
        ("a/😀&é", b"a/&2D3eAA-&-&AOk-"),
    ],
)
def test_modified_utf7(text, wire):
    assert mutf7.encode(text) == wire
    assert mutf7.decode(wire) == text
    assert name_of(wire) == text
    assert wire_name(text) == wire


@pytest.mark.parametrize(
    "wire",
    [
        b"&Jjo",  # open shift
        b"&",
        b"&AOk",
        b"&AO-",  # half a character
        b"&AOl-",  # bits left over
        b"&AOk=-",  # padding
        b"&AO/-",  # the alphabet has a comma
        b"&A Ok-",
        b"&AGEAYg-",  # what must stand for itself
        b"&AOk-&AOk-",  # null shift
        b"&2D0-",  # half a pair
        b"&3gDYPQ-",  # pair the wrong way round
        b"\xc3\xa9",
        b"a\x01b",
        b"a\x7fb",
    ],
)
def test_what_is_no_modified_utf7_is_refused(wire):
    with pytest.raises(mutf7.Utf7Error):
        mutf7.decode(wire)
    with pytest.raises(ImapError) as refused:
        name_of(wire)
    assert (refused.value.kind, refused.value.code) == ("NO", "CANNOT")


def test_a_long_bad_name_costs_no_time():
    with pytest.raises(mutf7.Utf7Error):
        mutf7.decode(b"&Jjo" * 20_000)
    assert len(mutf7.decode(b"&-" * 50_000)) == 50_000


@given(st.text())
def test_every_text_comes_back(text):
    wire = mutf7.encode(text)
    assert re.fullmatch(rb"[\x20-\x7e]*", wire)
    assert mutf7.decode(wire) == text


@given(st.one_of(st.binary(max_size=40), st.text("&-,+/=AOk2D3eQ", max_size=20).map(str.encode)))
def test_no_octets_raise_anything_but_its_error(wire):
    try:
        text = mutf7.decode(wire)
    except mutf7.Utf7Error:
        return
    assert mutf7.encode(text) == wire


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (b"inbox", "INBOX"),
        (b"iNbOx/Sub", "INBOX/Sub"),
        (b"inboxes", "inboxes"),
        (b"a/inbox", "a/inbox"),
        (b"e&AwE-", "é"),  # NFC
        (b"", ""),
    ],
)
def test_names_are_folded(wire, name):
    assert name_of(wire) == name


@pytest.mark.parametrize("wire", [b"&AAo-", b"a&IIUAhQ-"[:0] + b"&AIU-", b"&ICg-", b"x" * 1001, b"&AAA-"])
def test_names_no_mailbox_can_have(wire):
    with pytest.raises(ImapError, match="No mailbox can have that name"):
        name_of(wire)


def test_new_names():
    assert new_name("a/b/") == "a/b"
    for name in ("", "/", "a//b", "/a", "a//", "a*", "a%b", "/".join("a" * 51)):
        with pytest.raises(ImapError) as refused:
            new_name(name)
        assert refused.value.code == "CANNOT"


@pytest.mark.parametrize(
    ("reference", "pattern", "matching", "others"),
    [
        ("", "*", ["INBOX", "a", "a/b/c"], []),
        ("", "%", ["INBOX", "a"], ["a/b"]),
        ("", "a/%", ["a/b", "a/"], ["a", "a/b/c"]),
        ("a/", "%", ["a/b"], ["a", "a/b/c"]),
        ("", "inbox", ["INBOX"], ["INBOX/a"]),
        ("", "iNb*", ["INBOX", "INBOX/a"], ["inboxes"]),
        ("", "inbox/%", ["INBOX/a"], ["INBOX", "INBOX/a/b"]),
        ("", "%/%", ["a/b"], ["a", "a/b/c"]),
        ("", "*%", ["a", "a/b"], []),
        ("", "%*x", ["x", "a/x"], ["a/xy"]),
        ("", "a*b%c", ["abc", "axxbyc", "a/b/bxc"], ["abx/c"]),
        ("", "", [""], ["a"]),
    ],
)
def test_patterns(reference, pattern, matching, others):
    asked = ListPattern(reference, pattern)
    assert [name for name in matching if not asked.matches(name)] == []
    assert [name for name in others if asked.matches(name)] == []


@given(st.text("ab/%*", max_size=10), st.text("ab/", max_size=12))
def test_patterns_match_as_a_plain_expression_does(pattern, name):
    expression = "".join({"*": "(?:.*)", "%": "(?:[^/]*)"}.get(sign, re.escape(sign)) for sign in pattern)
    assert ListPattern("", pattern).matches(name) == (re.fullmatch(expression, name) is not None)


def test_a_hostile_pattern_costs_no_time():
    for pattern in ("%a" * 400 + "b", "*%a*" * 200 + "b", "%" * 900):
        asked = ListPattern("", pattern)
        for _ in range(20):
            asked.matches("a" * 1000)

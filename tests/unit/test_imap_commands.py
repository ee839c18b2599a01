"""Commands are read as RFC 3501 §9 writes them; whatever else comes is BAD or NO, and nothing else happens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.records import ANSWERED, DELETED, SEEN
from imap.wire import arguments as a
from imap.wire import search_key as k
from imap.wire.commands import PARSERS, Command, awaits_message, open_command, parse_command
from imap.wire.fetch_att import Attribute, BodySection
from imap.wire.flags import FLAG_TEXT, RECENT, FlagWords, flag_text
from imap.wire.lexer import Held, Literal, literal_at_end
from imap.wire.sequence_set import SequenceSet
from imap.wire.status import ImapError


def parse(*parts: bytes) -> Command:
    return parse_command(parts)


def arguments(*parts: bytes) -> a.Arguments:
    return parse(*parts).arguments


def refusal(*parts: bytes) -> ImapError:
    with pytest.raises(ImapError) as refused:
        parse(*parts)
    return refused.value


NO_FLAGS = FlagWords(0, ())
ONE = SequenceSet(((1, 1),))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a NOOP", a.Nothing()),
        (b"a noop ", a.Nothing()),
        (b"a ID NIL", a.Id(None)),
        (b"a ID ()", a.Id(())),
        (b'a ID ("name" "x" "os" NIL)', a.Id((("name", "x"), ("os", None)))),
        (b'a LOGIN fred "se\\"cr\\\\et"', a.Login(b"fred", b'se"cr\\et')),
        (b"a LOGIN a]b x", a.Login(b"a]b", b"x")),
        (b'a LOGIN "fr\xc3\xa9d" ""', a.Login("fréd".encode(), b"")),
        (b"a AUTHENTICATE plain", a.Authenticate("PLAIN", None)),
        (b"a AUTHENTICATE PLAIN AGEAYg==", a.Authenticate("PLAIN", b"\0a\0b")),
        (b"a AUTHENTICATE PLAIN =", a.Authenticate("PLAIN", b"")),
        (b"a ENABLE condstore X condstore", a.Enable(("CONDSTORE", "X"))),
        (b"a SELECT iNbOx", a.Mailbox("INBOX")),
        (b'a EXAMINE "Entw&APw-rfe"', a.Mailbox("Entwürfe")),
        (b"a CREATE a/b/", a.Mailbox("a/b")),
        (b"a RENAME a b/", a.Rename("a", "b")),
        (b'a LIST "" ""', a.List("", "")),
        (b"a LIST a/ %", a.List("a/", "%")),
        (b'a LIST (SPECIAL-USE) "" "*"', a.List("", "*", special_use=True)),
        (b'a LIST "" * RETURN (SPECIAL-USE CHILDREN)', a.List("", "*")),
        (b'a LSUB "" inbox*', a.List("", "inbox*")),
        (b"a STATUS x (messages UNSEEN MESSAGES)", a.MailboxStatus("x", ("MESSAGES", "UNSEEN"))),
        (b"a COPY 1 b", a.Copy(ONE, "b", uid=False)),
        (b"a uid move 1 b", a.Copy(ONE, "b", uid=True)),
        (b"a UID EXPUNGE 1", a.UidExpunge(ONE)),
        (b"a STORE 1 FLAGS ()", a.Store(ONE, "replace", False, NO_FLAGS, uid=False)),
        (b"a STORE 1 -flags.silent $A $a", a.Store(ONE, "remove", True, FlagWords(0, ("$A",)), uid=False)),
        (
            b"a UID STORE 1 +FLAGS (\\SEEN \\deleted Foo)",
            a.Store(ONE, "add", False, FlagWords(SEEN | DELETED, ("Foo",)), uid=True),
        ),
        (b"a FETCH 1 fast", a.Fetch(ONE, tuple(map(Attribute, ("FLAGS", "INTERNALDATE", "RFC822.SIZE"))), uid=False)),
        (b"a UID FETCH 1 (uid FLAGS uid)", a.Fetch(ONE, (Attribute("UID"), Attribute("FLAGS")), uid=True)),
        (b"a FETCH 1 rfc822.text", a.Fetch(ONE, (BodySection(b"RFC822.TEXT", False, text="TEXT"),), uid=False)),
    ],
)
def test_commands(line, expected):
    assert arguments(line) == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (b"BODY[]", BodySection(b"BODY[]", False)),
        (b"body.peek[]", BodySection(b"BODY[]", True)),
        (b"BODY[]<0.5>", BodySection(b"BODY[]<0>", False, partial=(0, 5))),
        (b"BODY[1.2.mime]", BodySection(b"BODY[1.2.MIME]", False, (1, 2), "MIME")),
        (b"BODY[3.header]", BodySection(b"BODY[3.HEADER]", False, (3,), "HEADER")),
        (
            b'BODY.PEEK[2.HEADER.FIELDS.NOT (from "to" From)]<7.1>',
            BodySection(
                b"BODY[2.HEADER.FIELDS.NOT (from to From)]<7>",
                True,
                (2,),
                "HEADER.FIELDS.NOT",
                (b"FROM", b"TO"),
                (7, 1),
            ),
        ),
    ],
)
def test_body_sections(item, expected):
    found = arguments(b"a FETCH 1 (%b)" % item)
    assert isinstance(found, a.Fetch)
    assert found.items == (expected,)
    assert arguments(b"a FETCH 1 %b" % item) == found


@pytest.mark.parametrize(
    "item",
    [
        *(b"BODY[]<0.0>", b"BODY[]<1>", b"BODY[]<.5>", b"BODY[]<4294967296.1>", b"BODY[]<0.5", b"BODY[", b"BODY[MIME]"),
        *(b"BODY[0]", b"BODY[1.]", b"BODY[.1]", b"BODY[1.0]", b"BODY[01]", b"BODY[1..2]", b"BODY[HEADER.FIELDS]"),
        *(b"BODY[HEADER.FIELDS ()]", b'BODY[HEADER.FIELDS ("a b")]', b'BODY[HEADER.FIELDS ("")]', b"BODY[HEADER.1]"),
        *(b"BODY[HEADER.FIELDS (a:b)]", b"BODY [] ", b"BODY.PEEK", b"BODYX", b"()", b"(FLAGS", b"(FLAGS)UID", b"(ALL)"),
        *(b"RFC822.FOO", b"BODY[TEXT]<0.5>x", b"BODY[" + b"1." * 300 + b"1]", b"FLAGS UID", b"BINARY[1]", b"PREVIEW"),
    ],
)
def test_what_is_no_item_is_bad(item):
    error = refusal(b"t FETCH 1 " + item)
    assert (error.kind, error.tag) == ("BAD", "t")


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"a",
            b"a ",
            b"a  NOOP",
            b"a NOOP x",
            b"a UID",
            b"a UID NOOP",
            b"a UID  FETCH 1 UID",
            b"a XYZZY",
            b"a LOGIN x",
        ),
        *(b"a LOGIN x y z", b'a LOGIN "x y', b"a LOGIN x\ty", b'a LOGIN "a\\b" x', b"a LOGIN {1}", b"a SELECT a b"),
        *(b"a SELECT a (CONDSTORE)", b"a CREATE a (USE (\\Sent))", b'a LIST ""', b'a LIST "" (a b)', b"a LIST a{ b"),
        *(b'a LIST (SUBSCRIBED) "" *', b'a LIST "" * RETURN (STATUS)', b"a STATUS a ()", b"a STATUS a (SIZE)"),
        *(b"a STATUS a MESSAGES", b"a STORE 1 FLAGS \\Recent", b"a STORE 1 FLAGS (\\Foo)", b"a STORE 1 FLAGS", b"a ID"),
        *(
            b"a STORE 1 FLAG ()",
            b"a STORE 1 +-FLAGS ()",
            b"a STORE 0 FLAGS ()",
            b"a COPY 1",
            b"a FETCH 1",
            b"a FETCH x UID",
        ),
        *(b"a AUTHENTICATE PLAIN !!", b"a AUTHENTICATE PLAIN A", b"a AUTHENTICATE PLAIN AA==x", b"a UID EXPUNGE"),
        *(b'a ID ("a")', b"a ID (a b)", b"a ENABLE", b"a APPEND x", b"a APPEND x y", b"a APPEND x () ", b"a SEARCH"),
        *(b"a SEARCH FOO", b"a SEARCH (", b"a SEARCH ()", b"a SEARCH NOT", b"a SEARCH OR SEEN", b"a SEARCH FROM"),
        *(b"a SEARCH SINCE 31-Feb-2026", b"a SEARCH ON 1-1-2026", b"a SEARCH LARGER x", b"a SEARCH LARGER 4294967296"),
        *(
            b"a SEARCH KEYWORD \\Seen",
            b"a SEARCH CHARSET UTF-8",
            b"a SEARCH SEEN  SEEN",
            b"a SEARCH SEENx",
            b"a SEARCH 0",
        ),
        b"a SEARCH " + b"NOT " * 101 + b"SEEN",
        b"a SEARCH " + b"(" * 101 + b"SEEN" + b")" * 101,
        b"a SEARCH " + b"SEEN " * 2001 + b"SEEN",
    ],
)
def test_what_is_no_command_is_bad(line):
    error = refusal(line)
    assert (error.kind, error.tag) == ("BAD", "a")
    assert error.line().startswith(b"a BAD ")


@pytest.mark.parametrize("line", [b"", b" ", b"+ NOOP", b"* NOOP", b"\x80 NOOP", b"(a NOOP", b"t" * 101 + b" NOOP"])
def test_without_a_tag_the_answer_is_untagged(line):
    assert refusal(line).line().startswith(b"* BAD ")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"a SELECT &Jjo", "CANNOT"),
        (b"a CREATE a//b", "CANNOT"),
        (b'a CREATE "&AAo-"', "CANNOT"),
        (b"a SEARCH CHARSET x TEXT y", "BADCHARSET (UTF-8 US-ASCII)"),
        (b"a STORE 1 FLAGS (" + b" ".join(b"k%d" % n for n in range(65)) + b")", "LIMIT"),
        (b"a STORE 1 FLAGS " + b"k" * 101, "LIMIT"),
    ],
)
def test_what_cannot_be_done_is_no(line, code):
    error = refusal(line)
    assert (error.kind, error.code, error.tag) == ("NO", code, "a")


def test_literals_stand_where_strings_do():
    assert arguments(b"a LOGIN {4}", b"fr d", b" {0+}", b"", b"") == a.Login(b"fr d", b"")
    assert arguments(b"a SELECT {5}", b"inbox", b"") == a.Mailbox("INBOX")
    assert refusal(b"a LOGIN {1}", b"\0", b" x").kind == "BAD"
    assert refusal(b"a LOGIN ~{1}", b"a", b" x").kind == "BAD"
    assert refusal(b"a LOGIN {1}", b"a", b"x y").kind == "BAD"
    assert refusal(b"a NOOP {1}", b"a", b"").kind == "BAD"
    assert refusal(b"a LOGIN {9}", Held(9, None), b" x").kind == "BAD"


@pytest.mark.parametrize(
    ("head", "flags", "date"),
    [
        (b"a APPEND x {3}", NO_FLAGS, None),
        (b"a APPEND x (\\Answered $A \\Recent) {3+}", FlagWords(ANSWERED, ("$A",), True), None),
        (b'a APPEND x " 1-Jan-1970 01:00:01 +0100" {3}', NO_FLAGS, 1_000_000),
        (b'a APPEND x () "01-jan-1970 00:00:00 -0001" {3}', NO_FLAGS, 60_000_000),
    ],
)
def test_append(head, flags, date):
    assert awaits_message([head])
    assert arguments(head, b"a\0b", b"") == a.Append("x", flags, date, b"a\0b")
    held = Held(3, "spool")
    found = parse_command([head, held, b""]).arguments
    assert isinstance(found, a.Append)
    assert found.message is held


@pytest.mark.parametrize(
    "parts",
    [
        [b"a APPEND {1}"],
        [b"a LOGIN {1}"],
        [b"a APPEND x (\\Foo) {1}"],
        [b"a APPEND x ({1}"],
        [b"a APPEND x {1}", b"a", b" {1}"],
        [b"{1}"],
        [],
    ],
)
def test_other_literals_are_no_message(parts):
    assert not awaits_message(parts)


def test_a_message_may_follow_a_mailbox_literal():
    assert awaits_message([b"a APPEND {1}", b"x", b" {3}"])


@pytest.mark.parametrize(
    "date",
    [
        *(b"1-Jan-1970", b"32-Jan-1970 00:00:00 +0000", b"29-Feb-1970 00:00:00 +0000", b"01-Jan-1970 24:00:00 +0000"),
        *(
            b"01-Jan-1970 00:00:00 +0060",
            b"01-Jan-1970 00:00:00",
            b"01-Foo-1970 00:00:00 +0000",
            b"01-Jan-0000 00:00:00 +0000",
        ),
    ],
)
def test_what_is_no_moment_is_bad(date):
    assert refusal(b'a APPEND x "%b" {1}' % date, b"m", b"").kind == "BAD"


@pytest.mark.parametrize(
    ("line", "literal"),
    [
        (b"a {3}", Literal(3, sync=True)),
        (b"a {3+}", Literal(3, sync=False)),
        (b"a ~{3}", Literal(3, sync=True, binary=True)),
        (b"{0}", Literal(0, sync=True)),
        (b"a {" + b"9" * 5000 + b"}", Literal(1 << 63, sync=True)),
        (b"a {3} ", None),
        (b"a {}", None),
        (b"a {-1}", None),
        (b"a {3-}", None),
        (b'a "{3}"', None),
        (b"", None),
    ],
)
def test_a_literal_is_told_by_the_end_of_the_line(line, literal):
    assert literal_at_end(line) == literal


def test_a_long_chain_of_or_is_no_deep_tree():
    found = arguments(b"a SEARCH " + b"OR SEEN " * 500 + b"DELETED")
    assert isinstance(found, a.Search)
    assert isinstance(found.key, k.Or)
    assert len(found.key.keys) == 501


def test_the_deepest_search_is_read():
    arguments(b"a SEARCH " + b"NOT " * 100 + b"SEEN")
    arguments(b"a SEARCH " + b"(" * 100 + b"SEEN" + b")" * 100)


def test_secrets_are_in_no_repr():
    assert "hunter" not in repr(parse(b"a LOGIN x hunter2"))
    assert "hunter" not in repr(a.Authenticate("PLAIN", b"\0x\0hunter2"))


def test_a_dispatcher_can_read_the_name_first():
    opened = open_command([b"t uid Fetch nonsense"])
    assert (opened.tag, opened.name) == ("t", "UID FETCH")
    assert opened.name in PARSERS
    assert open_command([b"t FOO"]).name not in PARSERS


@pytest.mark.parametrize(
    ("bits", "keywords", "text"),
    [
        (0, (), b""),
        (31, (), b"\\Seen \\Answered \\Flagged \\Deleted \\Draft"),
        (SEEN | RECENT, ("$A", "b"), b"\\Seen \\Recent $A b"),
        (0, ("a",), b"a"),
    ],
)
def test_flag_text(bits, keywords, text):
    assert flag_text(bits, keywords) == text
    assert len(FLAG_TEXT) == 256


WORDS = st.sampled_from(
    (
        *(
            b"UID",
            b"FETCH",
            b"STORE",
            b"SEARCH",
            b"LIST",
            b"APPEND",
            b"LOGIN",
            b"STATUS",
            b"ID",
            b"NIL",
            b"OR",
            b"NOT",
            b"a",
        ),
        *(
            b"FLAGS",
            b"+FLAGS",
            b"(",
            b")",
            b"BODY[",
            b"BODY.PEEK[",
            b"]",
            b"<0.1>",
            b"HEADER.FIELDS",
            b"1:*",
            b"1.2",
            b"MIME",
        ),
        *(
            b'"',
            b'""',
            b"\\Seen",
            b"\\",
            b"{1}",
            b"{1+}",
            b"~{2}",
            b"&AOk-",
            b"&",
            b"\xff",
            b"\0",
            b"1-Jan-2026",
            b"SINCE",
        ),
        *(
            b"CHARSET",
            b"UTF-8",
            b"TEXT",
            b"HEADER",
            b"RETURN",
            b"AUTHENTICATE",
            b"PLAIN",
            b"=",
            b"RENAME",
            b"SPECIAL-USE",
        ),
    )
)
LINES = st.one_of(
    st.lists(st.one_of(WORDS, st.just(b" "), st.just(b" "), st.binary(max_size=3)), max_size=20).map(b"".join),
    st.lists(WORDS, max_size=12).map(b" ".join),
    st.binary(max_size=40),
)


@settings(max_examples=400)
@given(st.lists(LINES, min_size=1, max_size=5), st.sampled_from(sorted(PARSERS)))
def test_no_octets_raise_anything_but_its_error(parts, name):
    for line in (parts, [b"t " + name.encode() + b" " + parts[0], *parts[1:]]):
        awaits_message(line)
        for part in line:
            literal_at_end(part)
        error = outcome(line)
        assert error is None or (error.line().endswith(b"\r\n") and error.line().count(b"\n") == 1)
        assert error is None or error.line().isascii()


def outcome(parts: list[bytes]) -> ImapError | None:
    try:
        assert parse_command(parts).name in PARSERS
    except ImapError as error:
        return error
    return None

"""Address fields as lists of mailboxes, from tidy to hopeless."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.mailbox_list import GROUP_END, MAX_ENTRIES, Entry, parse_mailbox_list


def mailbox(name: bytes | None, local: bytes, host: bytes, route: bytes | None = None) -> Entry:
    return Entry(name, route, local, host)


def group(name: bytes) -> Entry:
    return Entry(None, None, name, None)


A = mailbox(None, b"a", b"b.example")
C = mailbox(None, b"c", b"d.example")


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        (b"", []),
        (b" , ,, ", []),
        (b"<>", []),
        (b"(only a comment)", []),
        (b"a@b.example", [A]),
        (b"<a@b.example>", [A]),
        (b"a@b.example,c@d.example", [A, C]),
        (b"a@b.example, , c@d.example,", [A, C]),
        (b"a@b.example; c@d.example", [A, C]),
        (b" a @ b.example ", [A]),
        (b"a . b@c.example", [mailbox(None, b"a.b", b"c.example")]),
        (b"Anna Berg a@b.example", [mailbox(None, b"Anna Berg a", b"b.example")]),
        (b"Anna <a@b.example>", [mailbox(b"Anna", b"a", b"b.example")]),
        (b"Anna B. Berg <a@b.example>", [mailbox(b"Anna B. Berg", b"a", b"b.example")]),
        (b'"Berg, Anna" <a@b.example>', [mailbox(b"Berg, Anna", b"a", b"b.example")]),
        (b'"An\\"na" "Berg" <a@b.example>', [mailbox(b'An"na Berg', b"a", b"b.example")]),
        (b'"Anna <a@b.example>, c@d.example', [mailbox(None, b"Anna <a@b.example>, c@d.example", b"")]),
        (b"=?utf-8?Q?Berg,_(Anna)?= <a@b.example>", [mailbox(b"=?utf-8?Q?Berg,_(Anna)?=", b"a", b"b.example")]),
        (b"a@b.example (Anna)", [mailbox(b"Anna", b"a", b"b.example")]),
        (b"a@b.example (Anna (B))", [mailbox(b"Anna (B)", b"a", b"b.example")]),
        (b"a@b.example (Anna", [mailbox(b"Anna", b"a", b"b.example")]),
        (b"(x) Anna (y) <a@b.example> (z)", [mailbox(b"Anna", b"a", b"b.example")]),
        (b"<a(comment)@b.example>", [A]),
        (b'"odd local"@b.example', [mailbox(None, b"odd local", b"b.example")]),
        (b'<"a@b"@c.example>', [mailbox(None, b"a@b", b"c.example")]),
        (b"a@[192.0.2.1]", [mailbox(None, b"a", b"[192.0.2.1]")]),
        (b"<a@[IPv6:2001:db8::1]>", [mailbox(None, b"a", b"[IPv6:2001:db8::1]")]),
        (b"a@b.example <c@d.example>", [mailbox(b"a@b.example", b"c", b"d.example")]),
        (b"<@r.example:a@b.example>", [mailbox(None, b"a", b"b.example", b"@r.example")]),
        (b"X <@r.example,@s.example:a@b.example>", [mailbox(b"X", b"a", b"b.example", b"@r.example,@s.example")]),
        (b"root", [mailbox(None, b"root", b"")]),
        (b"Anna Berg", [mailbox(None, b"Anna Berg", b"")]),
        (b"Anna <root>", [mailbox(b"Anna", b"root", b"")]),
        (b"Anna <>", [mailbox(b"Anna", b"", b"")]),
        (b"a@b@c.example", [mailbox(None, b"a", b"b@c.example")]),
        (b"@b.example", [mailbox(None, b"", b"b.example")]),
        (b"<a@b.example", [A]),
        (b"<a@b.example, c@d.example>", [A, C]),
        (b"<<a@b.example>>", [A]),
        (b"\xfcber <a@b.example>", [mailbox(b"\xfcber", b"a", b"b.example")]),
        (b"undisclosed-recipients:;", [group(b"undisclosed-recipients"), GROUP_END]),
        (
            b"Two Friends: a@b.example, X <c@d.example>;",
            [group(b"Two Friends"), A, mailbox(b"X", b"c", b"d.example"), GROUP_END],
        ),
        (b"G:a@b.example;, c@d.example", [group(b"G"), A, GROUP_END, C]),
        (b"G: a@b.example", [group(b"G"), A, GROUP_END]),
        (b"G: H: a@b.example;", [group(b"G"), mailbox(None, b"H a", b"b.example"), GROUP_END]),
    ],
)
def test_a_field_becomes_its_mailboxes_and_groups(value: bytes, entries: list[Entry]) -> None:
    assert parse_mailbox_list(value) == entries


def test_a_list_has_an_end() -> None:
    assert len(parse_mailbox_list(b"a@b.example," * 10_000)) == MAX_ENTRIES
    assert len(parse_mailbox_list(b"a," * 10_000)) == MAX_ENTRIES


@settings(max_examples=200)
@given(st.one_of(st.binary(), st.text('ab<>@,:;()[]"\\ =?qQ_', max_size=60).map(str.encode)))
def test_any_bytes_give_entries_that_an_envelope_can_hold(value: bytes) -> None:
    depth = 0
    for entry in parse_mailbox_list(value):
        if entry.host is None:
            assert (entry.name, entry.route) == (None, None)
            depth += 1 if entry.mailbox is not None else -1
            assert depth in (0, 1)
        else:
            assert entry.mailbox is not None
    assert depth == 0


NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20).map(str.strip).filter(bool)


@settings(max_examples=100)
@given(st.lists(st.tuples(NAMES, st.from_regex(r"[a-z]{1,9}", fullmatch=True)), max_size=5))
def test_a_list_as_it_should_be_written_is_read_back(people: list[tuple[str, str]]) -> None:
    written = ", ".join(
        '"' + name.replace("\\", "\\\\").replace('"', '\\"') + f'" <{local}@b.example>' for name, local in people
    )
    expected = [mailbox(name.encode(), local.encode(), b"b.example") for name, local in people]
    assert parse_mailbox_list(written.encode()) == expected

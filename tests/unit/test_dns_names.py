"""Names before they are asked: what is taken, what is not, and that the wire form always fits."""

import dns.name
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.dns.exchange import question
from appliance.dns.names import BadName, check_name

LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("example.test", "example.test"),
        ("Example.TEST.", "example.test"),
        ("_dmarc.example.test", "_dmarc.example.test"),
        ("localhost", "localhost"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a+b=c@d/e.test", "a+b=c@d/e.test"),
        ("*.test", "*.test"),
        ('"$(;.test', '"$(;.test'),
        ("1.2.0.192.in-addr.arpa", "1.2.0.192.in-addr.arpa"),
        ("x" * 63 + ".test", "x" * 63 + ".test"),
        (LONGEST, LONGEST),
        (LONGEST + ".", LONGEST),
    ],
)
def test_names_that_are_taken(text: str, name: str) -> None:
    assert check_name(text) == name
    assert question(name, "A").question[0].name.to_wire()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no label"),
        (".", "is no label"),
        ("..", "is no label"),
        (".a.test", "is no label"),
        ("a..test", "is no label"),
        ("a.test..", "is no label"),
        ("x" * 64 + ".test", "1 to 63"),
        (LONGEST + "d", "254 octets long; allowed are 253"),
        ("a" * 100_000, "100000 octets long"),
        ("exa\\mple.test", "without backslash"),
        ("a b.test", "is no label"),
        ("a\tb.test", "is no label"),
        ("a\n.test", "'a\\n' is no label"),
        ("a\0.test", "is no label"),
        ("a\x7f.test", "is no label"),
        ("bücher.test", "A-labels"),
        ("a\u3002test", "A-labels"),
        ("\udcff.test", "A-labels"),
    ],
)
def test_names_that_are_not(text: str, words: str) -> None:
    with pytest.raises(BadName) as caught:
        check_name(text)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300) | st.text("ab.\\ -_*", max_size=300))
def test_any_text_is_refused_or_can_be_asked_as_it_stands(text: str) -> None:
    try:
        name = check_name(text)
    except BadName:
        return
    assert check_name(name) == name
    asked = question(name, "A").question[0].name
    assert asked.is_absolute()
    assert sum(len(label) + 1 for label in asked.labels) <= 255
    assert b".".join(asked.labels[:-1]).decode("ascii") == name == text.removesuffix(".").lower()
    assert asked != dns.name.root

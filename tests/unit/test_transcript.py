"""The transcript: lines with their times, bounded, nothing in it that could steer a terminal or forge a line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.transcript import LIMIT, MAX_LINE, OURS, PEER, REMARK, Transcript, escaped

START = 1_700_000_000_000_000


def test_each_line_has_its_time_and_its_speaker():
    transcript = Transcript(START)
    assert not transcript
    assert transcript.text == ""
    transcript.add(START, OURS, "220 mx.test ESMTP")
    transcript.add(START + 12_345_678, PEER, b"EHLO client.example")
    transcript.add(START + 12_400_000, REMARK, "TLS: alert unknown ca")
    assert transcript
    assert transcript.text == (
        "+0.000 > 220 mx.test ESMTP\n+12.346 < EHLO client.example\n+12.400 * TLS: alert unknown ca\n"
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("plain", "plain"),
        ("grüße", "grüße"),
        ("a\rb\nc\td", "a\\rb\\nc\\td"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("back\\slash", "back\\\\slash"),
        ("nul\0", "nul\\x00"),
        ("\u2028 \u202e", "\\u2028 \\u202e"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"\\xff \xe9t\xc3\xa9", "\\\\xff \\xe9té"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_come_escaped(said, kept):
    transcript = Transcript(START)
    transcript.add(START, PEER, said)
    assert transcript.text == f"+0.000 < {kept}\n"


def test_a_long_line_is_cut_and_says_so():
    transcript = Transcript(START)
    transcript.add(START, PEER, b"x" * 200_000)
    transcript.add(START, PEER, "y" * 5000)
    first, second = transcript.text.splitlines()
    assert first.endswith("(200000 bytes in all)") or "characters in all" in first
    assert second.endswith("(5000 characters in all)")
    assert max(len(first), len(second)) <= MAX_LINE + 20


def test_head_and_tail_stay_and_the_middle_is_counted():
    transcript = Transcript(START, limit=1080)
    for number in range(1000):
        transcript.add(START, PEER, f"NOOP {number}")
    lines = transcript.text.splitlines()
    assert lines[0] == "+0.000 < NOOP 0"
    assert lines[-1] == "+0.000 < NOOP 999"
    [middle] = [line for line in lines if "left out" in line]
    assert middle == f"({transcript.left_out} lines left out)"
    assert len(lines) - 1 + transcript.left_out == 1000
    assert len(transcript.text.encode()) <= 1080


def test_a_short_line_after_the_head_was_full_is_not_put_before_what_came_earlier():
    transcript = Transcript(START, limit=280)
    transcript.add(START, PEER, "a" * 60)
    transcript.add(START, PEER, "b" * 60)
    transcript.add(START, PEER, "c")
    assert [line[9:10] for line in transcript.text.splitlines()] == ["a", "b", "c"]


@settings(max_examples=100)
@given(st.lists(st.text() | st.binary(max_size=3000), max_size=60))
def test_whatever_is_said_the_text_is_bounded_and_clean(said):
    transcript = Transcript(START, limit=2048)
    for text in said:
        transcript.add(START, PEER, text)
    text = transcript.text
    assert len(text.encode()) <= 2048
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") <= len(said) + 1


@given(st.text(max_size=2 * MAX_LINE))
def test_an_escaped_line_is_printable_and_bounded(text):
    assert escaped(text).isprintable()
    assert len(escaped(text)) <= MAX_LINE


def test_the_default_is_sixteen_kibibytes():
    transcript = Transcript(START)
    for number in range(2000):
        transcript.add(START, OURS, f"{number} " + "é" * 40)
    assert 15_000 < len(transcript.text.encode()) <= LIMIT == 16 * 1024

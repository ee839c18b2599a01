"""Numbers, times and pictures for people."""

import xml.etree.ElementTree as ET

import pytest

from admin.charts import Bar, bars, meter
from admin.words import agent_text, ago_text, iso_text, number_text, plural, size_text, utc_text

SECOND = 1_000_000
NOW = 1_790_000_000 * SECOND


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "no limit"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1536, "1.5 kB"),
        (102_400, "100 kB"),
        (5 << 30, "5.0 GB"),
        (4 << 60, "4096 PB"),
        (-2048, "-2.0 kB"),
    ],
)
def test_sizes(size, text):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (90_000, "1 day ago"),
        (86_400 * 400, "400 days ago"),
        (-30, "in a moment"),
        (-86_400 * 3, "in 3 days"),
    ],
)
def test_how_long_ago(seconds, text):
    assert ago_text(NOW - seconds * SECOND, NOW) == text


def test_absolute_times_and_numbers():
    assert (utc_text(NOW), iso_text(NOW)) == ("2026-09-21 14:13:20 UTC", "2026-09-21T14:13:20Z")
    assert (number_text(20_000), plural(1, "mailbox", "mailboxes")) == ("20\u202f000", "1 mailbox")
    assert plural(0, "mailbox", "mailboxes") == "0 mailboxes"


def test_bars_are_sound_svg_with_a_title_each_and_nothing_inline():
    data = [Bar("<1>", 'in "5" & 2', (5, 2, 0)), Bar("2", "none", (0, 0, 0)), Bar("3", "one", (1,))]
    drawn = ET.fromstring(str(bars(data, every=2)))
    assert [one.text for one in drawn.iter("title")] == ['in "5" & 2', "none", "one"]
    assert [one.text for one in drawn.iter("text")] == ["<1>", "3"]
    heights = [
        float(one.attrib["height"]) for one in drawn.iter("rect") if one.attrib.get("class", "").startswith("bar")
    ]
    assert heights == [pytest.approx(91.4, 0.01), pytest.approx(36.6, 0.01), pytest.approx(18.3, 0.01)]
    assert "style" not in str(bars(data))


def test_little_is_still_seen_and_nothing_is_nothing():
    assert 'height="1.5"' in bars([Bar("a", "a", (1_000_000,)), Bar("b", "b", (1,))])
    assert bars([]) == ""


@pytest.mark.parametrize(
    ("used", "limit", "drawn"),
    [(1, None, ""), (50, 100, 'class="bar" width="50.0"'), (99, 100, 'class="bar full"'), (300, 100, 'width="100.0"')],
)
def test_a_meter(used, limit, drawn):
    assert drawn in meter(used, limit)
    assert bool(meter(used, limit)) == bool(drawn)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("python-httpx/0.28", "python-httpx/0.28"),
        ("", "Unknown program"),
    ],
)
def test_a_browser_is_named_by_what_it_says(agent: str, words: str) -> None:
    assert agent_text(agent) == words

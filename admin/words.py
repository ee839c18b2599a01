"""Numbers and times as people read them. Times are UTC microseconds."""

import datetime

SECOND = 1_000_000
_BROWSERS = (("Firefox/", "Firefox"), ("Edg", "Edge"), ("OPR/", "Opera"), ("Chrom", "Chrome"), ("Safari/", "Safari"))
"""What a browser says of itself, the more particular first: most also say that they are others."""
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)  # fmt: skip
_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size_text(size: int | None) -> str:
    """Bytes in units of 1024, such as "4.1 GB"; None is no limit."""
    if size is None:
        return "no limit"
    number, unit = float(size), 0
    while abs(number) >= 999.5 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 or abs(number) >= 99.95 else f"{number:.1f} {_UNITS[unit]}"


def number_text(number: int) -> str:
    """With thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def plural(number: int, noun: str, nouns: str = "") -> str:
    """As in "1 mailbox", "3 mailboxes"."""
    return f"{number_text(number)} {noun if number == 1 else nouns or noun + 's'}"


def ago_text(at: int, now: int) -> str:
    """How long ago, or in how long, in one unit."""
    seconds = abs(now - at) // SECOND
    for length, unit in _STEPS:
        if seconds >= length:
            words = plural(seconds // length, unit)
            return f"{words} ago" if at <= now else f"in {words}"
    return "just now" if at <= now else "in a moment"


def agent_text(agent: str) -> str:
    """A browser and its system, of what it says of itself; or the beginning of that."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return agent[:40] or "Unknown program"


def utc_text(at: int) -> str:
    """As in "2026-11-24 10:00:00 UTC"."""
    return _moment(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso_text(at: int) -> str:
    """As in "2026-11-24T10:00:00Z", for machines."""
    return _moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(at: int) -> datetime.datetime:
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=at // SECOND)

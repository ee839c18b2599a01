"""What a value may be: readers of one TOML value, or of the text of an environment variable.

Each reader takes anything TOML can hold and returns the value as `Settings` keeps it, or raises
ValueError. The words that say what is allowed stand beside it (`Kind.allowed`).
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

MAX_NUMBER = 2**63 - 1
"""Largest size and count: what the database can hold."""
MAX_SECONDS = 366 * 86_400
"""Longest duration: a leap year."""
MAX_TEXT = 4096
"""Longest text value; the longest path of Linux."""
_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{letter}b": 1000**n for n, letter in enumerate("kmgt", 1)}
_UNITS |= {f"{letter}ib": 1024**n for n, letter in enumerate("kmgt", 1)}
_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,6})?) ?([a-z]{0,3})", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([smhd]?)")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LISTENER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")
_MAILBOX = re.compile(r"[!-?A-~]{1,64}@([A-Za-z0-9.-]{1,253})")


class Kind(msgspec.Struct, frozen=True):
    """A kind of value: its name, what is allowed in words, its reader, and how environment text becomes TOML."""

    name: str
    allowed: str
    read: Callable[[object], object]
    from_text: Callable[[str], object] = lambda text: text


def parse_size(value: object) -> int:
    """Bytes from an integer or from text such as "20MiB", "50MB" or "1.5 GiB" (powers of 1024 with an i, else 1000).

    Raises ValueError when it is neither, negative or beyond 2^63-1.
    """
    size = _integer(value) if not isinstance(value, str) else None
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        unit = _UNITS.get(found[2].lower())
        size = None if unit is None else int(Decimal(found[1]) * unit)
    if size is None or not 0 <= size <= MAX_NUMBER:
        raise ValueError(f"not a size: {value!r:.60}")
    return size


def parse_duration(value: object) -> float:
    """Seconds from a number or from text such as "10m" (s, m, h, d). Raises ValueError when it is neither."""
    seconds: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds is None or not math.isfinite(seconds) or not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"not a duration: {value!r:.60}")
    return float(seconds)


def parse_listener(text: object) -> tuple[str, int]:
    """Address and port of `127.0.0.1:25` or `[::1]:25`; names are not looked up. Raises ValueError."""
    found = _LISTENER.fullmatch(_text(text))
    if found is None:
        raise ValueError(f"not address:port: {text!r:.60}")
    address = ip_address(found[1] or found[2])
    if isinstance(address, IPv6Address) != bool(found[1]) or int(found[3]) > 65_535:
        raise ValueError(f"not address:port: {text!r:.60}")
    return str(address), int(found[3])


def parse_hostname(value: object) -> str:
    """A host name in lower case (RFC 1123 §2.1): labels of letters, digits and hyphens, the last not all digits."""
    name = _text(value).lower()
    labels = name.split(".")
    if len(name) > 253 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"not a host name: {value!r:.60}")
    return name


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError("not a line of text")
    return value


def _count(value: object) -> int:
    number = _integer(value)
    if number is None or not 0 <= number <= MAX_NUMBER:
        raise ValueError("not a count")
    return number


def _positive_size(value: object) -> int:
    if size := parse_size(value):
        return size
    raise ValueError("not a size above 0")


def _reserve(value: object) -> int | None:
    return None if value == "" else parse_size(value)


def _optional_hostname(value: object) -> str:
    return "" if value == "" else parse_hostname(value)


def _mailbox(value: object) -> str:
    text = _text(value)
    if not text:
        return text
    found = _MAILBOX.fullmatch(text)
    if found is None:
        raise ValueError("not a mailbox")
    return f"{text.rpartition('@')[0]}@{parse_hostname(found[1])}"


def _each(value: object, read: Callable[[str], object]) -> tuple[str, ...]:
    """The texts of a list, each of which `read` accepts. The text stays as written."""
    if not isinstance(value, list | tuple):
        raise ValueError("not a list")
    for item in value:
        read(_text(item))
    if len(set(value)) != len(value):
        raise ValueError("named twice")
    return tuple(value)


def _choice(*words: str) -> Callable[[object], object]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError("not a choice")
        return value

    return read


def _split(text: str) -> object:
    """A list from environment text: TOML's own syntax, or words with commas between."""
    return [word.strip() for word in text.split(",")] if text.strip() else []


def _number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return text


HOSTNAME = Kind("host name", 'a host name such as "mail.example.org", or ""', _optional_hostname)
MAILBOX = Kind("mailbox", 'a mailbox such as "postmaster@example.org", or ""', _mailbox)
PATH = Kind("path", 'the path of a file or directory, or ""', _text)
SIZE = Kind("size", 'bytes above 0 as an integer or as text such as "20MiB" or "50MB"', _positive_size, _number)
SIZE_OR_NONE = Kind("size", 'bytes as an integer or as text such as "20MiB" (0 is unlimited)', parse_size, _number)
RESERVE = Kind("size", 'bytes as an integer or as text such as "2GiB", or ""', _reserve, _number)
DURATION = Kind("duration", 'seconds as a number, or text such as "10m" (s, m, h, d)', parse_duration, _number)
COUNT = Kind("count", "an integer of 0 or more", _count, _number)
LOG_LEVEL = Kind("choice", '"debug", "info", "warning" or "error"', _choice("debug", "info", "warning", "error"))
PRIVACY = Kind("choice", '"full", "no-subjects" or "metadata"', _choice("full", "no-subjects", "metadata"))
TLS_VERSION = Kind("choice", '"1.2" or "1.3"', _choice("1.2", "1.3"))
LISTENERS = Kind(
    "listeners",
    'a list of different "address:port", such as "127.0.0.1:2525" or "[::1]:2525"',
    lambda value: _each(value, parse_listener),
    _split,
)
ADDRESSES = Kind(
    "addresses",
    'a list of different IP addresses, such as "192.0.2.1" or "2001:db8::1"',
    lambda value: _each(value, ip_address),
    _split,
)
NETWORKS = Kind(
    "networks",
    'a list of different networks, such as "127.0.0.0/8" or "2001:db8::/32"',
    lambda value: _each(value, ip_network),
    _split,
)

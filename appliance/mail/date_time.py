"""The date-time of RFC 5322 §3.3, written in UTC and read tolerantly (§4.3 included)."""

import re
from datetime import date

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name.lower().encode(): number for number, name in enumerate(_MONTHS, 1)}
_EPOCH = date(1970, 1, 1).toordinal()
# RFC 5322 §4.3; any other zone in letters counts as UTC.
_ZONES = {b"edt": -4, b"est": -5, b"cdt": -5, b"cst": -6, b"mdt": -6, b"mst": -7, b"pdt": -7, b"pst": -8}
_COMMENT = re.compile(rb"\([^()]*\)")
_DATE = re.compile(
    rb"\s*(?:[a-z]+\s*,?)?\s*(\d{1,2})[\s-]*([a-z]{3})[a-z]*[\s-]*(\d{2,4})\s+"
    rb"(\d{1,2})\s*:\s*(\d{1,2})(?:\s*:\s*(\d{1,2}))?(?:\.\d+)?\s*([+-]\d{4}|[a-z]*)",
    re.IGNORECASE,
)
_MAX_LENGTH = 200


def date_time(now: int) -> str:
    """A moment in UTC microseconds as a header writes it: `Tue, 24 Nov 2026 03:37:02 +0000`."""
    days, second = divmod(now // 1_000_000, 86_400)
    day = date.fromordinal(_EPOCH + days)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{_DAYS[day.weekday()]}, {day.day:02} {_MONTHS[day.month - 1]} {day.year:04} {clock} +0000"


def parse_date_time(value: bytes) -> int | None:
    """UTC microseconds of a Date field's value, None where no moment can be read from it; never raises."""
    value = value[:_MAX_LENGTH]
    if b"(" in value:
        value = _COMMENT.sub(b" ", value)
    found = _DATE.match(value)
    if not found:
        return None
    day, month, year, hour, minute, second, zone = found.groups()
    try:
        days = date(_full_year(year), _MONTH.get(month.lower(), 0), int(day)).toordinal() - _EPOCH
    except ValueError:  # no such day
        return None
    clock = (int(hour), int(minute), int(second or 0))
    if clock > (23, 59, 60) or clock[1] > 59 or clock[2] > 60:
        return None
    return ((days * 24 + clock[0]) * 3600 + clock[1] * 60 + clock[2] - _offset(zone)) * 1_000_000


def _full_year(digits: bytes) -> int:
    # RFC 5322 §4.3: 00 to 49 are 2000 to 2049; other two and all three digit years count from 1900.
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


def _offset(zone: bytes) -> int:
    """Seconds east of UTC."""
    if zone[:1] in (b"+", b"-"):
        seconds = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
        return -seconds if zone[:1] == b"-" else seconds
    return _ZONES.get(zone.lower(), 0) * 3600

"""Dates of RFC 3501 §9: date-time (INTERNALDATE, APPEND) as microseconds UTC, date (SEARCH) as a day number."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from imap.wire.lexer import Parser

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST = (date.max.toordinal() + 1 - _EPOCH_DAY) * DAY_US - 1
_FIRST = (date.min.toordinal() - _EPOCH_DAY) * DAY_US
_MONTH_NUMBER = {name.upper(): number for number, name in enumerate(MONTHS, 1)}
_MINUTES = tuple(b" %02d:%02d:" % divmod(minute, 60) for minute in range(1440))
_SECONDS = tuple(b"%02d +0000" % second for second in range(60))
_DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})\Z", re.ASCII)
_DATE_TIME = re.compile(r" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\Z", re.ASCII)


def date_time(parser: Parser) -> int:
    """A quoted date-time as microseconds UTC. Raises ImapError BAD for what is no moment (31-Feb, 25:00)."""
    failure = parser.error('a date-time such as " 1-Feb-2026 10:00:00 +0100"')
    match = _DATE_TIME.match(parser.string().decode("latin-1"))
    if match is None:
        raise failure
    day, month, year, hour, minute, second, sign, zone_hour, zone_minute = match.groups()
    try:
        # A leap second is the second before it.
        at = datetime(int(year), _MONTH_NUMBER[month.upper()], int(day), int(hour), int(minute), min(int(second), 59))
    except (ValueError, KeyError):
        raise failure from None
    if int(second) > 60 or int(zone_minute) > 59 or int(zone_hour) > 23:
        raise failure
    east = (int(zone_hour) * 60 + int(zone_minute)) * (1 if sign == "+" else -1)
    microseconds = (at.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) - east * 60_000_000
    return min(max(microseconds, _FIRST), _LAST)


def day_number(parser: Parser) -> int:
    """A date, quoted or not, as days since 1970-01-01. Raises ImapError BAD for what is no day."""
    failure = parser.error("a date such as 1-Feb-2026")
    match = _DATE.match(parser.astring().decode("latin-1"))
    if match is None or (number := day_of(int(match[3]), match[2], int(match[1]))) is None:
        raise failure
    return number


def day_of(year: int, month: str, day: int) -> int | None:
    """Days from 1970-01-01 to a date whose month is an English abbreviation, None if there is no such day."""
    try:
        return date(year, _MONTH_NUMBER[month.upper()], day).toordinal() - _EPOCH_DAY
    except (ValueError, KeyError):
        return None


def internal_date(at: int) -> bytes:
    """The date-time text of a moment in microseconds UTC, without its quotes, in zone +0000."""
    minutes, second = divmod(at // 1_000_000, 60)
    days, minute = divmod(minutes, 1440)
    return _day_text(days) + _MINUTES[minute] + _SECONDS[second]


@lru_cache(maxsize=4096)
def _day_text(days: int) -> bytes:
    day = date.fromordinal(min(max(days + _EPOCH_DAY, 1), date.max.toordinal()))
    # RFC 3501 §9: date-day-fixed is two digits or a space and one
    return b"%2d-%b-%04d" % (day.day, MONTHS[day.month - 1].encode("ascii"), day.year)

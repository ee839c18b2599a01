"""How many recipients an account may send to in any hour and in any day, and when a limit that is reached frees. Pure.

Counted is a recipient from the moment it is accepted: those on record, and those that transactions still hold. A limit
frees as its oldest recipients leave the window.
"""

from datetime import UTC, datetime, timedelta

import msgspec

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Limit(msgspec.Struct, frozen=True):
    """So many recipients within any `window` (microseconds); `words` name it, as in "300 recipients an hour"."""

    recipients: int
    window: int
    words: str


class Reached(msgspec.Struct, frozen=True):
    """A limit that leaves no room, and when there is some (UTC microseconds) if nothing more is sent."""

    limit: Limit
    ends: int


def limits(hour: int, day: int) -> tuple[Limit, ...]:
    """The limits of the settings; 0 is none."""
    named = (Limit(hour, HOUR, _words(hour, "an hour")), Limit(day, DAY, _words(day, "a day")))
    return tuple(limit for limit in named if limit.recipients)


def too_many(limit: Limit, counted: int, held: int) -> int:
    """How many recipients have to leave the window before there is room for one more; 0: there is.

    `counted` are on record within the window, `held` are those of open transactions, which count as of now.
    """
    return max(0, counted + held + 1 - limit.recipients)


def moment(ends: int, now: int) -> str:
    """The next full minute in UTC, `14:05 UTC`, with its date where that is not today's."""
    at = _EPOCH + timedelta(minutes=-(-ends // 60_000_000))
    today = (_EPOCH + timedelta(microseconds=now)).date()
    return at.strftime("%H:%M UTC" if at.date() == today else "%Y-%m-%d %H:%M UTC")


def _words(recipients: int, window: str) -> str:
    return f"{recipients} recipient{'' if recipients == 1 else 's'} {window}"

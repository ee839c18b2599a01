"""How many recipients an account may send to in any hour and in any day, and when a limit that is reached frees. Pure.

Counted is a recipient from the moment it is accepted: those on record, and those that transactions still hold. A limit
frees as its oldest recipients leave the window.
"""

from collections.abc import Sequence
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


def reached(held_to: Sequence[Limit], sent: Sequence[int], open_now: int, now: int) -> Reached | None:
    """What forbids one recipient more, None where it is allowed; of two limits the one that frees last.

    `sent` are the times of recipients on record, rising; `open_now` is how many transactions hold beside them, which
    count as of `now`.
    """
    found: Reached | None = None
    for limit in held_to:
        counted = [at for at in sent if at > now - limit.window]
        too_many = len(counted) + open_now + 1 - limit.recipients
        if too_many > 0:
            last = counted[too_many - 1] if too_many <= len(counted) else now
            if found is None or last + limit.window > found.ends:
                found = Reached(limit, last + limit.window)
    return found


def moment(ends: int, now: int) -> str:
    """The next full minute in UTC, `14:05 UTC`, with its date where that is not today's."""
    at = _EPOCH + timedelta(minutes=-(-ends // 60_000_000))
    today = (_EPOCH + timedelta(microseconds=now)).date()
    return at.strftime("%H:%M UTC" if at.date() == today else "%Y-%m-%d %H:%M UTC")


def _words(recipients: int, window: str) -> str:
    return f"{recipients} recipient{'' if recipients == 1 else 's'} {window}"

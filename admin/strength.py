"""How good a new password is while it is typed: judged here, shown as a meter and words, kept and logged nowhere."""

import re

import msgspec
from litestar import Response

from admin.ask import Ask, page
from appliance.identity.password import MIN_CHARACTERS, MIN_SCORE, PasswordsBusy, Strength

WORDS = ("Very easy to guess", "Very easy to guess", "Easy to guess", "Good", "Very good")
"""By zxcvbn's score."""
MAX_TYPED = 200
"""Characters that are looked at."""


class Verdict(msgspec.Struct, frozen=True):
    """What the meter shows."""

    score: int
    """0 to 4."""
    good: bool
    words: str


def verdict(found: Strength, length: int) -> Verdict:
    """A strength in words; of a password that is too short, how much is missing."""
    if found.weakness is None:
        return Verdict(found.score, True, f"{WORDS[found.score]}.")
    if length < MIN_CHARACTERS:
        missing = MIN_CHARACTERS - length
        return Verdict(found.score, False, f"{missing} more character{'s' if missing > 1 else ''} at least.")
    advice = found.weakness.partition(": ")[2]
    return Verdict(min(found.score, MIN_SCORE - 1), False, f"{WORDS[found.score]}. {advice}")


async def judged(ask: Ask, password: str, address: str) -> Verdict | None:
    """The verdict on a password for the owner of an address; None for an empty one, or where there is no time for it.

    All visitors together have so much a second: the meter is a comfort, the judge sits behind the form.
    """
    if not password or not ask.house.pace.take(ask.house.now()):
        return None
    try:
        inputs = [address, *re.split(r"[^\w]+", address)]
        return verdict(await ask.house.passwords.measure(password[:MAX_TYPED], inputs), len(password))
    except PasswordsBusy:
        return None


def meter(ask: Ask, found: Verdict | None) -> Response[str]:
    """The part of the page beside the field; without a verdict it stays as it is."""
    if found is None:
        return Response("", status_code=204)
    return page(ask, "strength.html", strength=found)

"""What all pages of set-up share: who may be there, at which step it stands, and how a step is shown."""

from typing import Any

import msgspec
from litestar import Response

from admin.ask import Ask, page
from admin.refusals import Elsewhere
from appliance.provision.setup import STEPS, Progress, progress

WORDS = {
    "first": "Administrator",
    "host": "Host name",
    "domain": "Domain",
    "mailbox": "Mailbox",
    "done": "What is next",
}
"""The steps as the list of progress names them."""
PATHS = {step: f"/setup/{step}" for step in STEPS}


class Step(msgspec.Struct, frozen=True):
    """One line of the list of progress."""

    words: str
    path: str
    """Where it leads, "" where that is nowhere."""
    here: bool
    past: bool


def steps(shown: str, reached: str) -> tuple[Step, ...]:
    """All steps as seen from the one that is `shown`; set-up has come to the one that is `reached`."""
    names = tuple(WORDS)
    far = names.index(reached)
    return tuple(
        Step(words, PATHS.get(name, "") if number <= far and name != shown else "", name == shown, number < far)
        for number, (name, words) in enumerate(WORDS.items())
    )


def open_progress(ask: Ask) -> Progress:
    """How far it has come; who is here after its end is sent to the start page."""
    found = progress(ask.house.store)
    if not found.is_open:
        ask.visit.leave("ok", "Set-up is over. You find everything here.")
        raise Elsewhere("/")
    return found


def step_page(ask: Ask, shown: str, template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """The page of a step, with the list of progress; without it for a page that stays when set-up is over."""
    found = progress(ask.house.store)
    listed = steps(shown, found.step or "first") if found.is_open or shown == "first" else ()
    return page(ask, f"setup/{template}", status=status, steps=listed, unfinished=found.is_open, **values)

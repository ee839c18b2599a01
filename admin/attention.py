"""What an administrator should look at now: each thing with what it means and where to do something about it."""

from collections.abc import Iterable

import msgspec

from admin.house import WebHouse
from admin.words import ago_text, plural, size_text
from appliance.provision.setup import unfinished
from appliance.store.disk import free
from appliance.store.overview import DAY, Overview, Some

MINUTE = 60 * 1_000_000
SHORTEST_GAP = 1 * MINUTE
"""A restart is no gap worth a word."""
ROOM = 3
"""Times the disk's reserve below which it is said to be low."""


class Item(msgspec.Struct, frozen=True):
    """One line: one of the five states, what it is about, what it means, and where to go."""

    state: str
    subject: str
    words: str
    path: str = ""
    button: str = ""


def attention(house: WebHouse, found: Overview) -> tuple[Item, ...]:
    """All of it, the worst first."""
    items = [*_beginning(house, found), *_disk(house), *_people(found), *_certificate(house), *_gaps(house, found)]
    order = ("broken", "warning", "waiting", "off", "ok")
    return tuple(sorted(items, key=lambda item: order.index(item.state)))


def _beginning(house: WebHouse, found: Overview) -> Iterable[Item]:
    if unfinished(house.store):
        yield Item("waiting", "Set-up", "is not finished. It goes on where it was left.", "/setup", "Go on")
    elif not found.domains:
        yield Item("waiting", "No domain yet", "so no mail is taken. Add the first one.", "/domains/add", "Add domain")
    elif not found.mailboxes:
        yield Item("waiting", "No mailbox yet", "so nobody gets mail here.", "/mailboxes/add", "Add mailbox")


def _disk(house: WebHouse) -> Iterable[Item]:
    room, reserve = free(house.places.data_dir)[0], house.places.disk_reserve
    if room < reserve:
        yield Item(
            "broken", "Disk", f"{size_text(room)} are free: no mail is taken below {size_text(reserve)}. Make room."
        )
    elif room < ROOM * reserve:
        yield Item(
            "warning", "Disk", f"{size_text(room)} are free. Below {size_text(reserve)} no mail is taken any more."
        )


def _people(found: Overview) -> Iterable[Item]:
    if found.full.count:
        words = (
            "have reached the quota: mail for them is refused."
            if found.full.count > 1
            else "has reached its quota: mail for it is refused."
        )
        yield Item("warning", _named(found.full, "mailbox", "mailboxes"), words, "/mailboxes", "Look")
    if found.ended:
        words = (
            "is unclaimed, and the link to claim it has ended: make a new one."
            if found.ended == 1
            else ("are unclaimed, and the links to claim them have ended: make new ones.")
        )
        yield Item("warning", plural(found.ended, "mailbox", "mailboxes"), words, "/mailboxes?state=unclaimed", "Look")
    if found.ending:
        words = "ends unclaimed within 24 hours." if found.ending == 1 else "end unclaimed within 24 hours."
        yield Item("waiting", plural(found.ending, "invite"), words, "/mailboxes?state=unclaimed", "Look")
    if found.suspended.count:
        words = (
            "is suspended: its mail waits with the senders."
            if found.suspended.count == 1
            else ("are suspended: their mail waits with the senders.")
        )
        yield Item("off", _named(found.suspended, "domain", "domains"), words, "/domains?state=suspended", "Look")


def _certificate(house: WebHouse) -> Iterable[Item]:
    if not house.settings.tls.certificate:
        words = "is self-signed: browsers and mail programs warn. Bring your own with [tls] certificate and key."
        yield Item("warning", "The certificate", words)


def _gaps(house: WebHouse, found: Overview) -> Iterable[Item]:
    """Times of the last day, since the first start, in which nothing was recorded."""
    now = house.now()
    since = max(now - DAY, found.first_start or now)
    gaps = [(begin, end) for begin, end in house.store.traces.gaps(since, now) if end - begin >= SHORTEST_GAP]
    if gaps:
        minutes = sum(end - begin for begin, end in gaps) // MINUTE
        words = (
            f"did not run for {plural(minutes, 'minute')} of the last 24 hours, until {ago_text(gaps[-1][1], now)}: "
            "of that time nothing is on record."
        )
        yield Item("warning", "The server", words)


def _named(some: Some, noun: str, nouns: str) -> str:
    """The first few by name, the rest by number."""
    rest = some.count - len(some.names)
    names = ", ".join(some.names)
    return f"{names} and {plural(rest, f'other {noun}', f'other {nouns}')}" if rest else names

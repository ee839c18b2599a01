"""Who lives in the demonstration: domains, mailboxes, and the strangers who write to them."""

import msgspec

HOSTNAME = "mail.demo.example"
ADMINISTRATOR = "admin@demo.example"


class Place(msgspec.Struct, frozen=True):
    """A domain; the mail for unknown recipients of one that catches goes to its first mailbox."""

    name: str
    people: tuple[str, ...]
    """Local parts of its mailboxes."""
    catches: bool = False
    sleeps: bool = False
    """Suspended, once its mail has come."""


PLACES = (
    Place("harbour.example", ("maria", "jonas", "office")),
    Place("lighthouse.example", ("keeper", "yuki"), catches=True),
    Place("winter.example", ("ida",), sleeps=True),
)
"""RFC 2606 §2: names that are nobody's."""
UNCLAIMED = "newcomer@harbour.example"
"""A mailbox whose invite is left for whoever looks around."""
ALIAS = "sales@harbour.example"
GONE = "old-shop@harbour.example"
"""An address that is refused."""


def addresses() -> tuple[str, ...]:
    """All mailboxes that are claimed."""
    return tuple(f"{person}@{place.name}" for place in PLACES for person in place.people)


class Stranger(msgspec.Struct, frozen=True):
    """A mail server elsewhere: where it is, what it says at EHLO, who writes by it."""

    address: str
    """On loopback."""
    helo: str
    sender: str
    name: str


STRANGERS = (
    Stranger("127.0.0.11", "mx1.bakery.example", "lena@bakery.example", "Lena Brandt"),
    Stranger("127.0.0.12", "out.shipping.example", "orders@shipping.example", "Northern Shipping"),
    Stranger("127.0.0.13", "smtp.university.example", "dr.okafor@university.example", "Chidi Okafor"),
    Stranger("127.0.0.14", "mail.tokyo-friends.example", "haruki@tokyo-friends.example", "村上 春樹"),
    Stranger("127.0.0.15", "news.gazette.example", "news@gazette.example", "The Gazette"),
    Stranger("127.0.0.16", "mta.marseille.example", "amelie@marseille.example", "Amélie Côté"),
)
SPAMMER = Stranger("127.0.0.66", "friendly-offers.example", "winner@friendly-offers.example", "You Have Won")

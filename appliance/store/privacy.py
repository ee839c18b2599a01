"""What a record may hold, decided before it is written: three levels, the strictest of those that apply.

- `full`: everything.
- `no-subjects`: no subject.
- `metadata`: no subject, no transcript, and instead of the local part of an address that is not ours a keyed hash of
  the address, `#3f2a9c0d1e2f4a5b@far.example`: the same address has the same hash, and only who has the key can tell
  whether it is a given one.
"""

import hmac
import re
from collections.abc import Callable, Iterable

import msgspec

from appliance.mail.address import fold_localpart
from appliance.mail.session_record import EventRecord, Facts, RecipientRecord, SessionRecord, TransactionRecord

LEVELS = ("full", "no-subjects", "metadata")
"""From the most open to the strictest."""
HASH_DIGITS = 16
"""Hexadecimal digits of a hash that are kept."""

# One that begins where a word begins: a search that fails is over after one look at each word.
_ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|(?<![^\s<>"(),:;])[^\s<>"(),:;@]+)@(?:\[[^\]\s]*\]|[^\s<>"(),:;@\[\]]+)')
_DOMAIN = re.compile(r"\[[0-9A-Za-z.:]+\]|[^\s<>\"(),:;@\[\]]+")


def strictest(levels: Iterable[str], otherwise: str) -> str:
    """The strictest of some levels, or `otherwise` where there is none."""
    return max(levels, key=LEVELS.index, default=otherwise)


def stricter(one: str, other: str) -> str:
    """The stricter of two levels."""
    return one if one == other or LEVELS.index(one) > LEVELS.index(other) else other


class Veil:
    """Hides who is at the other end. `ours` tells whether a domain (lower case) is; `key` is the server's own."""

    def __init__(self, ours: Callable[[str], bool], key: bytes) -> None:
        self._ours = ours
        self._key = key

    def address(self, text: str) -> str:
        """One address: as it is where it is ours, else without its local part; what is no address is all hash."""
        localpart, at, domain = text.rpartition("@")
        if not at:
            return text if text.casefold() in ("", "postmaster") else self._hash(text)
        if not _DOMAIN.fullmatch(domain):
            return self._hash(text)
        plain = "@" not in localpart and " " not in localpart
        if plain and self._ours(domain.lower()):
            return text
        return f"{self._hash(f'{fold_localpart(localpart)}@{domain.lower()}')}@{domain}"

    def addresses(self, text: str) -> str:
        """Several addresses, joined by commas."""
        return ", ".join(self.address(part.strip()) for part in text.split(",")) if text else ""

    def text(self, text: str) -> str:
        """A text with addresses in it, such as a reply that names one."""
        return _ADDRESS.sub(lambda found: self.address(found[0]), text) if "@" in text else text

    def facts(self, facts: Facts) -> Facts:
        """Facts with addresses in them."""
        return {name: self._value(value) for name, value in facts.items()}

    def _value(self, value: str | int | float | bool | list[str] | None) -> str | int | float | bool | list[str] | None:
        if isinstance(value, list):
            return [self.text(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def _hash(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "backslashreplace"), "sha256")
        return f"#{digest.hex()[:HASH_DIGITS]}"


def session_at(level: str, session: SessionRecord, veil: Callable[[], Veil]) -> SessionRecord:
    """What may be kept of a session."""
    if level != "metadata":
        return session
    return msgspec.structs.replace(
        session, transcript="", tls_failure=veil().text(session.tls_failure), helo=veil().text(session.helo)
    )


def transaction_at(level: str, transaction: TransactionRecord, veil: Callable[[], Veil]) -> TransactionRecord:
    """What may be kept of a transaction and its recipients."""
    if level == "full":
        return transaction
    if level == "no-subjects":
        return msgspec.structs.replace(transaction, subject="")
    hide = veil()
    return msgspec.structs.replace(
        transaction,
        subject="",
        transcript="",
        mail_from=hide.address(transaction.mail_from),
        header_from=hide.addresses(transaction.header_from),
        reply=hide.text(transaction.reply),
        verdict=hide.text(transaction.verdict),
        recipients=tuple(_recipient(recipient, hide) for recipient in transaction.recipients),
    )


def event_at(level: str, event: EventRecord, veil: Callable[[], Veil]) -> EventRecord:
    """What may be kept of a decision and its facts."""
    if level == "full":
        return event
    facts = {name: value for name, value in event.facts.items() if name != "subject"}
    if level == "no-subjects":
        return msgspec.structs.replace(event, facts=facts)
    hide = veil()
    return msgspec.structs.replace(event, reply=hide.text(event.reply), facts=hide.facts(facts))


def _recipient(recipient: RecipientRecord, hide: Veil) -> RecipientRecord:
    return msgspec.structs.replace(recipient, address=hide.address(recipient.address), reply=hide.text(recipient.reply))

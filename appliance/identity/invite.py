"""Invites: how a mailbox gets its password without anybody else ever knowing it.

Whoever makes a mailbox gets a token to hand to its owner; only its SHA-256 is kept. The token opens one
thing, once, within 72 hours: `claim`, where the owner chooses the password. Nothing else in the
appliance sets one, so an invite exists only for a mailbox that is still unclaimed.
"""

import hashlib
import secrets

import msgspec

from appliance.identity.new_password import WeakPassword, hashed
from appliance.identity.password import Passwords
from appliance.records import Account, Credential
from appliance.store import credential_acts
from appliance.store.credentials import INVITE
from appliance.store.engine import Tx
from appliance.store.errors import Conflict, NotFound
from appliance.store.store import Store

LIFETIME_US = 72 * 3600 * 1_000_000
TOKEN_BYTES = 32
MAX_TOKEN = 128
"""Characters of a token that are looked at; ours have 64."""


class Invite(msgspec.Struct, frozen=True):
    """Handed out once: the token is not kept."""

    token: str
    expires_at: int
    """UTC microseconds."""


class Invited(msgspec.Struct, frozen=True):
    """What an invite says of itself before it is used."""

    account: Account
    invited_by: str
    """An administrator's e-mail address, or "cli:<uid>"."""
    expires_at: int
    """UTC microseconds."""


class ClaimRefused(ValueError):
    """One line for the owner. `kind` is "unknown", "used", "expired" or "weak"."""

    def __init__(self, kind: str, line: str) -> None:
        super().__init__(line)
        self.kind = kind


def new_token() -> str:
    """256 random bits in hexadecimal: nothing in it that a shell, a URL or an option parser could take otherwise."""
    return secrets.token_hex(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """What is kept of a token; it is random, so a plain hash is enough."""
    return hashlib.sha256(token[:MAX_TOKEN].encode("utf-8", "surrogatepass")).digest()


def issue(tx: Tx, account: int, token: str, actor: str) -> Invite:
    """Makes `token` (from `new_token`, outside the job) the account's invite, in place of an unused earlier one.

    The audit row is the caller's. Raises Conflict for a mailbox that is claimed, NotFound.
    """
    made = credential_acts.add_invite(tx, account, token_hash(token), created_by=actor, expires_at=tx.now + LIFETIME_US)
    return Invite(token, made.expires_at or 0)


def find_invited(store: Store, token: str) -> Invited:
    """Who could claim what with `token` now; nothing is used up by looking. Raises ClaimRefused."""
    invite = _open_invite(store, token)
    return Invited(_invited(store, invite), invite.created_by, invite.expires_at or 0)


async def claim(store: Store, passwords: Passwords, token: str, password: str, source: str) -> Account:
    """The owner's act: uses the invite up and sets the password. `source` is where it came from.

    Raises ClaimRefused, PasswordsBusy, and what the store raises.
    """
    account = _invited(store, _open_invite(store, token))
    try:
        secret = await hashed(passwords, password, account.address)
    except WeakPassword as error:
        raise ClaimRefused("weak", str(error)) from None

    def job(tx: Tx) -> Account:
        claimed = credential_acts.claim(tx, token_hash(token), secret, source)
        store.audit.append(tx, claimed.address, "mailbox.claim", claimed.address, source=source)
        return claimed

    try:
        return await store.engine.write(job)
    except (NotFound, Conflict):
        # Somebody was faster since the first look.
        raise ClaimRefused("used", "this token has been used already") from None


def _open_invite(store: Store, token: str) -> Credential:
    found = store.credentials.find(INVITE, token_hash(token))
    if found is None or found.revoked_at is not None:
        raise ClaimRefused("unknown", "this token is not known: ask for a new one")
    if found.used_at is not None:
        raise ClaimRefused("used", "this token has been used already")
    if found.expires_at is None or found.expires_at <= store.engine.now():
        raise ClaimRefused("expired", "this token has expired: ask for a new one")
    return found


def _invited(store: Store, invite: Credential) -> Account:
    account = store.directory.account_by_id(invite.owner)
    if account is None:
        raise ClaimRefused("unknown", "this token is not known: ask for a new one")
    return account

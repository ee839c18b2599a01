"""Acts on mailboxes, which in code are accounts. None of them sets a password."""

from collections.abc import Callable

import msgspec

from appliance.identity.invite import issue, new_token
from appliance.provision.domains import catch_all_waiting, settle_catch_all
from appliance.provision.lookups import find_home, find_mailbox
from appliance.provision.record import note
from appliance.provision.values import read_quota
from appliance.records import Account, DomainInfo
from appliance.store import account_acts as acts
from appliance.store.directory_acts import set_domain
from appliance.store.engine import Tx
from appliance.store.store import Store


class Invitation(msgspec.Struct, frozen=True):
    """What the owner is handed: the token is nowhere kept and shown this once."""

    account: Account
    token: str
    expires_at: int
    """UTC microseconds."""


async def add_mailbox(store: Store, actor: str, address: str, quota: str | int | None = None) -> Invitation:
    """Make an unclaimed mailbox and its owner's invitation."""
    limit = None if quota is None else read_quota(quota)
    domain, wanted = find_home(store, address)
    awaited = catch_all_waiting(store, domain) == wanted.text
    token = new_token()

    def job(tx: Tx) -> Invitation:
        account = acts.add_account(tx, domain.id, wanted, limit)
        if awaited:
            settle_catch_all(store, tx, account)
        note(store, tx, actor, "mailbox.add", account.address, after={"quota_bytes": limit})
        return _invite(store, tx, actor, account, token)

    return await store.engine.write(job)


async def invite_owner(store: Store, actor: str, address: str) -> Invitation:
    """Make a new invitation as long as the mailbox is unclaimed; the earlier one ends."""
    account = find_mailbox(store, address)
    token = new_token()
    return await store.engine.write(lambda tx: _invite(store, tx, actor, account, token))


async def set_quota(store: Store, actor: str, address: str, quota: str | int) -> Account:
    """Set or lift the mailbox's quota."""
    limit = read_quota(quota)
    account = find_mailbox(store, address)

    def job(tx: Tx) -> Account:
        before = acts.require_account(tx, account.id).quota_bytes
        changed = acts.set_account(tx, account.id, quota_bytes=limit)
        note(
            store,
            tx,
            actor,
            "mailbox.quota",
            account.address,
            before={"quota_bytes": before},
            after={"quota_bytes": limit},
        )
        return changed

    return await store.engine.write(job)


async def suspend_mailbox(store: Store, actor: str, address: str) -> Account:
    """Take no mail and let nobody sign in; live sessions end."""
    return await _flag(store, actor, address, "mailbox.suspend", acts.suspend_account)


async def resume_mailbox(store: Store, actor: str, address: str) -> Account:
    """End the suspension."""
    return await _flag(store, actor, address, "mailbox.resume", acts.resume_account)


async def remove_mailbox(store: Store, actor: str, address: str) -> Account:
    """Remove a mailbox and all its mail.

    Raises Conflict while it is a catch-all or an alias's last target. Where it was a domain's contact, the oldest
    other mailbox of that domain takes over.
    """
    account = find_mailbox(store, address)
    home = store.directory.domain_by_id(account.domain)
    heir = None if home is None or home.contact_account != account.id else _oldest_other(store, home, account)

    def job(tx: Tx) -> Account:
        if heir is not None:
            set_domain(tx, account.domain, contact_account=heir.id)
        removed = acts.remove_account(tx, account.id)
        before = {"used_bytes": removed.used_bytes, "quota_bytes": removed.quota_bytes, "state": removed.state}
        note(store, tx, actor, "mailbox.rm", removed.address, before=before)
        return removed

    return await store.engine.write(job)


async def _flag(store: Store, actor: str, address: str, act: str, change: Callable[[Tx, int], Account]) -> Account:
    account = find_mailbox(store, address)

    def job(tx: Tx) -> Account:
        changed = change(tx, account.id)
        note(store, tx, actor, act, account.address, after={"suspended_at": changed.suspended_at})
        return changed

    return await store.engine.write(job)


def _invite(store: Store, tx: Tx, actor: str, account: Account, token: str) -> Invitation:
    made = issue(tx, account.id, token, actor)
    note(store, tx, actor, "mailbox.invite", account.address, after={"expires_at": made.expires_at})
    return Invitation(account, token, made.expires_at)


def _oldest_other(store: Store, domain: DomainInfo, account: Account) -> Account | None:
    """Ids rise with time, so the oldest mailbox has the least."""
    oldest: Account | None = None
    after = ""
    while page := store.directory.accounts(domain.id, after):
        after = page[-1].address
        others = [one for one in page if one.id != account.id]
        oldest = min([*others, *([oldest] if oldest else [])], key=lambda one: one.id, default=None)
    return oldest

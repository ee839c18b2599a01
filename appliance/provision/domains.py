"""Acts on domains.

A catch-all is a mailbox of its own domain. One that is named before it exists waits: unknown recipients are rejected
until the mailbox is made, then caught (`settle_catch_all`).
"""

from typing import Any

from appliance.mail.address import Address
from appliance.provision.lookups import find_domain, find_mailbox, read_address, read_domain
from appliance.provision.record import note
from appliance.provision.values import (
    ProvisionError,
    read_privacy,
    read_quota,
    read_separators,
    read_state,
    read_unknown,
)
from appliance.records import Account, DomainInfo
from appliance.store import directory_acts as acts
from appliance.store.engine import Tx
from appliance.store.errors import Conflict
from appliance.store.store import Store

POLICY = ("state", "unknown", "catch_all_account", "contact_account", "separators", "quota_bytes", "privacy")


async def add_domain(
    store: Store,
    actor: str,
    name: str,
    *,
    unknown: str | None = None,
    catch_all: str | None = None,
    subaddress: str | None = None,
    quota: str | int | None = None,
    state: str | None = None,
    privacy: str | None = None,
) -> DomainInfo:
    """Receive mail for a domain. A catch-all can only be a mailbox that is still to be made."""
    domain = read_domain(name)
    policy = _policy(subaddress=subaddress, quota=quota, state=state, privacy=privacy)
    wanted = _wanted(domain, unknown, catch_all)
    if wanted is None and unknown == "catch-all":
        raise ProvisionError("unknown catch-all: name the mailbox that catches with --catch-all")

    def job(tx: Tx) -> DomainInfo:
        added = acts.add_domain(tx, domain, **policy)
        if wanted is not None:
            store.settings.set(tx, _waiting(added.id), wanted.text)
        note(store, tx, actor, "domain.add", domain, after=_facts(added) | _waits(wanted))
        return added

    return await store.engine.write(job)


async def set_domain(
    store: Store,
    actor: str,
    name: str,
    *,
    unknown: str | None = None,
    catch_all: str | None = None,
    subaddress: str | None = None,
    quota: str | int | None = None,
    state: str | None = None,
    privacy: str | None = None,
    contact: str | None = None,
) -> DomainInfo:
    """Change what is not None. Naming a catch-all turns it on; rejecting forgets it."""
    domain = find_domain(store, name)
    changes = _policy(subaddress=subaddress, quota=quota, state=state, privacy=privacy)
    wanted = _wanted(domain.name, unknown, catch_all)
    account = None if wanted is None else store.directory.account(wanted.text)
    changes |= _unknown(domain, unknown, wanted, account)
    if contact is not None:
        changes["contact_account"] = find_mailbox(store, contact).id

    def job(tx: Tx) -> DomainInfo:
        before = acts.require_domain(tx, domain.id)
        if unknown is not None or wanted is not None:
            store.settings.unset(tx, _waiting(domain.id))
        waits = wanted if account is None else None
        if waits is not None:
            store.settings.set(tx, _waiting(domain.id), waits.text)
        changed = acts.set_domain(tx, domain.id, **changes)
        note(store, tx, actor, "domain.set", domain.name, before=_facts(before), after=_facts(changed) | _waits(waits))
        return changed

    return await store.engine.write(job)


async def suspend_domain(store: Store, actor: str, name: str) -> DomainInfo:
    """Take no mail for the domain until it is resumed; IMAP still reads."""
    return await _flag(store, actor, name, "domain.suspend", acts.suspend_domain)


async def resume_domain(store: Store, actor: str, name: str) -> DomainInfo:
    """Take mail again; the domain's state is what it was."""
    return await _flag(store, actor, name, "domain.resume", acts.resume_domain)


async def remove_domain(store: Store, actor: str, name: str) -> DomainInfo:
    """Remove a domain that has no mailboxes and aliases any more."""
    domain = find_domain(store, name)

    def job(tx: Tx) -> DomainInfo:
        removed = acts.remove_domain(tx, domain.id)
        store.settings.unset(tx, _waiting(domain.id))
        note(store, tx, actor, "domain.rm", domain.name, before=_facts(removed))
        return removed

    return await store.engine.write(job)


async def add_domain_alias(store: Store, actor: str, name: str, alias: str) -> str:
    """Give a domain another name; returns it as an A-label."""
    domain, other = find_domain(store, name), read_domain(alias)

    def job(tx: Tx) -> str:
        added = acts.add_domain_alias(tx, domain.id, other)
        note(store, tx, actor, "domain.alias.add", domain.name, after={"alias": added})
        return added

    return await store.engine.write(job)


async def remove_domain_alias(store: Store, actor: str, name: str, alias: str) -> str:
    """Take another name away from a domain; returns it."""
    domain, other = find_domain(store, name), read_domain(alias)

    def job(tx: Tx) -> str:
        acts.remove_domain_alias(tx, domain.id, other)
        note(store, tx, actor, "domain.alias.rm", domain.name, before={"alias": other})
        return other

    return await store.engine.write(job)


def catch_all_waiting(store: Store, domain: DomainInfo) -> str:
    """The address that will catch all once it is a mailbox, "" if none is."""
    return store.settings.get(_waiting(domain.id))


def settle_catch_all(store: Store, tx: Tx, account: Account) -> None:
    """Let a new mailbox catch all, as the domain was waiting for."""
    store.settings.unset(tx, _waiting(account.domain))
    acts.set_domain(tx, account.domain, unknown="catch_all", catch_all_account=account.id)


async def _flag(store: Store, actor: str, name: str, act: str, change: Any) -> DomainInfo:
    domain = find_domain(store, name)

    def job(tx: Tx) -> DomainInfo:
        changed: DomainInfo = change(tx, domain.id)
        note(store, tx, actor, act, domain.name, after={"suspended_at": changed.suspended_at})
        return changed

    return await store.engine.write(job)


def _policy(
    *, subaddress: str | None, quota: str | int | None, state: str | None, privacy: str | None
) -> dict[str, Any]:
    """Columns of what was named."""
    policy: dict[str, Any] = {}
    if subaddress is not None:
        policy["separators"] = read_separators(subaddress)
    if quota is not None:
        policy["quota_bytes"] = read_quota(quota)
    if state is not None:
        policy["state"] = read_state(state)
    if privacy is not None:
        policy["privacy"] = read_privacy(privacy)
    return policy


def _wanted(domain: str, unknown: str | None, catch_all: str | None) -> Address | None:
    """The address that is to catch all; it must be one of the domain."""
    if unknown is not None:
        read_unknown(unknown)
    if catch_all is None:
        return None
    if unknown == "reject":
        raise ProvisionError("a catch-all goes with --unknown catch-all, not with reject")
    address = read_address(catch_all)
    if address.domain != domain:
        raise Conflict(f"the catch-all must be a mailbox of {domain}, not {address.text}")
    return address


def _unknown(
    domain: DomainInfo, unknown: str | None, wanted: Address | None, account: Account | None
) -> dict[str, Any]:
    """Columns for the policy about unknown recipients."""
    if account is not None:
        return {"unknown": "catch_all", "catch_all_account": account.id}
    if wanted is not None or unknown == "reject":
        return {"unknown": "reject", "catch_all_account": None}
    if unknown == "catch-all" and domain.catch_all_account is None:
        raise ProvisionError("unknown catch-all: name the mailbox that catches with --catch-all")
    return {}


def _waiting(domain: int) -> str:
    """Name of the setting with the address that is to catch all."""
    return f"catch_all.waiting.{domain}"


def _waits(address: Address | None) -> dict[str, object]:
    return {} if address is None else {"catch_all_waiting": address.text}


def _facts(domain: DomainInfo) -> dict[str, object]:
    return {name: getattr(domain, name) for name in POLICY}

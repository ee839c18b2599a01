"""How records look in JSON: ids as their 13 characters, times as ISO 8601 in UTC, sizes in bytes, null for no limit."""

import datetime
from typing import Any

from appliance.ids import id_text
from appliance.mail.address import Address
from appliance.provision.domains import catch_all_waiting
from appliance.records import Account, AddressInfo, DomainInfo, MailboxInfo
from appliance.store.census import domain_counts
from appliance.store.store import Store

Shape = dict[str, Any]
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def iso(microseconds: int | None) -> str | None:
    """As in 2026-11-24T10:00:00Z, whole seconds."""
    if microseconds is None:
        return None
    moment = _EPOCH + datetime.timedelta(seconds=microseconds // 1_000_000)
    return moment.isoformat().replace("+00:00", "Z")


def domain_shape(store: Store, domain: DomainInfo) -> Shape:
    """A domain with its policy, other names and counts."""
    owners = store.directory.accounts_by_id(
        account for account in (domain.catch_all_account, domain.contact_account) if account is not None
    )
    catch_all, contact = owners.get(domain.catch_all_account or 0), owners.get(domain.contact_account or 0)
    return {
        "domain": domain.name,
        "id": id_text(domain.id),
        "state": domain.state,
        "suspended_at": iso(domain.suspended_at),
        "unknown": domain.unknown.replace("_", "-"),
        "catch_all": catch_all.address if catch_all and domain.unknown == "catch_all" else None,
        "catch_all_waiting": catch_all_waiting(store, domain) or None,
        "contact": contact.address if contact else None,
        "subaddress": domain.separators or "off",
        "privacy": domain.privacy or "default",
        "quota": domain.quota_bytes,
        "used": domain.used_bytes,
        "created_at": iso(domain.created_at),
        "domain_aliases": list(store.directory.domain_aliases(domain.id)),
        **domain_counts(store.engine, domain.id),
    }


def mailbox_shape(account: Account) -> Shape:
    """A mailbox without its folders."""
    return {
        "address": account.address,
        "id": id_text(account.id),
        "state": account.state,
        "suspended_at": iso(account.suspended_at),
        "quota": account.quota_bytes,
        "used": account.used_bytes,
        "over_quota_since": iso(account.over_quota_since),
        "created_at": iso(account.created_at),
    }


def folder_shape(folder: MailboxInfo) -> Shape:
    """A folder with its counts."""
    return {
        "name": folder.name,
        "messages": folder.exists,
        "unseen": folder.unseen,
        "bytes": folder.bytes,
        "special_use": folder.special_use,
    }


def alias_shape(store: Store, domain: DomainInfo, alias: AddressInfo) -> Shape:
    """An alias with the addresses of its mailboxes."""
    targets = store.directory.accounts_by_id(alias.accounts)
    address = Address(alias.localpart, domain.name).text
    return {"address": address, "targets": sorted(account.address for account in targets.values())}


def reject_shape(domain: DomainInfo, rejected: AddressInfo) -> Shape:
    """A reject-address with its reply."""
    address = Address(rejected.localpart, domain.name).text
    return {"address": address, "code": rejected.code, "text": rejected.text}

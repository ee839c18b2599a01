"""Where one recipient's mail goes: `route`, a pure decision over facts read at one moment.

The order, the first that applies deciding:

1. not one of our domains: relay access denied, but for bare postmaster and postmaster at the host's own name
   (RFC 5321 §4.5.1), which the facts mark by a candidate: they are the server's contact;
2. the domain is suspended;
3. a reject-address for the local part as given;
4. a mailbox, then an alias, for the local part as given;
5. a reject-address for the local part without its tag: it covers all tagged forms but those that have an
   address of their own in 4;
6. a mailbox, then an alias, without the tag;
7. postmaster and abuse: the contact (RFC 2142 §5, RFC 5321 §4.5.1), and never the catch-all;
8. a source-routing trick (`user%other@ours`, `host!user@ours`, a quoted @): relay access denied;
9. the domain's catch-all; 10. unknown.

Domain aliases are resolved where the facts are read. What was found is then judged by its targets: an alias is
refused only when no target can take the mail. Suspended targets get nothing. Full ones get their copy as long as
another target has room: the sender could be told nothing of the one copy lost, and the body is stored once.
"""

from collections.abc import Sequence

from appliance.mail.address import Address
from appliance.mail.delivery import (
    NoContact,
    OverQuota,
    RejectAddress,
    RelayDenied,
    Route,
    Suspended,
    ToMailboxes,
    UnknownUser,
)
from appliance.mail.envelope import RcptTo
from appliance.records import Account, AddressInfo, DomainInfo, RouteFacts

CONTACTS = frozenset({"postmaster", "abuse"})
"""Local parts that always reach someone (RFC 2142 §4, §5)."""
QUOTA_GRACE = 24 * 3600 * 1_000_000
"""Microseconds in which a full mailbox answers 452 so that senders try again; 552 after it."""
REJECT_CODE = 550
_SOURCE_ROUTING = frozenset("%!@")


def route(rcpt: RcptTo, facts: RouteFacts, size: int | None, now: int) -> Route:
    """The fate of `rcpt`. `size` is the declared SIZE in bytes, None where none was; `now` UTC microseconds."""
    domain = facts.domain
    if domain is None:
        if not facts.candidates:
            return RelayDenied()
        home = facts.accounts.get(facts.contact) if facts.contact is not None else None
        return _contact(home.address if home else "", facts, size, now)
    if domain.suspended_at is not None:
        return Suspended("domain")
    delivered_to = Address(rcpt.address.localpart, domain.name).text
    for candidate in facts.candidates:
        found = facts.found.get(candidate)
        if found is not None:
            tagged = "" if candidate == facts.candidates[0] else "-tag"
            return _address(found, f"{found.kind}{tagged}", delivered_to, facts, size, now)
    if not CONTACTS.isdisjoint(facts.candidates):
        return _contact(delivered_to, facts, size, now)
    if not _SOURCE_ROUTING.isdisjoint(rcpt.address.localpart):
        return RelayDenied("source-routing")
    if domain.unknown == "catch_all" and domain.catch_all_account is not None:
        return _targets((domain.catch_all_account,), "catch-all", delivered_to, facts, size, now)
    return UnknownUser()


def _address(found: AddressInfo, rule: str, delivered_to: str, facts: RouteFacts, size: int | None, now: int) -> Route:
    if found.kind == "reject":
        return RejectAddress(found.code or REJECT_CODE, found.text or "", rule)
    return _targets(found.accounts, rule, delivered_to, facts, size, now)


def _contact(delivered_to: str, facts: RouteFacts, size: int | None, now: int) -> Route:
    if facts.contact is None:
        return NoContact()
    return _targets((facts.contact,), "contact", delivered_to, facts, size, now)


def _targets(ids: Sequence[int], rule: str, delivered_to: str, facts: RouteFacts, size: int | None, now: int) -> Route:
    accounts = [facts.accounts[i] for i in ids if i in facts.accounts]
    if not accounts:
        return UnknownUser(f"{rule}-without-target")
    active = [account for account in accounts if account.suspended_at is None]
    if not active:
        return Suspended("mailbox")
    if facts.domain is not None and _domain_full(facts.domain, size):
        return _over_quota(active, "domain-quota", now)
    if all(_full(account.used_bytes, account.quota_bytes, size) for account in active):
        return _over_quota(active, "mailbox-quota", now)
    domain = facts.domain.id if facts.domain is not None else active[0].domain
    return ToMailboxes(domain, tuple(account.id for account in active), delivered_to, rule)


def _domain_full(domain: DomainInfo, size: int | None) -> bool:
    return _full(domain.used_bytes, domain.quota_bytes, size)


def _full(used: int, quota: int | None, size: int | None) -> bool:
    """Whether a message of `size` overruns; with no size declared, whether nothing at all is left."""
    return quota is not None and used + (size or 1) > quota


def _over_quota(accounts: Sequence[Account], rule: str, now: int) -> OverQuota:
    """452 as long as the grace time of one target runs, or has yet to start."""
    graced = any(a.over_quota_since is None or now - a.over_quota_since < QUOTA_GRACE for a in accounts)
    return OverQuota(graced, tuple(a.id for a in accounts if a.over_quota_since is None), rule)

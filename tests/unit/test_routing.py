"""Where one recipient's mail goes: the order of the rules, then what the targets can take."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.address import Address, subaddress_candidates
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
from appliance.sending.routing import QUOTA_GRACE, route

NOW = 1_700_000_000_000_000
DOMAIN = DomainInfo(1, "b.test", 1, "live", None, "reject", None, None, "+", None, 0, 0)
CATCHING = msgspec.structs.replace(DOMAIN, unknown="catch_all", catch_all_account=9)
SUSPENDED = msgspec.structs.replace(DOMAIN, suspended_at=1)


def account(number: int, **changes: object) -> Account:
    base = Account(number, 1, f"u{number}@b.test", "active", None, None, 0, None, 0, 0)
    return msgspec.structs.replace(base, **changes)


ADDRESSES = {
    "u1": AddressInfo(1, 1, "u1", "mailbox", (1,)),
    "team": AddressInfo(2, 1, "team", "alias", (1, 2)),
    "u1+own": AddressInfo(3, 1, "u1+own", "alias", (2,)),
    "gone": AddressInfo(4, 1, "gone", "reject", (), 550, "Left"),
    "gone+kept": AddressInfo(5, 1, "gone+kept", "mailbox", (2,)),
    "u1+spam": AddressInfo(6, 1, "u1+spam", "reject", (), 450, "Not now"),
    "bare": AddressInfo(7, 1, "bare", "reject"),
}


def fate(
    localpart: str,
    domain: DomainInfo | None = DOMAIN,
    *,
    accounts: dict[int, Account] | None = None,
    contact: int | None = None,
    size: int | None = None,
    addresses: dict[str, AddressInfo] = ADDRESSES,
) -> Route:
    candidates = subaddress_candidates(localpart, domain.separators) if domain else ()
    found = {name: addresses[name] for name in candidates if name in addresses}
    known = {n: account(n) for n in (1, 2, 9)} | (accounts or {})
    facts = RouteFacts(domain, candidates, found, known, contact)
    return route(RcptTo(Address(localpart, "b.test")), facts, size, NOW)


def to(*accounts: int, address: str, rule: str) -> ToMailboxes:
    return ToMailboxes(1, accounts, address, rule)


@pytest.mark.parametrize(
    ("localpart", "domain", "expected"),
    [
        ("u1", None, RelayDenied()),
        ("u1", SUSPENDED, Suspended("domain")),
        ("gone", SUSPENDED, Suspended("domain")),
        ("u1", DOMAIN, to(1, address="u1@b.test", rule="mailbox")),
        ("U1", DOMAIN, to(1, address="U1@b.test", rule="mailbox")),
        ("team", DOMAIN, to(1, 2, address="team@b.test", rule="alias")),
        ("u1+tag", DOMAIN, to(1, address="u1+tag@b.test", rule="mailbox-tag")),
        ("team+x+y", DOMAIN, to(1, 2, address="team+x+y@b.test", rule="alias-tag")),
        ("u1+own", DOMAIN, to(2, address="u1+own@b.test", rule="alias")),
        ("gone", DOMAIN, RejectAddress(550, "Left", "reject")),
        ("gone+any", DOMAIN, RejectAddress(550, "Left", "reject-tag")),
        ("gone+kept", DOMAIN, to(2, address="gone+kept@b.test", rule="mailbox")),
        ("u1+spam", DOMAIN, RejectAddress(450, "Not now", "reject")),
        ("bare", DOMAIN, RejectAddress(550, "", "reject")),
        ("gone", CATCHING, RejectAddress(550, "Left", "reject")),
        ("gone+any", CATCHING, RejectAddress(550, "Left", "reject-tag")),
        ("nobody", DOMAIN, UnknownUser()),
        ("nobody+tag", DOMAIN, UnknownUser()),
        ("nobody", CATCHING, to(9, address="nobody@b.test", rule="catch-all")),
        ("u1", CATCHING, to(1, address="u1@b.test", rule="mailbox")),
        ("u1%other.test", CATCHING, RelayDenied("source-routing")),
        ("other.test!u1", DOMAIN, RelayDenied("source-routing")),
        ("u1@other.test", CATCHING, RelayDenied("source-routing")),
        ("postmaster", CATCHING, NoContact()),
        ("Abuse", CATCHING, NoContact()),
        ("abuse+x", CATCHING, NoContact()),
    ],
)
def test_the_first_rule_that_applies_decides(localpart: str, domain: DomainInfo | None, expected: Route) -> None:
    assert fate(localpart, domain) == expected


def test_tags_can_be_off() -> None:
    assert fate("u1+tag", msgspec.structs.replace(DOMAIN, separators="")) == UnknownUser()


def test_a_domain_alias_delivers_to_the_domain_behind_it() -> None:
    facts = RouteFacts(DOMAIN, ("u1",), {"u1": ADDRESSES["u1"]}, {1: account(1)}, None)
    got = route(RcptTo(Address("u1", "alias.test")), facts, None, NOW)
    assert got == to(1, address="u1@b.test", rule="mailbox")


@pytest.mark.parametrize("localpart", ["postmaster", "abuse", "PostMaster", "postmaster+x"])
def test_postmaster_and_abuse_reach_the_contact(localpart: str) -> None:
    assert fate(localpart, CATCHING, contact=2) == to(2, address=f"{localpart}@b.test", rule="contact")


def test_an_explicit_postmaster_wins_over_the_contact() -> None:
    explicit = {"postmaster": AddressInfo(1, 1, "postmaster", "alias", (1,))}
    got = fate("postmaster", contact=2, addresses=explicit)
    assert got == to(1, address="postmaster@b.test", rule="alias")


@pytest.mark.parametrize("address", [Address("postmaster", ""), Address("postmaster", "host.test")])
def test_the_hosts_own_postmaster_is_the_servers_contact(address: Address) -> None:
    facts = RouteFacts(None, ("postmaster",), {}, {2: account(2)}, 2)
    assert route(RcptTo(address), facts, None, NOW) == to(2, address="u2@b.test", rule="contact")
    nobody = RouteFacts(None, ("postmaster",), {}, {}, None)
    assert route(RcptTo(address), nobody, None, NOW) == NoContact()


FULL = {"quota_bytes": 100, "used_bytes": 100}
STARTED = NOW - QUOTA_GRACE + 1
OVER = NOW - QUOTA_GRACE


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ({"suspended_at": 1}, {}, to(2, address="team@b.test", rule="alias")),
        ({"suspended_at": 1}, {"suspended_at": 1}, Suspended("mailbox")),
        (FULL, {}, to(1, 2, address="team@b.test", rule="alias")),
        (FULL, FULL, OverQuota(True, (1, 2), "mailbox-quota")),
        (FULL, {"suspended_at": 1}, OverQuota(True, (1,), "mailbox-quota")),
        (FULL | {"over_quota_since": STARTED}, FULL, OverQuota(True, (2,), "mailbox-quota")),
        (FULL | {"over_quota_since": OVER}, FULL, OverQuota(True, (2,), "mailbox-quota")),
        (FULL | {"over_quota_since": OVER}, FULL | {"over_quota_since": OVER}, OverQuota(False, (), "mailbox-quota")),
        (FULL | {"over_quota_since": STARTED}, {"suspended_at": 1}, OverQuota(True, (), "mailbox-quota")),
    ],
)
def test_an_alias_is_refused_only_when_no_target_can_take_the_mail(
    one: dict[str, object], two: dict[str, object], expected: Route
) -> None:
    assert fate("team", accounts={1: account(1, **one), 2: account(2, **two)}) == expected


@pytest.mark.parametrize(
    ("used", "size", "fits"), [(0, 100, True), (0, 101, False), (99, None, True), (100, None, False), (100, 0, False)]
)
def test_quota_is_judged_with_the_declared_size(used: int, size: int | None, fits: bool) -> None:
    got = fate("u1", accounts={1: account(1, quota_bytes=100, used_bytes=used)}, size=size)
    assert isinstance(got, ToMailboxes) is fits
    domain = msgspec.structs.replace(DOMAIN, quota_bytes=100, used_bytes=used)
    assert isinstance(fate("u1", domain, size=size), ToMailboxes) is fits


def test_an_address_whose_account_is_gone_is_unknown() -> None:
    orphan = {"u1": AddressInfo(1, 1, "u1", "mailbox", (77,))}
    assert isinstance(fate("u1", addresses=orphan), UnknownUser)


@given(st.text("au1+%!@ .", min_size=1, max_size=10), st.sampled_from([None, DOMAIN, CATCHING, SUSPENDED]))
@settings(max_examples=100)
def test_every_recipient_has_a_fate_and_only_ours_get_mail(localpart: str, domain: DomainInfo | None) -> None:
    got = fate(localpart, domain)
    if isinstance(got, ToMailboxes):
        assert domain is not None
        assert got.accounts
        assert got.delivered_to.endswith("@b.test")

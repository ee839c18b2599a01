"""The acts of administrators, on a real store: what they change, what they refuse, and the audit row of each."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance import provision
from appliance.identity.invite import token_hash
from appliance.ids import IdMaker
from appliance.provision import ProvisionError
from appliance.store.errors import Conflict, NotFound
from appliance.store.store import Store, open_store

ACTOR = "cli:1000"
HOURS_72 = 72 * 3600 * 1_000_000


def now() -> int:
    return time.time_ns() // 1000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with one.test (ann, ben) and two.test (zoe)."""
    opened = open_store(tmp_path / "data", now=now, ids=IdMaker(now))
    for domain in ("one.test", "two.test"):
        await provision.add_domain(opened, ACTOR, domain)
    for address in ("ann@one.test", "ben@one.test", "zoe@two.test"):
        await provision.add_mailbox(opened, ACTOR, address)
    yield opened
    opened.close()


def acts(store: Store) -> list[tuple[str, str]]:
    """Acts and objects of the audit log, oldest first."""
    return [(entry.act, entry.object) for entry in reversed(store.audit.newest(100))]


async def test_each_act_has_its_audit_row_in_a_whole_chain(store: Store) -> None:
    before = len(acts(store))
    await provision.add_alias(store, ACTOR, "team@one.test", ["ann@one.test", "ben@one.test"])
    await provision.reject_address(store, ACTOR, "left@one.test", 550, "gone")
    await provision.set_domain(store, ACTOR, "one.test", subaddress="+-", quota="5GiB")
    await provision.suspend_domain(store, ACTOR, "one.test")
    await provision.resume_domain(store, ACTOR, "one.test")
    await provision.add_domain_alias(store, ACTOR, "one.test", "uno.test")
    await provision.remove_domain_alias(store, ACTOR, "one.test", "uno.test")
    await provision.remove_reject(store, ACTOR, "left@one.test")
    await provision.remove_alias(store, ACTOR, "team@one.test")
    await provision.set_quota(store, ACTOR, "ben@one.test", "none")
    await provision.suspend_mailbox(store, ACTOR, "ben@one.test")
    await provision.resume_mailbox(store, ACTOR, "ben@one.test")
    await provision.remove_mailbox(store, ACTOR, "ben@one.test")
    assert acts(store)[before:] == [
        ("alias.add", "team@one.test"),
        ("address.reject", "left@one.test"),
        ("domain.set", "one.test"),
        ("domain.suspend", "one.test"),
        ("domain.resume", "one.test"),
        ("domain.alias.add", "one.test"),
        ("domain.alias.rm", "one.test"),
        ("address.rm", "left@one.test"),
        ("alias.rm", "team@one.test"),
        ("mailbox.quota", "ben@one.test"),
        ("mailbox.suspend", "ben@one.test"),
        ("mailbox.resume", "ben@one.test"),
        ("mailbox.rm", "ben@one.test"),
    ]
    assert {entry.actor for entry in store.audit.newest(100)} == {ACTOR}
    assert store.audit.verify() is None


async def test_an_act_that_is_refused_leaves_no_audit_row(store: Store) -> None:
    before = acts(store)
    for refused in (
        provision.add_domain(store, ACTOR, "one.test"),
        provision.remove_domain(store, ACTOR, "one.test"),
        provision.add_mailbox(store, ACTOR, "ann@one.test"),
        provision.add_domain_alias(store, ACTOR, "one.test", "two.test"),
    ):
        with pytest.raises(Conflict):
            await refused
    assert acts(store) == before


async def test_before_and_after_are_on_record(store: Store) -> None:
    await provision.set_domain(store, ACTOR, "one.test", quota="1GiB")
    entry = store.audit.newest(1)[0]
    assert json.loads(entry.before)["quota_bytes"] is None
    assert json.loads(entry.after)["quota_bytes"] == 1 << 30


async def test_a_domain_arrives_and_becomes_live(store: Store) -> None:
    assert (await provision.add_domain(store, ACTOR, "new.test")).state == "live"
    assert (await provision.add_domain(store, ACTOR, "late.test", state="arriving")).state == "arriving"
    assert json.loads(store.audit.newest(1)[0].after)["state"] == "arriving"
    assert (await provision.set_domain(store, ACTOR, "late.test", quota="1GiB")).state == "arriving"
    assert (await provision.set_domain(store, ACTOR, "late.test", state="live")).state == "live"
    entry = store.audit.newest(1)[0]
    assert (json.loads(entry.before)["state"], json.loads(entry.after)["state"]) == ("arriving", "live")
    with pytest.raises(ProvisionError, match="state 'gone': allowed are live and arriving"):
        await provision.set_domain(store, ACTOR, "late.test", state="gone")


async def test_a_domain_says_what_goes_on_record(store: Store) -> None:
    assert (await provision.add_domain(store, ACTOR, "new.test")).privacy is None
    assert (await provision.add_domain(store, ACTOR, "shy.test", privacy="no-subjects")).privacy == "no-subjects"
    assert (await provision.set_domain(store, ACTOR, "shy.test", privacy="metadata")).privacy == "metadata"
    entry = store.audit.newest(1)[0]
    assert (json.loads(entry.before)["privacy"], json.loads(entry.after)["privacy"]) == ("no-subjects", "metadata")
    assert (await provision.set_domain(store, ACTOR, "shy.test", quota="1GiB")).privacy == "metadata"
    assert (await provision.set_domain(store, ACTOR, "shy.test", privacy="default")).privacy is None
    with pytest.raises(ProvisionError, match="privacy 'none': allowed are full, no-subjects, metadata and default"):
        await provision.set_domain(store, ACTOR, "shy.test", privacy="none")


async def test_a_domain_name_is_kept_as_an_a_label_in_lower_case(store: Store) -> None:
    assert (await provision.add_domain(store, ACTOR, "Bücher.TEST")).name == "xn--bcher-kva.test"
    assert provision.find_domain(store, "BÜCHER.test").name == "xn--bcher-kva.test"


async def test_a_catch_all_named_before_it_exists_begins_with_its_mailbox(store: Store) -> None:
    made = await provision.add_domain(store, ACTOR, "new.test", unknown="catch-all", catch_all="All@new.test")
    assert (made.unknown, made.catch_all_account) == ("reject", None)
    await provision.add_mailbox(store, ACTOR, "first@new.test")
    assert provision.find_domain(store, "new.test").unknown == "reject"
    catching = await provision.add_mailbox(store, ACTOR, "all@new.test")
    domain = provision.find_domain(store, "new.test")
    assert (domain.unknown, domain.catch_all_account) == ("catch_all", catching.account.id)


async def test_a_catch_all_that_waits_is_forgotten_by_rejecting(store: Store) -> None:
    await provision.add_domain(store, ACTOR, "new.test", catch_all="all@new.test")
    await provision.set_domain(store, ACTOR, "new.test", unknown="reject")
    await provision.add_mailbox(store, ACTOR, "all@new.test")
    assert provision.find_domain(store, "new.test").unknown == "reject"


async def test_catch_all_and_reject_by_turns(store: Store) -> None:
    ann = provision.find_mailbox(store, "ann@one.test")
    caught = await provision.set_domain(store, ACTOR, "one.test", unknown="catch-all", catch_all="ann@one.test")
    assert (caught.unknown, caught.catch_all_account) == ("catch_all", ann.id)
    with pytest.raises(Conflict, match=r"ann@one\.test is the catch-all of one\.test"):
        await provision.remove_mailbox(store, ACTOR, "ann@one.test")
    rejecting = await provision.set_domain(store, ACTOR, "one.test", unknown="reject")
    assert (rejecting.unknown, rejecting.catch_all_account) == ("reject", None)
    await provision.remove_mailbox(store, ACTOR, "ann@one.test")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"unknown": "catch-all"}, ProvisionError, "--catch-all"),
        ({"unknown": "maybe"}, ProvisionError, "reject and catch-all"),
        ({"unknown": "reject", "catch_all": "ann@one.test"}, ProvisionError, "not with reject"),
        ({"catch_all": "zoe@two.test"}, Conflict, r"must be a mailbox of one\.test"),
        ({"catch_all": "nonsense"}, ProvisionError, "not an address"),
        ({"subaddress": "x"}, ProvisionError, "subaddress 'x'"),
        ({"subaddress": ""}, ProvisionError, "or off"),
        ({"subaddress": "++"}, ProvisionError, r"subaddress '\+\+'"),
        ({"quota": "lots"}, ProvisionError, "quota 'lots'"),
        ({"quota": "0"}, ProvisionError, "or none"),
        ({"quota": -5}, ProvisionError, "quota -5"),
        ({"contact": "nobody@one.test"}, NotFound, r"no mailbox nobody@one\.test"),
    ],
)
async def test_what_set_refuses(store: Store, changes: dict[str, str], error: type[Exception], words: str) -> None:
    before = provision.find_domain(store, "one.test")
    with pytest.raises(error, match=words) as caught:
        await provision.set_domain(store, ACTOR, "one.test", **changes)
    assert str(caught.value).isprintable()
    assert provision.find_domain(store, "one.test") == before


@pytest.mark.parametrize(("text", "stored"), [("off", ""), ("+", "+"), ("+-", "+-"), ("_", "_")])
async def test_separators(store: Store, text: str, stored: str) -> None:
    assert (await provision.set_domain(store, ACTOR, "one.test", subaddress=text)).separators == stored


@pytest.mark.parametrize(
    ("name", "error"),
    [("", ProvisionError), ("a b", ProvisionError), ("x_y.test", ProvisionError), ("none.test", NotFound)],
)
async def test_a_domain_that_is_none(store: Store, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        provision.find_domain(store, name)


async def test_another_name_of_a_domain_is_not_the_domain(store: Store) -> None:
    await provision.add_domain_alias(store, ACTOR, "one.test", "Uno.test")
    with pytest.raises(Conflict, match=r"uno\.test is another name of one\.test"):
        await provision.add_mailbox(store, ACTOR, "x@uno.test")


async def test_a_domain_in_use_stays(store: Store) -> None:
    with pytest.raises(Conflict, match="mailboxes"):
        await provision.remove_domain(store, ACTOR, "two.test")
    await provision.remove_mailbox(store, ACTOR, "zoe@two.test")
    await provision.add_alias(store, ACTOR, "sales@two.test", ["ann@one.test"])
    with pytest.raises(Conflict, match="aliases"):
        await provision.remove_domain(store, ACTOR, "two.test")
    await provision.remove_alias(store, ACTOR, "sales@two.test")
    await provision.reject_address(store, ACTOR, "old@two.test")
    assert (await provision.remove_domain(store, ACTOR, "two.test")).name == "two.test"
    with pytest.raises(NotFound):
        provision.find_domain(store, "two.test")


async def test_a_mailbox_is_unclaimed_and_its_token_is_kept_as_a_hash(store: Store) -> None:
    made = await provision.add_mailbox(store, ACTOR, "Carl@One.test", "5MiB")
    assert (made.account.address, made.account.state, made.account.quota_bytes) == (
        "carl@one.test",
        "unclaimed",
        5 << 20,
    )
    kept = store.credentials.find("invite", token_hash(made.token))
    assert kept is not None
    assert made.token.encode() not in kept.secret_hash
    assert 0 <= made.expires_at - kept.created_at - HOURS_72 < 1_000_000


async def test_a_new_invitation_ends_the_earlier_one(store: Store) -> None:
    first = await provision.add_mailbox(store, ACTOR, "carl@one.test")
    second = await provision.invite_owner(store, ACTOR, "carl@one.test")
    old = store.credentials.find("invite", token_hash(first.token))
    assert second.token != first.token
    assert old is not None
    assert old.revoked_at is not None


async def test_the_contact_is_the_first_mailbox_and_passes_to_the_oldest_left(store: Store) -> None:
    await provision.add_mailbox(store, ACTOR, "adam@one.test")
    ann, ben = (provision.find_mailbox(store, f"{name}@one.test") for name in ("ann", "ben"))
    assert provision.find_domain(store, "one.test").contact_account == ann.id
    await provision.remove_mailbox(store, ACTOR, "ann@one.test")
    assert provision.find_domain(store, "one.test").contact_account == ben.id


async def test_the_last_target_of_an_alias_stays(store: Store) -> None:
    await provision.add_alias(store, ACTOR, "b@one.test", ["ben@one.test"])
    with pytest.raises(Conflict, match=r"last target of b@one\.test"):
        await provision.remove_mailbox(store, ACTOR, "ben@one.test")


@pytest.mark.parametrize(
    ("address", "targets", "error"),
    [
        ("x@one.test", ["nobody@one.test"], NotFound),
        ("x@one.test", ["ann@one.test", "x@elsewhere.test"], NotFound),
        ("x@one.test", ["nonsense"], ProvisionError),
        ("x@elsewhere.test", ["ann@one.test"], NotFound),
        ("ann@one.test", ["ben@one.test"], Conflict),
    ],
)
async def test_what_alias_refuses(store: Store, address: str, targets: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        await provision.add_alias(store, ACTOR, address, targets)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (250, "ok"),
        (399, "x"),
        (600, "x"),
        (560, "x"),
        (550, ""),
        (550, "  "),
        (550, "a\nb"),
        (550, "ä"),
        (550, "x" * 201),
    ],
)
async def test_what_reject_refuses(store: Store, code: int, text: str) -> None:
    with pytest.raises(ProvisionError):
        await provision.reject_address(store, ACTOR, "old@one.test", code, text)


async def test_each_remover_removes_only_its_own_kind(store: Store) -> None:
    await provision.add_alias(store, ACTOR, "team@one.test", ["ann@one.test"])
    await provision.reject_address(store, ACTOR, "old@one.test")
    for wrong in (
        provision.remove_reject(store, ACTOR, "team@one.test"),
        provision.remove_alias(store, ACTOR, "old@one.test"),
        provision.remove_alias(store, ACTOR, "ann@one.test"),
        provision.remove_reject(store, ACTOR, "nobody@one.test"),
    ):
        with pytest.raises(NotFound):
            await wrong


async def test_suspending_raises_the_epoch_so_that_sign_ins_are_judged_anew(store: Store) -> None:
    before = provision.find_mailbox(store, "ann@one.test")
    suspended = await provision.suspend_mailbox(store, ACTOR, "ann@one.test")
    assert suspended.suspended_at is not None
    assert suspended.epoch > before.epoch
    assert (await provision.resume_mailbox(store, ACTOR, "ann@one.test")).suspended_at is None

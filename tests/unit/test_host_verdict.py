"""What the facts about a host mean: a table of cases, and that each line says what to do."""

from ipaddress import ip_address

import msgspec
import pytest

from appliance.dns.answers import Answer, Failed, Found, NotFound
from appliance.dns.host_facts import Address, Check, DiskRoom, HostFacts, Knock, PortProbe, ReverseName
from appliance.dns.host_verdict import judge, judge_clock, judge_disk, judge_name, judge_port25, judge_reverse, routed

HERE, THERE, PRIVATE = (ip_address(text) for text in ("192.0.2.1", "198.51.100.9", "10.0.0.5"))
SIX = ip_address("2001:db8::1")
SERVFAIL = Failed("servfail", "SERVFAIL from 127.0.0.1:53")


def found(*records: Address) -> Found[Address]:
    return Found(records, 300, False)


def names(*records: str) -> Found[str]:
    return Found(records, 300, False)


GOOD = HostFacts(
    name="mail.example.org",
    addresses=found(HERE, SIX),
    ours=frozenset((HERE, SIX)),
    configured=(),
    reverse=(ReverseName(HERE, names("mail.example.org"), ("mail.example.org",)),),
    port25=PortProbe("open", "mx.example.com [192.0.2.25]", "220 mx.example.com ESMTP"),
    clock=True,
    disk=DiskRoom(100 << 30, 1_000_000, 1 << 30, 1000),
)


@pytest.mark.parametrize(
    ("name", "addresses", "ours", "configured", "state", "words"),
    [
        ("mail.example.org", found(HERE), [HERE], [], "OK", "leads to 192.0.2.1, which is this machine"),
        ("mail.example.org", found(HERE, SIX), [HERE, SIX], [], "OK", "192.0.2.1, 2001:db8::1"),
        ("mail.example.org", found(HERE, PRIVATE), [HERE, PRIVATE], [], "OK", "which is this machine"),
        ("mail.example.org", found(THERE), [], [], "Warning", "198.51.100.9, which is not on this machine"),
        ("mail.example.org", found(HERE, THERE), [HERE], [], "Warning", "and to 198.51.100.9"),
        ("mail.example.org", found(PRIVATE), [PRIVATE], [], "Warning", "which only this network reaches"),
        ("mail.example.org", found(ip_address("127.0.0.1")), [ip_address("127.0.0.1")], [], "Warning", "only this"),
        ("mail.example.org", NotFound("nxdomain", 60), [], [], "Broken", "has no address in the DNS"),
        ("mail.example.org", NotFound("nodata", 60), [], [HERE], "Broken", "has no address in the DNS"),
        ("mail.example.org", SERVFAIL, [], [], "Warning", "could not be looked up: SERVFAIL from"),
        ("mail.example.org", Failed("timeout", "no answer"), [], [], "Warning", "could not be looked up: no answer"),
        ("a..example.org", Failed("bad name", "'' is no label"), [], [], "Broken", "no host name: '' is no label"),
        ("localhost", found(HERE), [HERE], [], "Broken", "localhost is not a full name"),
        ("localhost.", found(HERE), [HERE], [], "Broken", "not a full name"),
        ("", Failed("bad name", "'' is no label"), [], [], "Broken", "The empty name is not a full name"),
    ],
)
def test_the_host_name(
    name: str, addresses: Answer[Address], ours: list[Address], configured: list[Address], state: str, words: str
) -> None:
    facts = msgspec.structs.replace(
        GOOD, name=name, addresses=addresses, ours=frozenset(ours), configured=tuple(configured)
    )
    check = judge_name(facts)
    assert check.state == state
    assert words in check.what


def test_the_address_to_publish_is_named_where_it_is_known() -> None:
    facts = msgspec.structs.replace(GOOD, addresses=NotFound("nxdomain", 60), configured=(HERE,))
    assert "an A record with 192.0.2.1 for mail.example.org" in judge_name(facts).fix


@pytest.mark.parametrize(
    ("reverse", "state", "words"),
    [
        (ReverseName(HERE, names("mail.example.org"), ("mail.example.org",)), "OK", "that name leads back"),
        (ReverseName(HERE, names("v.isp.test", "mail.example.org"), ("mail.example.org",)), "OK", "leads back"),
        (ReverseName(HERE, names("v.isp.test"), ("v.isp.test",)), "Warning", "is called v.isp.test, not mail."),
        (ReverseName(HERE, names("v.isp.test")), "Broken", "does not lead back"),
        (ReverseName(HERE, names("v.isp.test"), (), unknown=True), "Warning", "could not be looked up"),
        (ReverseName(HERE, NotFound("nxdomain", 60)), "Broken", "192.0.2.1 has no name"),
        (ReverseName(HERE, SERVFAIL), "Warning", "could not be looked up: SERVFAIL"),
        (ReverseName(SIX, NotFound("nodata", 60)), "Broken", "2001:db8::1 has no name"),
        (ReverseName(PRIVATE, NotFound("nxdomain", 60)), "Off", "no public address"),
    ],
)
def test_the_reverse_name(reverse: ReverseName, state: str, words: str) -> None:
    check = judge_reverse("Mail.Example.org.", reverse) if state == "OK" else judge_reverse("mail.example.org", reverse)
    assert check.state == state
    assert words in check.what
    assert state in ("OK", "Off", "Warning") or "PTR" in check.fix


@pytest.mark.parametrize(
    ("outcome", "text", "state", "words"),
    [
        ("not asked", "", "Off", "Not checked: no domain"),
        ("open", "220 mx ESMTP", "OK", "220 mx ESMTP"),
        ("blocked", "no answer within 5 seconds", "Warning", "cannot be reached on port 25"),
        ("silent", "no greeting in time", "Warning", "says nothing"),
        ("turned away", "554 5.7.1 listed", "Warning", "554 5.7.1 listed"),
        ("lookup failed", "SERVFAIL", "Warning", "Not checked: SERVFAIL"),
        ("no mail host", "x takes no mail", "Warning", "Not checked: x takes no mail"),
    ],
)
def test_port_25(outcome: Knock, text: str, state: str, words: str) -> None:
    check = judge_port25(PortProbe(outcome, "mx.test [192.0.2.25]", text))
    assert check.state == state
    assert words in check.what


def test_blocked_is_a_valid_answer() -> None:
    assert "you will need a relay" in judge_port25(PortProbe("blocked", "mx.test", "no answer")).effect


@pytest.mark.parametrize(("clock", "state"), [(True, "OK"), (False, "Warning"), (None, "Off")])
def test_the_clock(clock: bool | None, state: str) -> None:
    assert judge_clock(clock).state == state


@pytest.mark.parametrize(
    ("free", "inodes", "state", "words"),
    [
        (10 << 30, 50_000, "OK", "10.0 GB free."),
        (10 << 30, None, "OK", "10.0 GB free."),
        (3 << 29, 50_000, "Warning", "1.5 GB free; no mail is taken below 1.0 GB"),
        (1 << 29, 50_000, "Broken", "0.5 GB free; 1.0 GB are held in reserve"),
        (10 << 30, 999, "Broken", "Room for 999 more files"),
    ],
)
def test_the_disk(free: int, inodes: int | None, state: str, words: str) -> None:
    check = judge_disk(DiskRoom(free, inodes, 1 << 30, 1000))
    assert check.state == state
    assert words in check.what


def every_check() -> list[Check]:
    checks = list(judge(GOOD))
    addresses: list[Answer[Address]] = [
        found(THERE),
        found(HERE, THERE),
        found(PRIVATE),
        NotFound("nodata", 1),
        SERVFAIL,
    ]
    for answer in addresses:
        checks += judge(msgspec.structs.replace(GOOD, addresses=answer, ours=frozenset((HERE, PRIVATE)), clock=False))
    outcomes: tuple[Knock, ...] = ("not asked", "lookup failed", "no mail host", "blocked", "silent", "turned away")
    checks += [judge_port25(PortProbe(outcome, "mx.test", "x")) for outcome in outcomes]
    checks += [judge_reverse("a.test", ReverseName(HERE, answer)) for answer in (NotFound("nodata", 1), SERVFAIL)]
    checks += [
        judge_reverse("a.test", ReverseName(HERE, names("b.test"), confirmed)) for confirmed in ((), ("b.test",))
    ]
    return checks


def test_what_is_not_well_says_effect_fix_and_who_must_act() -> None:
    for check in every_check():
        assert check.what.isprintable()
        if check.state in ("Warning", "Broken"):
            assert all(text.endswith(".") for text in (check.effect, check.fix)), check
            assert check.who, check


def test_checks_come_in_the_order_to_put_things_right() -> None:
    subjects = [check.subject for check in judge(GOOD)]
    assert subjects == ["Host name", "Reverse name of 192.0.2.1", "Port 25 outwards", "Clock", "Disk"]
    assert {check.state for check in judge(GOOD)} == {"OK"}


@pytest.mark.parametrize(
    ("text", "public"),
    [
        *((t, True) for t in ("192.0.2.1", "8.8.8.8", "172.32.0.1", "2001:db8::1", "2a00::1", "100.128.0.1")),
        *((t, False) for t in ("10.1.2.3", "172.31.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1")),
        *((t, False) for t in ("::1", "fd00::1", "fe80::1")),
    ],
)
def test_which_addresses_others_reach(text: str, public: bool) -> None:
    assert routed(ip_address(text)) is public

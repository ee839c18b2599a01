"""The resolver against a DNS server on loopback: each thing a zone or a server can do, and what it is taken for."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from appliance.dns.answers import Failed, Found, MailHost, NotFound, NullMx
from appliance.dns.nameservers import Nameserver, SystemNameservers
from appliance.dns.resolver import Resolver
from tests.dns_server import DnsServer

ZONE = """
    one.test             120 A     192.0.2.1
    one.test              60 AAAA  2001:db8::1
    four.test                A     192.0.2.4
    four.test                A     192.0.2.5
    v4-fails.test            AAAA  2001:db8::2
    v4-fails.test            !SERVFAIL A
    v6-fails.test            !SERVFAIL AAAA
    text-only.test           TXT   "nothing else"

    mail.test                MX    20 Second.Mail.test.
    mail.test                MX    5 first.mail.test.
    no-mail.test         300 MX    0 .
    half-null.test           MX    0 .
    half-null.test           MX    10 mx.half-null.test.

    1.2.0.192.in-addr.arpa   PTR   Host.Example.test.
    1.2.0.192.in-addr.arpa   PTR   other.example.test.
    1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.test.
    9.2.0.192.in-addr.arpa   PTR   od\\046d.na\\000me.test.

    split.test               TXT   "v=spf1 ip4:192.0.2.0/24" " -all"
    octets.test              TXT   "\\255\\000x"
    _dmarc.one.test          TXT   "v=DMARC1; p=none"

    alias.test           200 CNAME alias2.test.
    alias2.test           30 CNAME one.test.
    alias-no-aaaa.test       CNAME four.test.
    alias-nowhere.test       CNAME absent.test.
    loop.test                CNAME loop2.test.
    loop2.test               CNAME loop.test.
    self.test                CNAME self.test.
    cut.test                 CNAME one.test.
    cut.test                 !CUT-CHAIN

    zone.test           1800 SOA   ns.zone.test. root.zone.test. 1 2 3 4 900
    low.test             100 SOA   ns.low.test. root.low.test. 1 2 3 4 7200
    a.deep.zone.test         A     192.0.2.7
    *.list.test              A     127.0.0.2

    servfail.test            !SERVFAIL
    refused.test             !REFUSED
    notimp.test              !NOTIMP
    slow.test                !TIMEOUT
    referral.test            !REFERRAL
    liar.test                A 192.0.2.9
    liar.test                !RECORDS-UNDER-NXDOMAIN
    big.test                 A 192.0.2.8
    big.test                 !TRUNCATE
    never-whole.test         !TRUNCATE-ALWAYS
    hang-up.test             !HANG-UP
    wrong-id.test            A 192.0.2.10
    wrong-id.test            !WRONG-ID
    wrong-question.test      A 192.0.2.11
    wrong-question.test      !WRONG-QUESTION
    garbage.test             A 192.0.2.12
    garbage.test             !GARBAGE
    noise.test               !GARBAGE-ONLY
    no-soa.test              !NO-SOA
    zero.test              0 A 192.0.2.13
    held.test              0 A 192.0.2.14
    held.test                !HOLD
"""


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as started:
        yield started


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def resolver(
    *servers: DnsServer | Nameserver,
    monotonic: Callable[[], float] | None = None,
    query_seconds: float = 3,
    lifetime_seconds: float = 5,
) -> Resolver:
    listed = [one.nameserver if isinstance(one, DnsServer) else one for one in servers]
    return Resolver(
        lambda: listed,
        query_seconds=query_seconds,
        lifetime_seconds=lifetime_seconds,
        monotonic=monotonic or Clock(),
    )


def unused() -> Nameserver:
    """A port where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return Nameserver("127.0.0.1", one.getsockname()[1])


def found(*records: object, ttl: int = 300) -> Found[object]:
    return Found(records, ttl, False)


V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
NO_SUCH, NO_DATA = NotFound("nxdomain", 60), NotFound("nodata", 60)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda r: r.a("one.test"), found(V4, ttl=120)),
        (lambda r: r.a("ONE.Test."), found(V4, ttl=120)),
        (lambda r: r.aaaa("one.test"), found(V6, ttl=60)),
        (lambda r: r.addresses("one.test"), found(V4, V6, ttl=60)),
        (lambda r: r.addresses("four.test"), found(IPv4Address("192.0.2.4"), IPv4Address("192.0.2.5"))),
        (lambda r: r.addresses("v4-fails.test"), found(IPv6Address("2001:db8::2"))),
        (lambda r: r.addresses("absent.test"), NO_SUCH),
        (lambda r: r.addresses("text-only.test"), NO_DATA),
        (lambda r: r.mx("mail.test"), found(MailHost(5, "first.mail.test"), MailHost(20, "second.mail.test"))),
        (lambda r: r.mx("no-mail.test"), NullMx(300)),
        (lambda r: r.mx("half-null.test"), found(MailHost(10, "mx.half-null.test"))),
        (lambda r: r.mx("one.test"), NO_DATA),
        (lambda r: r.mx("absent.test"), NO_SUCH),
        (lambda r: r.ptr(V4), found("host.example.test", "other.example.test")),
        (lambda r: r.ptr(V6), found("six.test")),
        (lambda r: r.ptr(ip_address("192.0.2.9")), found("od\\.d.na\\000me.test")),
        (lambda r: r.ptr(ip_address("192.0.2.250")), NO_SUCH),
        (lambda r: r.txt("split.test"), found(b"v=spf1 ip4:192.0.2.0/24 -all")),
        (lambda r: r.txt("octets.test"), found(b"\xff\x00x")),
        (lambda r: r.txt("_dmarc.one.test"), found(b"v=DMARC1; p=none")),
        (lambda r: r.lookup("zone.test", "SOA"), found("ns.zone.test. root.zone.test. 1 2 3 4 900", ttl=1800)),
        (lambda r: r.lookup("alias.test", "cname"), found("alias2.test.", ttl=200)),
        (lambda r: r.lookup("zone.test", "TYPE65280"), NotFound("nodata", 900)),
        (lambda r: r.a("alias.test"), found(V4, ttl=30)),
        (lambda r: r.aaaa("alias-no-aaaa.test"), NO_DATA),
        (lambda r: r.a("alias-nowhere.test"), NO_SUCH),
        (lambda r: r.a("2.0.0.127.list.test"), found(IPv4Address("127.0.0.2"))),
        (lambda r: r.a("deep.zone.test"), NotFound("nodata", 900)),
        (lambda r: r.a("x.zone.test"), NotFound("nxdomain", 900)),
        (lambda r: r.a("x.low.test"), NotFound("nxdomain", 100)),
        (lambda r: r.a("no-soa.test"), NotFound("nxdomain", 0)),
        (lambda r: r.a("big.test"), found(IPv4Address("192.0.2.8"))),
        (lambda r: r.a("wrong-id.test"), found(IPv4Address("192.0.2.10"))),
        (lambda r: r.a("wrong-question.test"), found(IPv4Address("192.0.2.11"))),
        (lambda r: r.a("garbage.test"), found(IPv4Address("192.0.2.12"))),
        (lambda r: r.a("zero.test"), found(IPv4Address("192.0.2.13"), ttl=0)),
    ],
)  # fmt: skip
async def test_answers(server: DnsServer, ask: Callable[[Resolver], asyncio.Future[object]], expected: object) -> None:
    answer = await ask(resolver(server))
    if isinstance(answer, Found) and isinstance(expected, Found):
        assert set(answer.records) == set(expected.records)
        assert (answer.ttl, answer.authenticated) == (expected.ttl, expected.authenticated)
    else:
        assert answer == expected


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("servfail.test", "servfail", "SERVFAIL from 127.0.0.1:"),
        ("refused.test", "refused", "REFUSED from 127.0.0.1:"),
        ("notimp.test", "servfail", "NOTIMP from"),
        ("slow.test", "timeout", "no answer from 127.0.0.1:"),
        ("noise.test", "timeout", "no answer from"),
        ("referral.test", "refused", "a referral from"),
        ("liar.test", "malformed", "AnswerForNXDOMAIN"),
        ("never-whole.test", "malformed", "truncated over TCP"),
        ("hang-up.test", "network", "closed before the reply was complete"),
        ("loop.test", "chain", "an endless chain of CNAME"),
        ("self.test", "chain", "an endless chain of CNAME"),
        ("cut.test", "chain", "an unfinished chain of CNAME"),
    ],
)
async def test_trouble_is_never_absence(server: DnsServer, name: str, kind: str, words: str) -> None:
    answer = await resolver(server, query_seconds=0.05 if kind == "timeout" else 3).a(name)
    assert isinstance(answer, Failed)
    assert answer.kind == kind
    assert words in answer.detail
    assert answer.temporary


async def test_one_family_that_fails_hides_no_address_and_makes_no_absence(server: DnsServer) -> None:
    answer = await resolver(server).addresses("v6-fails.test")
    assert isinstance(answer, Failed)
    assert answer.kind == "servfail"


async def test_where_nobody_listens_the_answer_is_failed_at_once(server: DnsServer) -> None:
    answer = await resolver(unused(), query_seconds=30, lifetime_seconds=30).a("one.test")
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.temporary) == ("network", True)


async def test_without_any_name_server_the_answer_is_failed() -> None:
    answer = await resolver().a("one.test")
    assert isinstance(answer, Failed)
    assert answer.temporary


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "x" * 64 + ".test", "a\\.b.test", "bücher.test", "a b.test", "a\n.test"]
)
async def test_a_name_that_is_none_is_never_asked(server: DnsServer, name: str) -> None:
    for answer in (await resolver(server).a(name), await resolver(server).mx(name)):
        assert isinstance(answer, Failed)
        assert (answer.kind, answer.temporary) == ("bad name", False)
    assert server.count() == 0


@pytest.mark.parametrize("rdtype", ["ANY", "AXFR", "OPT", "nonsense", "", "TYPE70000", "A A"])
async def test_a_type_that_is_none_is_an_error_of_the_caller(server: DnsServer, rdtype: str) -> None:
    with pytest.raises(ValueError, match="no type of record"):
        await resolver(server).lookup("one.test", rdtype)
    assert server.count() == 0


async def test_a_name_is_asked_as_it_stands_with_1232_octets_of_room(server: DnsServer) -> None:
    await resolver(server).a("absent.test")
    assert [tuple(one) for one in server.questions] == [("absent.test", "A", "udp", 1232)]


async def test_what_is_cut_short_is_asked_again_over_tcp(server: DnsServer) -> None:
    for number in range(1, 90):  # too much for 1232 octets
        server.zone.add("long.test", "A", f"198.51.100.{number}")
    answer = await resolver(server).a("long.test")
    assert isinstance(answer, Found)
    assert len(answer.records) == 89
    assert [one.transport for one in server.questions] == ["udp", "tcp"]


@pytest.mark.parametrize("number", [210, 1100])
async def test_more_records_than_mail_needs_are_not_parsed(server: DnsServer, number: int) -> None:
    for index in range(number):
        server.zone.add("huge.test", "A", f"10.{index >> 8}.{index & 255}.1")
    answer = await resolver(server).a("huge.test")
    assert isinstance(answer, Failed)
    assert answer.kind == "malformed"
    assert "read are at most" in answer.detail


async def test_letters_come_back_in_any_case() -> None:
    with DnsServer(ZONE, mixed_case=True) as server:
        asking = resolver(server)
        assert isinstance(await asking.a("alias.test"), Found)
        assert await asking.a("absent.test") == NO_SUCH


async def test_ipv6_name_servers() -> None:
    with DnsServer(ZONE, address="::1") as server:
        assert await resolver(server).a("one.test") == found(V4, ttl=120)
        assert await resolver(server).a("big.test") == found(IPv4Address("192.0.2.8"))


async def test_only_a_resolver_on_this_machine_says_what_is_authentic(server: DnsServer) -> None:
    assert (await resolver(server).a("one.test")) == Found((V4,), 120, False)
    server.authenticated = True
    assert (await resolver(server).a("one.test")) == Found((V4,), 120, True)


def test_loopback_is_what_is_trusted() -> None:
    assert [Nameserver(a).loopback for a in ("127.0.0.53", "::1", "192.0.2.1", "10.0.0.1")] == [
        True,
        True,
        False,
        False,
    ]


async def test_the_cache_asks_once_for_as_long_as_the_ttl_says(server: DnsServer) -> None:
    clock = Clock()
    asking = resolver(server, monotonic=clock)
    await asking.a("one.test")
    clock.seconds += 50
    assert await asking.a("One.test.") == found(V4, ttl=70)
    assert server.count("one.test") == 1
    clock.seconds += 70
    assert await asking.a("one.test") == found(V4, ttl=120)
    assert server.count("one.test") == 2


async def test_absence_is_kept_for_what_the_soa_says(server: DnsServer) -> None:
    clock = Clock()
    asking = resolver(server, monotonic=clock)
    for _ in range(3):
        assert isinstance(await asking.mx("x.low.test"), NotFound)
    assert server.count("x.low.test") == 1
    clock.seconds += 100
    await asking.mx("x.low.test")
    assert server.count("x.low.test") == 2


@pytest.mark.parametrize("name", ["zero.test", "no-soa.test"])
async def test_what_has_no_ttl_is_asked_each_time(server: DnsServer, name: str) -> None:
    asking = resolver(server)
    for _ in range(3):
        await asking.a(name)
    assert server.count(name) == 3


async def test_a_failure_is_kept_for_a_second_only(server: DnsServer) -> None:
    clock = Clock()
    asking = resolver(server, monotonic=clock)
    server.zone.behave("one.test", "SERVFAIL")
    assert [type(await asking.a("one.test")) for _ in range(3)] == [Failed] * 3
    assert server.count("one.test") == 1
    server.zone.behave("one.test", "")
    clock.seconds += 1
    assert await asking.a("one.test") == found(V4, ttl=120)


async def test_the_same_question_at_the_same_time_is_asked_once(server: DnsServer) -> None:
    asking = resolver(server, query_seconds=5, lifetime_seconds=5)
    waiting = [asyncio.create_task(asking.a("held.test")) for _ in range(20)]
    await asyncio.to_thread(server.wait_for, 1, "held.test")
    waiting[0].cancel()  # who stops waiting does not stop the others
    server.release()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [found(IPv4Address("192.0.2.14"), ttl=0)] * 19
    assert server.count("held.test") == 1


async def test_the_end_of_the_lifetime_is_a_timeout(server: DnsServer) -> None:
    answer = await resolver(server, query_seconds=5, lifetime_seconds=0.05).a("slow.test")
    assert isinstance(answer, Failed)
    assert answer.kind == "timeout"


async def test_who_is_silent_is_asked_a_second_time(server: DnsServer) -> None:
    await resolver(server, query_seconds=0.05).a("slow.test")
    assert server.count("slow.test") == 2


async def test_close_ends_what_is_under_way(server: DnsServer) -> None:
    asking = resolver(server, query_seconds=60, lifetime_seconds=60)
    waiting = asyncio.create_task(asking.a("slow.test"))
    await asyncio.to_thread(server.wait_for, 1)
    await asking.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("behaviour", ["SERVFAIL", "REFUSED", "TIMEOUT", "REFERRAL", "GARBAGE-ONLY", "HANG-UP"])
async def test_another_name_server_helps_where_the_first_does_not(server: DnsServer, behaviour: str) -> None:
    with DnsServer(f"one.test !{behaviour}") as bad:
        asking = resolver(bad, server, query_seconds=0.3)
        assert await asking.a("one.test") == found(V4, ttl=120)
        assert (bad.count() > 0, server.count()) == (True, 1)


async def test_what_a_name_server_said_weighs_more_than_silence(server: DnsServer) -> None:
    with DnsServer("servfail.test !TIMEOUT") as silent:
        for order in ((silent, server), (server, silent)):
            answer = await resolver(*order, query_seconds=0.2).a("servfail.test")
            assert isinstance(answer, Failed)
            assert answer.kind == "servfail"


async def test_questions_are_spread(server: DnsServer) -> None:
    with DnsServer(ZONE) as other:
        asking = resolver(server, other)
        for number in range(10):
            await asking.a(f"x{number}.test")
        assert (server.count(), other.count()) == (5, 5)


async def test_a_name_server_that_is_gone_is_asked_after_the_others(server: DnsServer) -> None:
    with DnsServer(ZONE) as silent:
        silent.zone.behave("y0.test", "TIMEOUT")
        asking = resolver(silent, server, query_seconds=0.3)
        for number in range(6):
            assert await asking.a(f"y{number}.test") == NO_SUCH
        assert (silent.count(), server.count()) == (1, 6)


async def test_search_lists_are_never_used(server: DnsServer, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("search one.test\noptions ndots:5\nnameserver 127.0.0.1\n")
    servers = [Nameserver(one.address, server.port) for one in SystemNameservers(Clock(), file)()]
    assert await resolver(*servers).a("absent") == NotFound("nxdomain", 60)
    assert [one.name for one in server.questions] == ["absent"]

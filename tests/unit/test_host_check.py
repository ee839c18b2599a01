"""The facts about a host, gathered from a DNS server and a mail server on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from appliance.dns import host_clock
from appliance.dns.answers import Failed, Found, NotFound
from appliance.dns.host_check import host_facts, on_this_machine, reverse_name
from appliance.dns.host_facts import DiskRoom, PortProbe
from appliance.dns.host_verdict import judge
from appliance.dns.port25 import probe
from appliance.dns.resolver import Resolver
from config.settings import Server
from tests.dns_server import DnsServer

ZONE = """
    mail.home.test                       A    127.0.0.1
    mail.home.test                       A    192.0.2.1
    1.0.0.127.in-addr.arpa               PTR  mail.home.test.
    1.2.0.192.in-addr.arpa               PTR  mail.home.test.
    1.2.0.192.in-addr.arpa               PTR  liar.test.
    2.2.0.192.in-addr.arpa               PTR  liar.test.
    3.2.0.192.in-addr.arpa               PTR  broken.test.
    liar.test                            A    203.0.113.1
    broken.test                          !SERVFAIL

    mx.probe.test                        A    127.0.0.1
    probe.test                           MX   10 mx.probe.test.
    self.probe.test                      A    127.0.0.1
    null.probe.test                      MX   0 .
    dead.probe.test                      MX   10 absent.test.
    fails.probe.test                     !SERVFAIL
    half.probe.test                      MX   10 broken.test.
    six.probe.test                       MX   10 mx6.probe.test.
    mx6.probe.test                       A    127.0.0.1
    mx6.probe.test                       AAAA ::1
"""
DISK = DiskRoom(100 << 30, None, 1 << 30, 1000)


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as started:
        yield started


@pytest.fixture
async def resolver(server: DnsServer) -> AsyncIterator[Resolver]:
    one = Resolver(lambda: [server.nameserver])
    yield one
    await one.close()


@asynccontextmanager
async def mail_server(
    greeting: bytes | None, address: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """A port that greets so (None: says nothing and waits; b"": closes at once), and what it hears."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octets in (greeting[:3], greeting[3:]) if greeting is not None else ():
            writer.write(octets)
            await writer.drain()
        if greeting != b"":
            heard.put_nowait(await reader.read())
        writer.close()

    listening = await asyncio.start_server(answer, address, 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], heard


async def test_port_25_is_open_where_somebody_greets(resolver: Resolver) -> None:
    async with mail_server(b"220 mx.probe.test ESMTP\r\n") as (port, heard):
        seen = await probe(resolver, "probe.test", port=port)
        assert await heard.get() == b"QUIT\r\n"
    assert seen == PortProbe("open", "mx.probe.test [127.0.0.1]", "220 mx.probe.test ESMTP")


@pytest.mark.parametrize(
    ("greeting", "outcome", "text"),
    [
        (b"554 5.7.1 192.0.2.1 is listed\r\n", "turned away", "554 5.7.1 192.0.2.1 is listed"),
        (b"421 too busy\r\n", "turned away", "421 too busy"),
        (b"HTTP/1.1 400 \x1b[31mno\x00\r\n", "turned away", "HTTP/1.1 400 ?[31mno?"),
        (b"220-" + b"x" * 5000, "open", "220-" + "x" * 156),
        (b"", "silent", "the connection was closed"),
    ],
)
async def test_what_else_may_answer(resolver: Resolver, greeting: bytes, outcome: str, text: str) -> None:
    async with mail_server(greeting) as (port, _):
        seen = await probe(resolver, "probe.test", port=port)
    assert (seen.outcome, seen.text) == (outcome, text)


async def test_a_greeting_that_does_not_come_is_not_waited_for(resolver: Resolver) -> None:
    async with mail_server(None) as (port, _):
        seen = await probe(resolver, "probe.test", seconds=0.05, port=port)
    assert (seen.outcome, seen.text) == ("silent", "no greeting in time")


async def test_port_25_is_blocked_where_nobody_answers(resolver: Resolver) -> None:
    """A listener whose queue is full lets nothing come back, as a provider that drops packets."""
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())
        seen = await probe(resolver, "probe.test", seconds=0.1, port=full.getsockname()[1])
    assert seen == PortProbe("blocked", "mx.probe.test [127.0.0.1]", "no answer within 0.1 seconds")


async def test_port_25_is_blocked_where_it_is_refused(resolver: Resolver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    seen = await probe(resolver, "probe.test", port=port)
    assert seen == PortProbe("blocked", "mx.probe.test [127.0.0.1]", "Connection refused")


async def test_the_next_address_is_tried(resolver: Resolver) -> None:
    async with mail_server(b"220 six\r\n", "::1") as (port, _):
        seen = await probe(resolver, "six.probe.test", port=port)
    assert seen == PortProbe("open", "mx6.probe.test [::1]", "220 six")


async def test_a_domain_without_mx_is_its_own_mail_server(resolver: Resolver) -> None:
    async with mail_server(b"220 self\r\n") as (port, _):
        assert (await probe(resolver, "self.probe.test", port=port)).outcome == "open"


@pytest.mark.parametrize(
    ("domain", "outcome", "words"),
    [
        ("", "not asked", ""),
        ("null.probe.test", "no mail host", "null.probe.test takes no mail"),
        ("absent.test", "no mail host", "absent.test does not exist"),
        ("dead.probe.test", "lookup failed", "absent.test has no address"),
        ("fails.probe.test", "lookup failed", "cannot be looked up: SERVFAIL"),
        ("half.probe.test", "lookup failed", "SERVFAIL from"),
    ],
)
async def test_where_there_is_nobody_to_try(resolver: Resolver, domain: str, outcome: str, words: str) -> None:
    seen = await probe(resolver, domain)
    assert seen.outcome == outcome
    assert words in seen.text


async def test_a_reverse_name_counts_only_where_it_leads_back(resolver: Resolver) -> None:
    good, liar, broken, none = [
        await reverse_name(resolver, ip_address(f"192.0.2.{number}")) for number in (1, 2, 3, 4)
    ]
    assert isinstance(good.names, Found)
    assert set(good.names.records) == {"mail.home.test", "liar.test"}
    assert (good.confirmed, good.unknown) == (("mail.home.test",), False)
    assert (liar.confirmed, liar.unknown) == ((), False)
    assert (broken.confirmed, broken.unknown) == ((), True)
    assert isinstance(none.names, NotFound)


async def test_all_facts_together(resolver: Resolver) -> None:
    async with mail_server(b"220 mx\r\n") as (port, _):
        facts = await host_facts(
            "mail.home.test", resolver, Server(addresses=("192.0.2.1",), probe_domain="probe.test"), DISK, port=port
        )
    assert isinstance(facts.addresses, Found)
    assert facts.ours == {ip_address("127.0.0.1"), ip_address("192.0.2.1")}
    assert {reverse.address: reverse.confirmed for reverse in facts.reverse} == {
        ip_address("127.0.0.1"): ("mail.home.test",),
        ip_address("192.0.2.1"): ("mail.home.test",),
    }
    states = {check.subject: check.state for check in judge(facts)}
    del states["Clock"]  # the machine's own
    assert states == {
        "Host name": "OK",
        "Reverse name of 127.0.0.1": "Off",
        "Reverse name of 192.0.2.1": "OK",
        "Port 25 outwards": "OK",
        "Disk": "OK",
    }


async def test_a_configured_address_is_checked_even_if_the_name_does_not_lead_to_it(resolver: Resolver) -> None:
    facts = await host_facts("absent.test", resolver, Server(addresses=("192.0.2.2",)), DISK)
    assert isinstance(facts.addresses, NotFound)
    assert [reverse.address for reverse in facts.reverse] == [ip_address("192.0.2.2")]
    assert facts.port25 == PortProbe("not asked")


async def test_without_the_dns_there_is_an_answer_too() -> None:
    facts = await host_facts("mail.home.test", Resolver(list), Server(probe_domain="probe.test"), DISK)
    assert isinstance(facts.addresses, Failed)
    assert (facts.port25.outcome, facts.reverse) == ("lookup failed", ())


@pytest.mark.parametrize(
    ("text", "ours"), [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("2001:db8::9", False)]
)
def test_which_addresses_are_on_this_machine(text: str, ours: bool) -> None:
    assert on_this_machine(ip_address(text)) is ours


def test_the_clock_is_asked_without_harm(tmp_path: Path) -> None:
    """What the machine says is its own; a mark of systemd's makes it known in any case."""
    assert host_clock.synchronised(tmp_path / "none") in (True, False, None)
    (tmp_path / "synchronized").touch()
    assert host_clock.synchronised(tmp_path / "synchronized") is True

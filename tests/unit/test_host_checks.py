"""The look at this host as a job: what is found shows at once, and nothing waits for who looks."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from admin.host_checks import HostChecks
from appliance.dns.host_facts import DiskRoom
from appliance.dns.resolver import Resolver
from config.settings import Server
from tests.dns_server import DnsServer

ZONE = """
    mail.home.test   A   127.0.0.1
    probe.test       MX  10 mx.probe.test.
    mx.probe.test    A   127.0.0.1
    probe.test       !HOLD MX
"""
DISK = DiskRoom(100 << 30, None, 1 << 30, 1000)


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as started:
        yield started


@pytest.fixture
async def checks(server: DnsServer) -> AsyncIterator[HostChecks]:
    resolver = Resolver(lambda: [server.nameserver])
    one = HostChecks(resolver, Server(probe_domain="probe.test"), lambda: DISK, lambda: 7, port=1)
    yield one
    await one.close()
    await resolver.close()


async def turn() -> None:
    """Let everybody else have a turn."""
    await asyncio.sleep(0)


async def test_what_is_found_shows_while_the_rest_is_awaited(checks: HostChecks, server: DnsServer) -> None:
    assert (checks.running, checks.checks, checks.awaited, checks.name) == (False, (), (), "")
    checks.start("mail.home.test")
    assert (checks.running, checks.begun_at, len(checks.awaited)) == (True, 7, 4)
    while not checks.checks:
        await turn()
    assert checks.awaited == ("Port 25 outwards",)
    assert checks.checks[0].subject == "Host name"
    server.release()
    await checks.done()
    assert (checks.running, checks.awaited) == (False, ())
    subjects = [one.subject for one in checks.checks]
    assert subjects == ["Host name", "Reverse name of 127.0.0.1", "Port 25 outwards", "Clock", "Disk"]


async def test_another_name_gives_the_look_before_up(checks: HostChecks, server: DnsServer) -> None:
    checks.start("mail.home.test")
    checks.start("absent.home.test")
    server.release()
    await checks.done()
    assert checks.name == "absent.home.test"
    assert "absent.home.test has no address" in checks.checks[0].what


async def test_closing_ends_what_is_under_way(checks: HostChecks) -> None:
    await checks.close()
    checks.start("mail.home.test")
    await checks.close()
    assert not checks.running


async def test_a_fault_of_ours_is_said_and_logged(server: DnsServer) -> None:
    def broken() -> DiskRoom:
        raise OSError("no disk")

    resolver = Resolver(lambda: [server.nameserver])
    one = HostChecks(resolver, Server(), broken, lambda: 7)
    with capture_logs() as logs:
        one.start("mail.home.test")
        await one.done()
    assert one.failed
    assert [check.subject for check in one.checks] == ["Port 25 outwards"]
    assert [entry["event"] for entry in logs] == ["a look at the host failed"]
    await resolver.close()

"""The look at this host as a job of the daemon: it goes on when the page is closed, and what it found stays."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import structlog

from appliance.dns.host_check import host_facts
from appliance.dns.host_facts import Check, DiskRoom, HostFacts, PortProbe
from appliance.dns.host_verdict import judge_clock, judge_disk, judge_name, judge_port25, judge_reverse
from appliance.dns.port25 import probe
from appliance.dns.resolver import Resolver
from config.settings import Server

log = structlog.get_logger("admin")

SMTP_PORT = 25


class HostChecks:
    """The job that runs, or the one that ran last. What is found shows as soon as it is found."""

    def __init__(
        self,
        resolver: Resolver,
        server: Server,
        disk: Callable[[], DiskRoom],
        now: Callable[[], int],
        *,
        port: int = SMTP_PORT,
    ) -> None:
        """`port` is where other mail servers are tried."""
        self._resolver, self._server, self._disk, self._now = resolver, server, disk, now
        self.port = port
        self.name = ""
        """The host name that is looked at; "" before the first time."""
        self.begun_at = 0
        """UTC microseconds."""
        self.failed = False
        """Whether something broke on our side."""
        self._facts: HostFacts | None = None
        self._port25: PortProbe | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether more is to come."""
        return self._task is not None and not self._task.done()

    @property
    def checks(self) -> tuple[Check, ...]:
        """What was found so far, in the order in which to put things right."""
        facts = self._facts
        port25 = () if self._port25 is None else (judge_port25(self._port25),)
        if facts is None:
            return port25
        reverse = [judge_reverse(facts.name, one) for one in facts.reverse]
        return (judge_name(facts), *reverse, *port25, judge_clock(facts.clock), judge_disk(facts.disk))

    @property
    def awaited(self) -> tuple[str, ...]:
        """What is still looked at."""
        if not self.running:
            return ()
        looked = ("Host name and reverse name", "Clock", "Disk") if self._facts is None else ()
        return (*looked, "Port 25 outwards") if self._port25 is None else looked

    def start(self, name: str) -> None:
        """Look at the host under this name; a look that is under way is given up."""
        if self._task is not None:
            self._task.cancel()
        self.name, self.begun_at, self.failed = name, self._now(), False
        self._facts = self._port25 = None
        self._task = asyncio.get_running_loop().create_task(self._all(name))

    async def done(self) -> None:
        """Waits for the end."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Ends what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _all(self, name: str) -> None:
        await asyncio.gather(self._guarded(self._look(name)), self._guarded(self._knock()))

    async def _look(self, name: str) -> None:
        nobody = msgspec.structs.replace(self._server, probe_domain="")
        self._facts = await host_facts(name, self._resolver, nobody, self._disk())

    async def _knock(self) -> None:
        self._port25 = await probe(self._resolver, self._server.probe_domain, port=self.port)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            self.failed = True
            log.exception("a look at the host failed", hostname=self.name)

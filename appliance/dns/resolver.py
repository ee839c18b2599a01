"""The resolver: one for the whole daemon, for its loop only.

Two that ask the same thing at the same time share one question, and who stops waiting does not stop the other.
"""

import asyncio
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

import dns.exception
import dns.rdata
import dns.rdatatype

from appliance.dns import reading
from appliance.dns.answers import Absence, Answer, Failed, Found, MailHost, NotFound, NullMx
from appliance.dns.cache import Cache
from appliance.dns.exchange import NoReply, exchange, question
from appliance.dns.names import BadName, check_name
from appliance.dns.nameservers import Nameserver, Rotation, Source

T = TypeVar("T")
Records = Answer[dns.rdata.Rdata]
Address = IPv4Address | IPv6Address

QUERY_SECONDS = 3.0
"""For one name server to answer, TCP included."""
LIFETIME_SECONDS = 5.0
"""For an answer in all."""
ROUNDS = 2
"""How often each name server is asked; the second time only those that were silent: UDP loses packets."""
MAX_QUESTIONS = 256
"""Questions under way at the same time: each holds a descriptor. More wait, within their lifetime."""


class Resolver:
    """Answers from `source`'s name servers and from what they said before. No method raises for what the DNS does."""

    def __init__(
        self,
        source: Source,
        *,
        query_seconds: float = QUERY_SECONDS,
        lifetime_seconds: float = LIFETIME_SECONDS,
        cache: Cache[dns.rdata.Rdata] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._query_seconds = query_seconds
        self._lifetime_seconds = lifetime_seconds
        self._cache = cache if cache is not None else Cache()
        self._monotonic = monotonic
        self._rotation = Rotation()
        self._room = asyncio.Semaphore(MAX_QUESTIONS)
        self._flights: dict[tuple[str, str], asyncio.Task[Records]] = {}

    async def close(self) -> None:
        """Ends what is under way; who still waits is cancelled."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def a(self, name: str) -> Answer[IPv4Address]:
        """IPv4 addresses of a host (RFC 1035 §3.4.1)."""
        return _each(await self._ask(name, "A"), reading.ipv4)

    async def aaaa(self, name: str) -> Answer[IPv6Address]:
        """IPv6 addresses of a host (RFC 3596 §2.1)."""
        return _each(await self._ask(name, "AAAA"), reading.ipv6)

    async def addresses(self, name: str) -> Answer[Address]:
        """All addresses of a host, IPv4 first. What one family yields is found, though the other one failed."""
        return _together(*await asyncio.gather(self.a(name), self.aaaa(name)))

    async def mx(self, name: str) -> Answer[MailHost] | NullMx:
        """The hosts that take a domain's mail, those to try first in front (RFC 5321 §5.1).

        The order among equal preferences means nothing. `NotFound("nodata")` sends mail to the domain's own
        addresses, `NullMx` nowhere.
        """
        answer = _each(await self._ask(name, "MX"), reading.mail_host)
        if not isinstance(answer, Found):
            return answer
        # RFC 7505 §3: the root's name alone is the null MX; beside others, where it must not stand, it is nothing
        hosts = tuple(sorted(host for host in answer.records if host.name))
        return Found(hosts, answer.ttl, answer.authenticated) if hosts else NullMx(answer.ttl)

    async def ptr(self, address: Address) -> Answer[str]:
        """Names of an address, in lower case without the root's dot (RFC 1035 §3.5, RFC 3596 §2.5)."""
        return _each(await self._ask(address.reverse_pointer, "PTR"), reading.target)

    async def txt(self, name: str) -> Answer[bytes]:
        """Texts of a name, each record's strings joined, octets as they came."""
        return _each(await self._ask(name, "TXT"), reading.joined)

    async def lookup(self, name: str, rdtype: str) -> Answer[str]:
        """Records of any type ("TLSA", "NS"), as a master file would hold them. Raises ValueError for no type."""
        try:
            number = dns.rdatatype.from_text(rdtype)
        except (dns.exception.DNSException, ValueError) as error:
            raise ValueError(f"no type of record: {rdtype[:40]!r}") from error
        if dns.rdatatype.is_metatype(number):
            raise ValueError(f"no type of record: {rdtype[:40]!r}")
        return _each(await self._ask(name, dns.rdatatype.to_text(number)), reading.presented)

    async def _ask(self, name: str, rdtype: str) -> Records:
        try:
            key = (check_name(name), rdtype)
        except BadName as error:
            return Failed("bad name", str(error))
        known = self._cache.get(*key, self._monotonic())
        if known is not None:
            return known
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fly(key))
            flight.add_done_callback(lambda _: self._flights.pop(key))
        return await asyncio.shield(flight)

    async def _fly(self, key: tuple[str, str]) -> Records:
        """Asks, and keeps what it was told for as long as it holds."""
        failures: list[Failed] = []
        try:
            async with asyncio.timeout(self._lifetime_seconds), self._room:
                answer, octets = await self._go_round(key, failures)
        except TimeoutError:
            answer, octets = _weightiest(failures), 0
        self._cache.put(*key, answer, octets, self._monotonic())
        return answer

    async def _go_round(self, key: tuple[str, str], failures: list[Failed]) -> tuple[Records, int]:
        """The first answer that any name server gives, and its octets; each one's failure goes to `failures`."""
        silent = self._rotation.order(self._source(), self._monotonic())
        for _ in range(ROUNDS):
            asked, silent = silent, []
            for server in asked:
                answer, octets = await self._try(key, server)
                if not isinstance(answer, Failed):
                    return answer, octets
                failures.append(answer)
                if answer.kind == "timeout":
                    silent.append(server)
        return _weightiest(failures), 0

    async def _try(self, key: tuple[str, str], server: Nameserver) -> tuple[Records, int]:
        try:
            async with asyncio.timeout(self._query_seconds):
                reply, octets = await exchange(question(*key), server)
        except TimeoutError:
            self._rotation.silent(server, self._monotonic())
            return Failed("timeout", f"no answer from {server.text}"), 0
        except OSError as error:
            self._rotation.silent(server, self._monotonic())
            return Failed("network", f"{server.text}: {error.strerror or error}"), 0
        except NoReply as error:
            return Failed("malformed", f"{server.text}: {error}"), 0
        self._rotation.answered(server)
        return reading.read(reply, server), octets


def _weightiest(failures: list[Failed]) -> Failed:
    """What a name server said tells more than that another one said nothing."""
    said = [failure for failure in failures if failure.kind != "timeout"]
    return (said or failures or [Failed("timeout", "no name server could be asked in time")])[0]


def _each(answer: Records, convert: Callable[[dns.rdata.Rdata], T]) -> Answer[T]:
    if not isinstance(answer, Found):
        return answer
    return Found(tuple(convert(record) for record in answer.records), answer.ttl, answer.authenticated)


def _together(one: Answer[IPv4Address], other: Answer[IPv6Address]) -> Answer[Address]:
    """Both families as one answer; absent only where both are."""
    if isinstance(one, Found) and isinstance(other, Found):
        authenticated = one.authenticated and other.authenticated
        return Found((*one.records, *other.records), min(one.ttl, other.ttl), authenticated)
    for answer in (one, other):
        if isinstance(answer, Found):
            return Found(tuple(answer.records), answer.ttl, answer.authenticated)
    for answer in (one, other):
        if isinstance(answer, Failed):
            return answer
    return _neither(one, other)


def _neither(one: Answer[IPv4Address], other: Answer[IPv6Address]) -> NotFound:
    absent = [answer for answer in (one, other) if isinstance(answer, NotFound)]
    kind: Absence = "nxdomain" if all(answer.kind == "nxdomain" for answer in absent) else "nodata"
    return NotFound(kind, min(answer.ttl for answer in absent))

"""What the DNS says of where a domain's mail goes now, in words, and what follows for its state here."""

import asyncio
from contextlib import suppress
from typing import Literal

import msgspec

from appliance.dns.answers import Answer, Failed, Found, MailHost, NotFound, NullMx
from appliance.dns.resolver import Resolver
from appliance.provision.hostname import HostName

SECONDS = 2.0
"""For all look-ups: a page is waiting."""
SHOWN = 2
"""Mail servers that are named, and whose addresses are compared with ours."""


class Arrival(msgspec.Struct, frozen=True):
    """Where mail goes, and the state that fits."""

    words: str
    state: Literal["live", "arriving"]
    kind: Literal["ok", "waiting", "warning", "off"]


async def arrival_of(resolver: Resolver, domain: str, hostname: HostName, *, seconds: float = SECONDS) -> Arrival:
    """Where mail for a domain goes, as far as that is known in time. Never raises for what the DNS does."""
    answer: Answer[MailHost] | NullMx = Failed("timeout", "no answer in time")
    here = False
    # What is known in time has to do.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            answer = await resolver.mx(domain)
            here = isinstance(answer, Found) and await _here(resolver, [one.name for one in answer.records], hostname)
    return judge_arrival(answer, domain, here=here)


def judge_arrival(answer: Answer[MailHost] | NullMx, domain: str, *, here: bool) -> Arrival:
    """The answer to the question for a domain's MX; `here` is whether one of them is this server."""
    match answer:
        case Found() if here:
            return Arrival(f"Mail for {domain} is sent to this server already.", "live", "ok")
        case Found(records=hosts):
            more = ", ..." if len(hosts) > SHOWN else ""
            names = ", ".join(host.name for host in hosts[:SHOWN])
            return Arrival(f"Mail for {domain} goes to {names}{more} now.", "arriving", "waiting")
        case NullMx():
            words = f"The DNS says that {domain} takes no mail. Change its MX record when you are ready."
            return Arrival(words, "live", "off")
        case NotFound():
            return Arrival(f"No other server takes mail for {domain}: it has no MX record.", "live", "off")
        case Failed(detail=detail):
            return Arrival(f"Where its mail goes now could not be looked up: {detail}.", "live", "warning")


async def _here(resolver: Resolver, names: list[str], hostname: HostName) -> bool:
    """Whether one of the names is ours, or leads to where ours does."""
    if any(hostname.names(name) for name in names):
        return True
    ours, *theirs = await asyncio.gather(*(resolver.addresses(name) for name in (hostname(), *names[:SHOWN])))
    addresses = set(ours.records) if isinstance(ours, Found) else set()
    return any(isinstance(one, Found) and addresses.intersection(one.records) for one in theirs)

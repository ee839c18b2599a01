"""Gathers what can be seen of this host from inside: by the resolver, the kernel, and one knock at port 25."""

import asyncio
import socket
from ipaddress import ip_address

from appliance.dns import host_clock
from appliance.dns.answers import Answer, Failed, Found
from appliance.dns.host_facts import Address, DiskRoom, HostFacts, ReverseName
from appliance.dns.port25 import probe
from appliance.dns.resolver import Resolver
from config.settings import Server

MAX_ADDRESSES = 8
"""Addresses whose names are looked up."""
MAX_NAMES = 10
"""Names of one address that are followed (as RFC 7208 §5.5 bounds it)."""


async def host_facts(name: str, resolver: Resolver, server: Server, disk: DiskRoom, *, port: int = 25) -> HostFacts:
    """All there is to know about `name` as this host's; takes as long as the slowest look-up and the knock, 20 s at
    most. `host_verdict.judge` says what it means."""
    addresses, port25 = await asyncio.gather(resolver.addresses(name), probe(resolver, server.probe_domain, port=port))
    configured = tuple(ip_address(text) for text in server.addresses)
    found = addresses.records if isinstance(addresses, Found) else ()
    seen = tuple(dict.fromkeys((*found, *configured)))[:MAX_ADDRESSES]
    return HostFacts(
        name=name,
        addresses=addresses,
        ours=frozenset(address for address in seen if address in configured or on_this_machine(address)),
        configured=configured,
        reverse=tuple(await asyncio.gather(*(reverse_name(resolver, address) for address in seen))),
        port25=port25,
        clock=host_clock.synchronised(),
        disk=disk,
    )


async def reverse_name(resolver: Resolver, address: Address) -> ReverseName:
    """The names of an address, and which of them lead back to it."""
    names = await resolver.ptr(address)
    if not isinstance(names, Found):
        return ReverseName(address, names)
    followed = names.records[:MAX_NAMES]
    answers: list[Answer[Address]] = await asyncio.gather(*(_same_family(resolver, name, address) for name in followed))
    return ReverseName(
        address,
        names,
        tuple(n for n, a in zip(followed, answers, strict=True) if isinstance(a, Found) and address in a.records),
        any(isinstance(answer, Failed) and answer.temporary for answer in answers),
    )


async def _same_family(resolver: Resolver, name: str, address: Address) -> Answer[Address]:
    answer = await (resolver.a(name) if address.version == 4 else resolver.aaaa(name))
    return Found(tuple(answer.records), answer.ttl, answer.authenticated) if isinstance(answer, Found) else answer


def on_this_machine(address: Address) -> bool:
    """Whether an interface has this address: only then can a socket be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((str(address), 0))
    except OSError:
        return False
    return True

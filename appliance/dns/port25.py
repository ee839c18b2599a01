"""Tries whether mail can leave directly: reaches another domain's mail server, reads its greeting, and leaves."""

import asyncio
from typing import assert_never

from appliance.dns.answers import Answer, Failed, Found, MailHost, NotFound, NullMx
from appliance.dns.host_facts import Address, PortProbe
from appliance.dns.resolver import Resolver

SECONDS = 10.0
"""For all attempts together; a provider that blocks the port mostly lets nothing come back at all."""
MAX_HOSTS, MAX_ADDRESSES = 2, 4
MAX_GREETING = 512
"""Octets of a reply line (RFC 5321 §4.5.3.1.5)."""
MAX_SHOWN = 160


async def probe(resolver: Resolver, domain: str, *, seconds: float = SECONDS, port: int = 25) -> PortProbe:
    """How far one gets to a mail server of `domain`; "" is nobody. Never raises for what the network does."""
    if not domain:
        return PortProbe("not asked")
    hosts = _hosts(domain, await resolver.mx(domain))
    if isinstance(hosts, PortProbe):
        return hosts
    found: list[tuple[str, Address]] = []
    said = ""
    for host in hosts[:MAX_HOSTS]:
        match await resolver.addresses(host):
            case Found(records=records):
                found.extend((host, address) for address in records)
            case Failed(detail=said):
                pass
            case NotFound():
                said = f"{host} has no address"
    if not found:
        return PortProbe("lookup failed", domain, said)
    return await _knock(found[:MAX_ADDRESSES], seconds, port)


def _hosts(domain: str, answer: Answer[MailHost] | NullMx) -> list[str] | PortProbe:
    match answer:
        case Found(records=records):
            return [host.name for host in records]
        case NotFound(kind="nodata"):
            return [domain]  # RFC 5321 §5.1: the domain itself is its mail server
        case Failed(detail=detail):
            return PortProbe("lookup failed", domain, f"the mail servers of {domain} cannot be looked up: {detail}")
        case NullMx():
            return PortProbe("no mail host", domain, f"{domain} takes no mail")
        case NotFound():
            return PortProbe("no mail host", domain, f"{domain} does not exist")
        case _ as never:
            assert_never(never)


async def _knock(places: list[tuple[str, Address]], seconds: float, port: int) -> PortProbe:
    end = asyncio.get_running_loop().time() + seconds
    blocked = PortProbe("blocked", places[0][0], "no attempt was made")
    for host, address in places:
        shown = f"{host} [{address}]"
        try:
            async with asyncio.timeout(seconds / len(places)):
                reader, writer = await asyncio.open_connection(str(address), port)
        except TimeoutError:
            blocked = PortProbe("blocked", shown, f"no answer within {seconds / len(places):g} seconds")
        except OSError as error:
            blocked = PortProbe("blocked", shown, error.strerror or str(error))
        else:
            return await _greeting(shown, reader, writer, end)
    return blocked


async def _greeting(host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, end: float) -> PortProbe:
    heard = b""
    trouble = "the connection was closed"
    try:
        async with asyncio.timeout_at(end):
            while b"\n" not in heard and len(heard) < MAX_GREETING:
                more = await reader.read(MAX_GREETING - len(heard))
                if not more:
                    break
                heard += more
            writer.write(b"QUIT\r\n")
    except TimeoutError:
        trouble = "no greeting in time"
    except OSError as error:
        trouble = error.strerror or str(error)
    finally:
        writer.close()
    line = "".join(c if c.isprintable() else "?" for c in heard.partition(b"\n")[0].strip().decode("ascii", "replace"))
    if not line:
        return PortProbe("silent", host, trouble)
    return PortProbe("open" if line.startswith("220") else "turned away", host, line[:MAX_SHOWN])

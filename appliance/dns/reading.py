"""What a reply says: records, certain absence, or nothing."""

from ipaddress import IPv4Address, IPv6Address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA

from appliance.dns.answers import Answer, Failed, FailureKind, Found, MailHost, NotFound
from appliance.dns.nameservers import Nameserver

_FAILURES: dict[dns.rcode.Rcode, FailureKind] = {dns.rcode.REFUSED: "refused"}
"""Reply codes that are no SERVFAIL; what is neither listed nor an answer is treated like one."""


def read(reply: dns.message.Message, server: Nameserver) -> Answer[dns.rdata.Rdata]:
    """The answer in a reply from `server` to the question it carries; records that answer no question are left out."""
    rcode = reply.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        kind = _FAILURES.get(rcode, "servfail")
        return Failed(kind, f"{dns.rcode.to_text(rcode)} from {server.text}")
    if not isinstance(reply, dns.message.QueryMessage):
        return Failed("malformed", f"no answer to a query from {server.text}")
    try:
        chain = reply.resolve_chaining()
    except dns.message.ChainTooLong:
        return Failed("chain", f"an endless chain of CNAME from {server.text}")
    except dns.exception.DNSException as error:  # records under NXDOMAIN, not one question
        return Failed("malformed", f"{type(error).__name__} from {server.text}")
    if chain.answer is not None:
        # RFC 6840 §5.7; anybody on the way can set a bit, so only this machine's own resolver is believed
        authentic = server.loopback and bool(reply.flags & dns.flags.AD)
        return Found(tuple(chain.answer), chain.minimum_ttl, authentic)
    return _absence(reply, chain, server)


def _absence(reply: dns.message.Message, chain: dns.message.ChainingResult, server: Nameserver) -> NotFound | Failed:
    """RFC 2308 §2 tells absence from a referral and from a chain that was given up half-way."""
    kinds = {rrset.rdtype for rrset in reply.authority}
    named = any(
        rrset.rdtype == dns.rdatatype.SOA and chain.canonical_name.is_subdomain(rrset.name) for rrset in reply.authority
    )
    ttl = chain.minimum_ttl if named else 0  # RFC 2308 §5: without an SOA it is not to be kept
    if reply.rcode() == dns.rcode.NXDOMAIN:
        return NotFound("nxdomain", ttl)
    if dns.rdatatype.SOA not in kinds and dns.rdatatype.NS in kinds:
        return Failed("refused", f"a referral from {server.text}, which looks nothing up for us")  # RFC 2308 §2.2
    if chain.cnames and not named:
        return Failed("chain", f"an unfinished chain of CNAME from {server.text}")
    return NotFound("nodata", ttl)


def ipv4(record: dns.rdata.Rdata) -> IPv4Address:
    """The address of an A record."""
    assert isinstance(record, dns.rdtypes.IN.A.A)
    return IPv4Address(record.address)


def ipv6(record: dns.rdata.Rdata) -> IPv6Address:
    """The address of an AAAA record."""
    assert isinstance(record, dns.rdtypes.IN.AAAA.AAAA)
    return IPv6Address(record.address)


def mail_host(record: dns.rdata.Rdata) -> MailHost:
    """Preference and name of an MX record; the root's name is empty."""
    assert isinstance(record, dns.rdtypes.ANY.MX.MX)
    return MailHost(record.preference, name_text(record.exchange))


def target(record: dns.rdata.Rdata) -> str:
    """The name in a PTR record."""
    assert isinstance(record, dns.rdtypes.ANY.PTR.PTR)
    return name_text(record.target)


def joined(record: dns.rdata.Rdata) -> bytes:
    """The strings of a TXT record as one, nothing between (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
    assert isinstance(record, dns.rdtypes.ANY.TXT.TXT)
    return b"".join(record.strings)


def presented(record: dns.rdata.Rdata) -> str:
    """Any record as a master file would hold it; printable ASCII, whatever is in it."""
    return record.to_text()


def name_text(name: dns.name.Name) -> str:
    """Lower case without the root's dot, "" for the root. Odd octets stay escaped, so that no look-up takes them."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()

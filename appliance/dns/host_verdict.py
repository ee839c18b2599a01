"""What the facts about a host mean, in plain words. No case here stops a set-up: a laptop may try everything out."""

from ipaddress import ip_network
from typing import assert_never

from appliance.dns.answers import Failed, Found, NotFound
from appliance.dns.host_facts import Address, Check, DiskRoom, HostFacts, Knock, PortProbe, ReverseName, State

DNS_KEEPER = "whoever keeps the DNS of the host's domain"
PROVIDER = "the provider of this machine's addresses"
OPERATOR = "whoever runs this machine"
NOT_ROUTED = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""Addresses that no other network reaches (RFC 6890 §2.2)."""
GIB = 1 << 30
MIB = 1 << 20


def routed(address: Address) -> bool:
    """Whether other networks could reach this address at all."""
    return not any(address in network for network in NOT_ROUTED)


def judge(facts: HostFacts) -> tuple[Check, ...]:
    """All checks, in the order in which to put things right."""
    return (
        judge_name(facts),
        *(judge_reverse(facts.name, reverse) for reverse in facts.reverse),
        judge_port25(facts.port25),
        judge_clock(facts.clock),
        judge_disk(facts.disk),
    )


def judge_name(facts: HostFacts) -> Check:
    """The host name and its addresses."""
    name, subject = facts.name, "Host name"
    if "." not in name.rstrip("."):
        return Check(  # RFC 5321 §2.3.5: only resolvable, fully-qualified names
            subject,
            "Broken",
            f"{name or 'The empty name'} is not a full name with a domain.",
            "Other servers refuse mail from a server that gives no full name.",
            "Choose a name in a domain of yours, such as mail.example.org.",
            OPERATOR,
        )
    match facts.addresses:
        case Found(records=records):
            return _judge_addresses(facts, records)
        case NotFound():
            return Check(
                subject,
                "Broken",
                f"{name} has no address in the DNS.",
                "No server can deliver mail here, and many refuse mail from here.",
                f"Add an A record{_to(facts.configured)} for {name} (and an AAAA record if the machine has IPv6).",
                DNS_KEEPER,
            )
        case Failed(kind="bad name", detail=detail):
            return Check(
                subject, "Broken", f"This is no host name: {detail}.", "Nobody can look it up.", "Correct it.", OPERATOR
            )
        case Failed(detail=detail):
            return Check(
                subject,
                "Warning",
                f"{name} could not be looked up: {detail}.",
                "Nothing is known about it; mail from here waits while look-ups fail.",
                "Check again in a minute. If it stays, look at [dns] nameservers or /etc/resolv.conf.",
                OPERATOR,
            )
        case _ as never:
            assert_never(never)


def _judge_addresses(facts: HostFacts, records: tuple[Address, ...]) -> Check:
    name, subject = facts.name, "Host name"
    shown = _listed(records)
    ours = [address for address in records if address in facts.ours]
    if not ours:
        return Check(
            subject,
            "Warning",
            f"{name} leads to {shown}, which is not on this machine.",
            "Mail for it goes to another machine, unless this one stands behind NAT.",
            f"Behind NAT: name the public addresses in [server] addresses. Else: let {name} lead here.",
            OPERATOR,
        )
    if not any(routed(address) for address in records):
        return Check(
            subject,
            "Warning",
            f"{name} leads to {shown}, which only this network reaches.",
            "No mail from the internet arrives. For trying out, that is all right.",
            f"For real mail, give {name} a public address.",
            DNS_KEEPER,
        )
    if strangers := [address for address in records if address not in facts.ours]:
        return Check(
            subject,
            "Warning",
            f"{name} leads here ({_listed(ours)}), and to {_listed(strangers)}, which is not on this machine.",
            "A part of the mail tries another machine first and may be late or lost there.",
            f"Take {_listed(strangers)} out of the DNS, or name it in [server] addresses if it is ours behind NAT.",
            DNS_KEEPER,
        )
    return Check(subject, "OK", f"{name} leads to {shown}, which is this machine.")


def judge_reverse(name: str, reverse: ReverseName) -> Check:
    """The name of one address, as receivers check it before they take mail."""
    address, subject = reverse.address, f"Reverse name of {reverse.address}"
    if not routed(address):
        return Check(subject, "Off", f"{address} is no public address; nobody looks its name up.")
    fix = f"Set the reverse name (PTR) of {address} to {name}, on the page of the machine's provider."
    match reverse.names:
        case NotFound():
            return Check(
                subject, "Broken", f"{address} has no name.", "Gmail and many others refuse its mail.", fix, PROVIDER
            )
        case Failed(detail=detail):
            return Check(
                subject,
                "Warning",
                f"The name of {address} could not be looked up: {detail}.",
                "Receivers that cannot either will put mail off.",
                "Check again in a minute. If it stays, ask the provider whether reverse names work.",
                PROVIDER,
            )
        case Found(records=names):
            return _judge_names(name, reverse, names, fix)
        case _ as never:
            assert_never(never)


def _judge_names(name: str, reverse: ReverseName, names: tuple[str, ...], fix: str) -> Check:
    subject, shown = f"Reverse name of {reverse.address}", ", ".join(names[:3])
    if name.lower().rstrip(".") in reverse.confirmed:
        return Check(subject, "OK", f"{reverse.address} is called {name}, and that name leads back.")
    if reverse.confirmed:
        return Check(
            subject,
            "Warning",
            f"{reverse.address} is called {reverse.confirmed[0]}, not {name}.",
            "Mail is taken, but some filters trust a server less that greets with another name.",
            fix,
            PROVIDER,
        )
    if reverse.unknown:
        return Check(
            subject,
            "Warning",
            f"{reverse.address} is called {shown}; whether that leads back could not be looked up.",
            "Receivers that cannot either will put mail off.",
            "Check again in a minute.",
            PROVIDER,
        )
    return Check(
        subject,
        "Broken",
        f"{reverse.address} is called {shown}, but that name does not lead back to it.",
        "Gmail and many others refuse its mail.",
        f"{fix} Its A or AAAA record must name {reverse.address}.",
        PROVIDER,
    )


_PORT_25: dict[Knock, tuple[State, str, str, str, str]] = {
    "open": ("OK", "{host} answers: {text}", "", "", ""),
    "not asked": (
        "Off",
        "Not checked: no domain to try is configured.",
        "Whether mail can leave directly is not known.",
        "Name a domain whose mail server may be tried in [server] probe_domain.",
        OPERATOR,
    ),
    "lookup failed": (
        "Warning",
        "Not checked: {text}.",
        "Whether mail can leave directly is not known.",
        "Check again in a minute, or name another domain in [server] probe_domain.",
        OPERATOR,
    ),
    "no mail host": (
        "Warning",
        "Not checked: {text}.",
        "Whether mail can leave directly is not known.",
        "Name another domain in [server] probe_domain.",
        OPERATOR,
    ),
    "blocked": (
        "Warning",
        "Blocked: {host} cannot be reached on port 25: {text}.",
        "Mail cannot leave directly: you will need a relay. Receiving is not affected.",
        "Ask the provider to open port 25 outwards, or send through a relay.",
        PROVIDER,
    ),
    "silent": (
        "Warning",
        "{host} takes the connection, but says nothing: {text}.",
        "Something on the way may have answered in its place; mail might not leave directly.",
        "Check again, or try another domain in [server] probe_domain.",
        OPERATOR,
    ),
    "turned away": (
        "Warning",
        "Port 25 is open, but {host} turns this machine away: {text}",
        "The machine's address may be on a block list; then others will refuse its mail, too.",
        "Look the address up in the list that the answer names, or send through a relay.",
        OPERATOR,
    ),
}
"""How far the knock came -> state, what, effect, fix, who must act."""


def judge_port25(probe: PortProbe) -> Check:
    """Whether mail can leave directly."""
    state, what, effect, fix, who = _PORT_25[probe.outcome]
    return Check("Port 25 outwards", state, what.format(host=probe.host, text=probe.text), effect, fix, who)


def judge_clock(synchronised: bool | None) -> Check:
    """Whether the clock is kept right."""
    if synchronised is None:
        return Check("Clock", "Off", "The system does not tell whether its clock is kept right.")
    if synchronised:
        return Check("Clock", "OK", "The clock is kept right over the network.")
    return Check(
        "Clock",
        "Warning",
        "The system knows of nothing that keeps its clock right.",
        "A clock that is wrong spoils signatures, certificates and the dates of mail.",
        "Turn time synchronisation on: timedatectl set-ntp true.",
        OPERATOR,
    )


def judge_disk(disk: DiskRoom) -> Check:
    """Room for mail, as the reserve counts it."""
    free = f"{disk.free_bytes / GIB:.1f} GB free"
    if disk.free_inodes is not None and disk.free_inodes < disk.reserve_inodes:
        what = f"Room for {disk.free_inodes} more files; {disk.reserve_inodes} are held in reserve."
    elif disk.free_bytes < disk.reserve_bytes:
        what = f"{free}; {disk.reserve_bytes / GIB:.1f} GB are held in reserve."
    elif disk.free_bytes < 2 * disk.reserve_bytes:
        return Check(
            "Disk",
            "Warning",
            f"{free}; no mail is taken below {disk.reserve_bytes / GIB:.1f} GB.",
            "There is little room before mail has to wait.",
            "Make room, or give the data directory a bigger disk.",
            OPERATOR,
        )
    else:
        return Check("Disk", "OK", f"{free}.")
    return Check("Disk", "Broken", what, "No mail is taken.", "Make room, or choose a bigger disk.", OPERATOR)


def _listed(addresses: list[Address] | tuple[Address, ...]) -> str:
    shown = ", ".join(str(address) for address in addresses[:4])
    return f"{shown}, ..." if len(addresses) > 4 else shown


def _to(addresses: tuple[Address, ...]) -> str:
    return f" with {addresses[0]}" if addresses else ""

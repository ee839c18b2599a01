"""What can be seen of a host from where it stands, and what is said about it to people."""

from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias

import msgspec

from appliance.dns.answers import Answer

Address: TypeAlias = IPv4Address | IPv6Address
Knock = Literal["not asked", "lookup failed", "no mail host", "blocked", "silent", "turned away", "open"]
"""How far an attempt to reach port 25 of another server came."""
State = Literal["OK", "Warning", "Broken", "Off"]


class ReverseName(msgspec.Struct, frozen=True):
    """The names of one address, and which of them lead back to it (forward-confirmed, RFC 8601 §3)."""

    address: Address
    names: Answer[str]
    confirmed: tuple[str, ...] = ()
    unknown: bool = False
    """Some name could not be looked up, so that nothing is sure about those that are not confirmed."""


class PortProbe(msgspec.Struct, frozen=True):
    """An attempt to reach another mail server: whom, and its greeting or what stood in the way."""

    outcome: Knock
    host: str = ""
    text: str = ""


class DiskRoom(msgspec.Struct, frozen=True):
    """Free bytes and inodes (None: no such limit), and what must stay free."""

    free_bytes: int
    free_inodes: int | None
    reserve_bytes: int
    reserve_inodes: int


class HostFacts(msgspec.Struct, frozen=True):
    """All that was seen; nothing in it is judged."""

    name: str
    addresses: Answer[Address]
    ours: frozenset[Address]
    """Addresses among these and the configured ones that belong to this machine."""
    configured: tuple[Address, ...]
    """[server] addresses."""
    reverse: tuple[ReverseName, ...]
    port25: PortProbe
    clock: bool | None
    """Whether the system keeps its clock by others'; None where it does not tell."""
    disk: DiskRoom


class Check(msgspec.Struct, frozen=True):
    """One line of the page: the state, what was seen, and unless all is well: the effect, the fix, and who must act."""

    subject: str
    state: State
    what: str
    effect: str = ""
    fix: str = ""
    who: str = ""

"""Whose an IP address is, for whoever counts what peers do: the holder of one host, and the neighbourhood. Pure.

An IPv6 host owns a whole /64: to count its addresses one by one would count nothing.
"""

from ipaddress import AddressValueError, IPv4Address, IPv6Address


def holder(address: str) -> str:
    """The address, or the /64 of an IPv6 one; text that is no address stands for itself."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except AddressValueError:
        return address
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else parsed.packed[:8].hex()


def neighbourhood(address: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 one; text that is no address stands for itself."""
    try:
        if ":" not in address:
            return IPv4Address(address).packed[:3].hex()
    except AddressValueError:
        return address
    return holder(address)

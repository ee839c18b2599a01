"""Which names we answer to: a page under a foreign name could be used against who is signed in (DNS rebinding)."""

import re
from ipaddress import ip_address

from admin.house import WebHouse
from appliance.provision.setup import ADDRESS, unfinished

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,254})(?::[0-9]{1,5})?")


def read_host(header: bytes) -> str | None:
    """The name in a Host field (RFC 9110 §7.2), in lower case, without its port; None where it is none."""
    found = _HOST.fullmatch(header.decode("latin-1"))
    return None if found is None else found[1].lower().removesuffix(".")


def is_address(text: str) -> bool:
    """Whether it is an IP address, not a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_ours(house: WebHouse, name: str, local: str) -> bool:
    """Whether we answer to a name: the server's, a hosted domain's, loopback's, or the very address connected to.

    `local` is the address of our end of the connection: before any name points here, set-up begins at an address. While
    it is not finished, any IP address is ours; then the one at which it was.
    """
    if house.hostname.names(name) or name in LOOPBACK:
        return True
    literal = name.strip("[]")
    if literal == local or literal in house.settings.server.addresses:
        return True
    if is_address(literal):
        # Behind NAT nobody knows the address yet that leads here, and set-up begins at it. No name of somebody else's
        # comes with it, so there is nothing to rebind.
        store = house.store
        return literal == store.settings.get(ADDRESS) or unfinished(store) or not store.operators.exist()
    return house.store.directory.resolve(name) is not None

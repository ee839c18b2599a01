"""The two ends of a connection, as limits and records know them."""

from typing import Any

from appliance.mail.envelope import Peer


def endpoint(address: tuple[Any, ...]) -> Peer:
    """A socket's end; IPv4-mapped IPv6 becomes IPv4, so that there is one spelling."""
    return Peer(str(address[0]).removeprefix("::ffff:"), int(address[1]))

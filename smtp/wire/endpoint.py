"""The two ends of a connection, as limits and records know them."""

import asyncio

from appliance.mail.envelope import Peer


def endpoint(transport: asyncio.Transport, name: str) -> Peer:
    """A socket's end ("peername" or "sockname"); IPv4-mapped IPv6 becomes IPv4, so that there is one spelling."""
    info = transport.get_extra_info(name) or ("", 0)
    return Peer(str(info[0]).removeprefix("::ffff:"), int(info[1]))

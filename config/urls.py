"""The address of our own pages, as people have to write it: one function for whatever prints or redirects to it."""

from collections.abc import Sequence
from ipaddress import ip_address

from config.values import parse_listener

HTTPS = 443


def https_url(listeners: Sequence[str], hostname: str, path: str) -> str | None:
    """The URL of `path` on the HTTPS `listeners` (`address:port`), None where there are none.

    A server that listens on loopback only is "localhost"; any other goes by its host name.
    """
    found = [parse_listener(text) for text in listeners]
    if not found:
        return None
    public = [one for one in found if not ip_address(one[0]).is_loopback]
    port = (public or found)[0][1]
    return f"https://{authority(hostname if public else 'localhost', port)}{path}"


def claim_path(token: str) -> str:
    """The page on which an invited owner claims a mailbox."""
    return f"/i/{token}"


def setup_path(token: str) -> str:
    """The page on which the first administrator begins."""
    return f"/setup/{token}"


def address_url(listeners: Sequence[str], outward: str, path: str) -> str | None:
    """As `https_url`, by an IP address in place of the name: before a name leads here, this does.

    `outward` is the machine's own address, for listeners on all addresses. None where only loopback is listened on.
    """
    found = [parse_listener(text) for text in listeners]
    public = [one for one in found if not ip_address(one[0]).is_loopback]
    if not public:
        return None
    address, port = public[0]
    host = outward if ip_address(address).is_unspecified else address
    if not host:
        return None
    return f"https://{authority(f'[{host}]' if ':' in host else host, port)}{path}"


def authority(host: str, port: int) -> str:
    """Host and port of an https URL (RFC 3986 §3.2); the scheme's own port is left out."""
    return host if port == HTTPS else f"{host}:{port}"

"""What the service manager and the daemon say to each other: sockets, readiness, the watchdog (systemd's protocol).

Sockets that were passed (sd_listen_fds(3)) win over configured addresses, so that a daemon without any capability
serves the privileged ports. A socket belongs to the listener that its name says (FileDescriptorName=, such as
`smtp.mx`), else to the one whose configured port it has. Without a service manager nothing of this does anything.
"""

import os
import socket
from collections.abc import Iterable, Mapping, MutableMapping

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""
_PASSED = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class PassedSocketError(ValueError):
    """A passed socket that cannot be used; one line."""


class ServiceManager:
    """The other end of NOTIFY_SOCKET, if there is one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog(environ)
        """Seconds within which it wants a sign of life; 0 where it wants none."""

    def tell(self, *assignments: str) -> None:
        """Send `READY=1` and the like (sd_notify(3)); a manager that does not listen must not stop the mail."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto("\n".join(assignments).encode(), address)
            except OSError:
                return  # it watches us all the same, and will see what becomes of us


def _watchdog(environ: Mapping[str, str]) -> float:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1_000_000 if text.isascii() and text.isdigit() else 0


def take_sockets(
    listeners: Mapping[str, Iterable[str]], environ: MutableMapping[str, str], first: int = FIRST_DESCRIPTOR
) -> dict[str, list[socket.socket]]:
    """The sockets that were passed to this process, by configuration key; takes them out of the environment.

    `listeners` are the configured `address:port` texts by key. Raises PassedSocketError for a socket that belongs to
    no listener (it would be held open and never answered), and for one that takes IPv4 and IPv6 at once: IPv4
    addresses would come as ::ffff:192.0.2.1, which no network in the configuration covers, and all of which are one
    neighbourhood of IPv6.
    """
    pid, count, names = (environ.pop(name, "") for name in _PASSED)
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    labels = names.split(":") if names else []
    ports = {text.rpartition(":")[2]: key for key, texts in listeners.items() for text in texts}
    taken: dict[str, list[socket.socket]] = {}
    for number in range(int(count)):
        descriptor = first + number
        os.set_inheritable(descriptor, False)
        one = socket.socket(fileno=descriptor)
        one.setblocking(False)
        name = labels[number] if number < len(labels) else ""
        key = name if name in listeners else ports.get(str(_port(one)))
        if key is None:
            raise PassedSocketError(
                f"the service manager passed socket {name or descriptor} on port {_port(one)}, which no listener has; "
                f"allowed are the ports configured for {', '.join(listeners)}"
            )
        if one.family == socket.AF_INET6 and not one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            raise PassedSocketError(
                f"the service manager passed socket {name or descriptor} on port {_port(one)} for both IPv4 and IPv6; "
                "allowed is one for each (BindIPv6Only=ipv6-only)"
            )
        taken.setdefault(key, []).append(one)
    return taken


def _port(one: socket.socket) -> int:
    address = one.getsockname()
    return int(address[1]) if isinstance(address, tuple) else 0

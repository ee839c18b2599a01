"""Listening sockets, bound before anything else, so that a taken port ends a start that has touched nothing."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from config.values import parse_listener

BACKLOG = 1024
ACCEPT_AT_ONCE = 64
"""Connections accepted in one turn of the loop."""
PAUSE_SECONDS = 1.0
"""How long nothing is accepted when the system has no descriptors left."""

log = structlog.get_logger("appliance.sockets")
Taken = Callable[[socket.socket, tuple[Any, ...]], None]
"""Owns an accepted socket, not blocking, and gets the address it comes from."""


class CannotListen(ValueError):
    """A listener that cannot be had. `key` is its setting, such as "smtp.mx"; the text does not name it again."""

    def __init__(self, key: str, line: str) -> None:
        super().__init__(line)
        self.key = key


def bind_all(listeners: Mapping[str, Iterable[str]]) -> dict[str, list[socket.socket]]:
    """Bound sockets for the `address:port` texts of each key, or CannotListen and none at all."""
    bound: dict[str, list[socket.socket]] = {key: [] for key in listeners}
    try:
        for key, texts in listeners.items():
            for text in texts:
                bound[key].append(_bind(key, text))
    except CannotListen:
        close_all(bound)
        raise
    return bound


def close_all(bound: Mapping[str, Iterable[socket.socket]]) -> None:
    """Gives the ports back."""
    for sockets in bound.values():
        for one in sockets:
            one.close()


def address_of(bound: socket.socket) -> str:
    """Where a socket listens, as the configuration writes it; a port that was 0 is the one that was found."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def outward_address() -> str:
    """The address from which this machine reaches others, "" where it reaches none. Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(("192.0.2.1", 9))  # RFC 5737 §3: nobody's; only the route is looked up
            return str(one.getsockname()[0])
    except OSError:  # no route, or no descriptor left
        return ""


def _bind(key: str, text: str) -> socket.socket:
    host, port = parse_listener(text)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A server that is started again must not wait for connections of the old one to be forgotten.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
        one.bind((host, port))
        # Listening, too, can find the port taken: by a socket that was bound in the same moment.
        one.listen()
    except OSError as error:
        one.close()
        reason = (error.strerror or str(error)).lower()
        raise CannotListen(key, f'"{text}": {reason}; allowed is a free address and port of this machine') from None
    return one


class Door:
    """Accepts connections on a bound socket and hands each to `take`, before anything is read or any handshake.

    When descriptors or memory run out it accepts nothing for a second: accepting again at once would only spin.
    """

    def __init__(self, bound: socket.socket, take: Taken) -> None:
        self._socket = bound
        self._take = take

    def open(self) -> None:
        """Begin to accept."""
        self._socket.listen(BACKLOG)
        self._watch()

    def close(self) -> None:
        """Accept no more, and give the port back."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _watch(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPT_AT_ONCE):
            try:
                accepted, address = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("cannot accept", listener=address_of(self._socket), error=str(error))
                loop.remove_reader(self._socket)
                loop.call_later(PAUSE_SECONDS, self._watch)
                return
            accepted.setblocking(False)
            self._take(accepted, address)

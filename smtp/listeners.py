"""The ports of SMTP: served from sockets that are bound already, drained when the server stops.

Who may come in is decided when a connection is accepted, before anything is read and before any handshake.
"""

import asyncio
import socket
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import structlog

from appliance.mail.envelope import Peer, SessionFacts
from appliance.mail.reply import Reply
from appliance.sockets import Door, Taken
from smtp import replies
from smtp.front import Front
from smtp.limits import LINGER
from smtp.peek import NotSeen, peek
from smtp.proxy_header import MAX_HEADER, ProxyError, parse_header
from smtp.wire.endpoint import endpoint
from smtp.wire.handshake import HandshakeFailed, accept
from smtp.wire.protocol import Connection

COMMIT_GRACE = 5.0
"""Seconds that a message whose text has ended may still take to be stored, once the time for draining is over."""
MAX_EARLY = 65_536
"""Octets of a peer that is turned away that are read, so that they do not cost it the reply."""

MAX_WAITING = 500
"""Connections of proxies that have not said yet for whom; they say it at once, and in three seconds or never."""

Network = IPv4Network | IPv6Network
log = structlog.get_logger("smtp")


class SmtpListeners:
    """The listeners of one front and the sessions they have made."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._doors: list[Door] = []
        self._unannounced: set[asyncio.Task[None]] = set()

    async def start(self, listener: str, sockets: Iterable[socket.socket]) -> None:
        """Serve bound sockets; `listener` is the configuration key they come from, such as "smtp.mx"."""
        self._serve(sockets, partial(self._take, listener))

    async def start_proxied(self, listener: str, sockets: Iterable[socket.socket], networks: Iterable[str]) -> None:
        """Serve bound sockets where only proxies of some networks may connect, each saying first for whom."""
        known = tuple(ip_network(text) for text in networks)
        self._serve(sockets, partial(self._take_proxied, listener, known))

    def _serve(self, sockets: Iterable[socket.socket], take: Taken) -> None:
        for bound in sockets:
            door = Door(bound, take)
            door.open()
            self._doors.append(door)

    def _take(self, listener: str, accepted: socket.socket, address: tuple[Any, ...]) -> None:
        self._let_in(listener, accepted, endpoint(address), endpoint(accepted.getsockname()))

    def _take_proxied(
        self, listener: str, networks: tuple[Network, ...], accepted: socket.socket, address: tuple[Any, ...]
    ) -> None:
        proxy = endpoint(address)
        if not any(ip_address(proxy.address.partition("%")[0]) in network for network in networks):
            log.info("proxy refused", listener=listener, peer=proxy.address, reason="not in smtp.proxy_from")
            accepted.close()
            return
        if len(self._unannounced) >= MAX_WAITING:
            log.info("proxy refused", listener=listener, peer=proxy.address, reason="too many wait for their header")
            accepted.close()
            return
        task = asyncio.get_running_loop().create_task(self._announce(listener, accepted, proxy))
        self._unannounced.add(task)
        task.add_done_callback(self._unannounced.discard)

    async def _announce(self, listener: str, accepted: socket.socket, proxy: Peer) -> None:
        """Reads for whom the proxy speaks; from then on only that address counts, until then nobody's."""
        connections, header, why = self._front.connections, None, "no whole header in time"
        connections.wait()
        try:
            async with asyncio.timeout(self._front.limits.proxy_wait):
                header = await peek(accepted, MAX_HEADER, parse_header)
                accepted.recv(header.length)
        except (ProxyError, NotSeen) as error:
            why = str(error)
        except OSError:
            pass  # TimeoutError is one
        finally:
            connections.waited()
            if header is None or header.source is None or header.destination is None:
                accepted.close()
        if header is None:
            log.info("proxy refused", listener=listener, peer=proxy.address, reason=why)
        elif header.source is not None and header.destination is not None:
            self._let_in(listener, accepted, header.source, header.destination)

    def _let_in(self, listener: str, accepted: socket.socket, peer: Peer, local: Peer) -> None:
        front = self._front
        secured = front.implicit_tls(listener)
        refusal = front.admit(peer.address)
        if refusal is not None:
            facts = SessionFacts(front.receiver.new_id(), listener, peer, local)
            front.chronicle.turned_away(facts, refusal, said=not secured)
            _turn_away(accepted, None if secured else refusal)
            return
        connection = Connection(front, listener, peer, local)
        connection.opening = connection.loop.create_task(self._open(connection, accepted, secured))

    async def _open(self, connection: Connection, accepted: socket.socket, secured: bool) -> None:
        """Makes the connection; one that is not made gives its place back."""
        loop, front, failure = connection.loop, self._front, ""
        try:
            if secured:
                assert front.tls is not None
                seconds = front.limits.handshake_wait(stress=front.connections.stressed)
                await accept(loop, accepted, connection, front.tls, seconds)
            else:
                await loop.connect_accepted_socket(lambda: connection, accepted)
        except HandshakeFailed as error:
            failure = str(error)
        except OSError:
            pass  # it is gone already
        finally:
            connection.opening = None
            if connection.transport is None:
                connection.never_made(failure)
                accepted.close()

    async def drain(self, seconds: float) -> None:
        """Take no more connections; end all sessions within about `seconds`.

        Those that wait for a command are told 421 at once. DATA that ends in time is stored and answered, the rest
        is told 421 and leaves nothing behind (RFC 5321 §3.8). A commit under way is never abandoned.
        """
        for door in self._doors:
            door.close()
        self._doors.clear()
        for task in self._unannounced:
            task.cancel()
        self._front.draining = True
        sessions = tuple(self._front.sessions)
        for session in sessions:
            session.drain()
        await _ended(sessions, seconds)
        for session in sessions:
            session.cut(replies.SHUTTING_DOWN)
        await _ended(sessions, COMMIT_GRACE)
        await _gone(sessions)


async def _ended(sessions: Iterable[Connection], seconds: float) -> None:
    tasks = [task for session in sessions if (task := session.task()) is not None and not task.done()]
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def _gone(sessions: Iterable[Connection]) -> None:
    """Lets the last replies reach their peers, then drops what is left."""
    closing = [asyncio.ensure_future(session.closed()) for session in sessions]
    if closing:
        _, late = await asyncio.wait(closing, timeout=LINGER)
        for future in late:
            future.cancel()
    for session in sessions:
        session.abort()


def _turn_away(accepted: socket.socket, word: Reply | None) -> None:
    """Closes a connection for which there is no place; inside TLS there is no word without a handshake."""
    try:
        if word is not None:
            accepted.send(word.wire())
            accepted.shutdown(socket.SHUT_WR)
            accepted.recv(MAX_EARLY)
    except OSError:
        pass  # it is gone already, or has sent nothing
    finally:
        accepted.close()

"""The ports of HTTP and HTTPS: uvicorn's protocol on our bound sockets, in the daemon's loop, with our own TLS context.

uvicorn's `Server` is left out: it takes signals, polls ten times a second, and counts a connection only after its
handshake. A connection here takes its place when it is accepted, as those of SMTP and IMAP do, and one that never
ends its handshake or its request gives it back.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any, cast

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState

from admin.app import make_app
from admin.connection import Connection
from admin.entrance import Entrance
from admin.house import WebHouse
from admin.plain import Plain
from appliance.connections import ConnectionCounter, patience
from appliance.sockets import Door

log = structlog.get_logger("admin")

MAX_CONNECTIONS = 500
"""Of HTTP and HTTPS together; people's browsers keep some each."""
KEEP_ALIVE_SECONDS = 15
HANDSHAKE_SECONDS = 10.0
SHUTDOWN_SECONDS = 5.0
"""How long the other end may take to answer close_notify."""
GRACE_SECONDS = 3.0
"""How long requests under way may take once the server stops."""
MAX_HEADER = 16_384
"""Bytes of a request's line and fields."""


class WebListeners:
    """The listeners of the web and the connections they have made."""

    def __init__(self, house: WebHouse, counter: ConnectionCounter) -> None:
        self._counter = counter
        self._state = ServerState()
        self._plain = _config(Plain(house))
        self._pages = _config(Entrance(make_app(house), house))
        self._doors: list[Door] = []
        self._places = 0
        self._handshakes: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> int:
        """Connections there are now."""
        return self._places

    def start(self, http: Iterable[socket.socket], https: Iterable[socket.socket], context: ssl.SSLContext) -> None:
        """Serve bound sockets: redirects on `http`, pages on `https` inside TLS."""
        for bound in http:
            self._open(bound, self._plain, None)
        for bound in https:
            self._open(bound, self._pages, context)

    async def drain(self, seconds: float) -> None:
        """Take no more connections, end idle ones at once, let requests under way end; then cut what is left."""
        for door in self._doors:
            door.close()
        self._doors.clear()
        for task in tuple(self._handshakes):
            task.cancel()
        for connection in tuple(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            _, late = await asyncio.wait(tuple(self._state.tasks), timeout=min(seconds, GRACE_SECONDS))
            for task in late:
                task.cancel()
            if late:
                log.warning("requests cut", count=len(late))
                await asyncio.wait(late)
        # A turn of the loop, so that what was just answered is handed to the system before connections are cut.
        await asyncio.sleep(0)
        for connection in tuple(self._state.connections):
            connection.transport.close()

    def _open(self, bound: socket.socket, config: Config, context: ssl.SSLContext | None) -> None:
        def take(accepted: socket.socket, address: tuple[Any, ...]) -> None:
            self._take(accepted, str(address[0]), config, context)

        door = Door(bound, take)
        door.open()
        self._doors.append(door)

    def _take(self, accepted: socket.socket, address: str, config: Config, context: ssl.SSLContext | None) -> None:
        place = self._counter.place(address) if self._places < MAX_CONNECTIONS else None
        if place is None:
            accepted.close()
            return
        self._places += 1
        task = asyncio.get_running_loop().create_task(self._welcome(accepted, place, config, context))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _welcome(
        self, accepted: socket.socket, place: Any, config: Config, context: ssl.SSLContext | None
    ) -> None:
        held = [place]

        def release() -> None:
            if held:
                held.pop()()
                self._places -= 1

        connection = Connection(config, self._state, release, lambda: self._counter.stressed)
        timeouts = {}
        if context is not None:
            seconds = patience(HANDSHAKE_SECONDS, stress=self._counter.stressed)
            timeouts = {"ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": SHUTDOWN_SECONDS}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=context, **timeouts
            )
        except (OSError, TimeoutError) as error:
            log.debug("no TLS", error=str(error))
        finally:
            if not connection.begun:
                release()
                accepted.close()


def _config(app: Plain | Entrance) -> Config:
    config = Config(
        cast("Any", app),  # one protocol, which each library types in its own words
        interface="asgi3",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        # What is no HTTP comes by the thousand; it is answered 400, and worth no line.
        log_level="error",
        access_log=False,
        server_header=False,
        # The entrance writes it, from the daemon's clock.
        date_header=False,
        # No proxy stands before us: who connects is who asks.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER,
    )
    config.load()
    return config

"""One HTTP connection: uvicorn's, with a bound on how long each of its states may last.

uvicorn waits for ever for a request to be complete and for an answer to be read. Here both take a place only for so
long, less under stress; between requests uvicorn's own keep-alive time-out holds.
"""

import asyncio
from collections.abc import Callable

import h11
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from admin.headers import ALWAYS, PRIVATE
from appliance.connections import patience

log = structlog.get_logger("admin")

REQUEST_SECONDS = 30.0
"""For a request to be complete, from its first octet (or the connection's beginning) to the last of its body."""
READ_SECONDS = 30.0
"""For the other end to take some of an answer."""


class Connection(H11Protocol):
    """Made by the listener for a place that is counted already; `release` gives it back."""

    def __init__(
        self, config: Config, state: ServerState, release: Callable[[], None], stressed: Callable[[], bool]
    ) -> None:
        super().__init__(config, state, {})
        self.begun = False
        """Whether there is a peer: `connection_lost` will be called."""
        self._release = release
        self._stressed = stressed
        self._request_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The peer is here (inside TLS: after the handshake)."""
        super().connection_made(transport)
        self.begun = True
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Octets of a request."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._await_request()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """An answer is written; what was read of the next request begins its own time."""
        super().on_response_complete()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()

    def pause_writing(self) -> None:
        """The other end does not read."""
        super().pause_writing()
        self._answer_timer = self.loop.call_later(self._patience(READ_SECONDS), self._late, "answer not read")

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        _cancel(self._answer_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever made it."""
        super().connection_lost(exc)
        self._stop_waiting()
        _cancel(self._answer_timer)
        self._release()

    def send_400_response(self, msg: str) -> None:
        """To what is no HTTP: the words of uvicorn, with the fields of all our answers."""
        text = msg.encode("ascii")
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *ALWAYS, PRIVATE]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=text), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        """The server stops: at once where nothing is under way, else after the answer."""
        try:
            super().shutdown()
        except h11.LocalProtocolError:
            self.transport.abort()

    def _await_request(self) -> None:
        if self._request_timer is None:
            seconds = self._patience(REQUEST_SECONDS)
            self._request_timer = self.loop.call_later(seconds, self._late, "request not complete")

    def _stop_waiting(self) -> None:
        _cancel(self._request_timer)
        self._request_timer = None

    def _patience(self, seconds: float) -> float:
        return patience(seconds, stress=self._stressed())

    def _late(self, why: str) -> None:
        log.debug("connection given up", why=why, peer=self.client[0] if self.client else "")
        self.transport.abort()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

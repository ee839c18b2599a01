"""The control socket of the running daemon.

`<data_dir>/control.sock`, mode 0600. The kernel says who connected (SO_PEERCRED); root and the daemon's own
user get in. One request a connection.
"""

import asyncio
import os
import socket
import struct
from pathlib import Path

import structlog

from appliance.control.house import Caller, House, Progress
from appliance.control.place import socket_path
from appliance.control.reply import FAILED, MAX_REQUEST, RETRY, SOCKET, USAGE, VerbError, decode_request, encode
from appliance.control.table import run_verb

log = structlog.get_logger("appliance.control")

MAX_CONNECTIONS = 32
"""Requests at once; beyond it the caller is told to try again."""
REQUEST_SECONDS = 10.0
"""A client that has not sent its line by then is gone."""
WRITE_SECONDS = 30.0
"""A client that does not read for so long is gone."""
CLOSE_SECONDS = 5.0
"""Verbs under way may take so long to finish when the daemon stops."""


class ControlServer:
    """Serves the verbs on the socket of one data directory, whose lock the daemon holds."""

    def __init__(self, data_dir: Path, house: House, *, allowed: frozenset[int] | None = None) -> None:
        """`allowed` are the users that get in, root and the daemon's own unless named."""
        self._allowed = frozenset({0, os.geteuid()}) if allowed is None else allowed
        self._data_dir = data_dir
        self._house = house
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the socket; a stale one of a daemon that was killed is replaced. Raises OSError."""
        listening = _listen(self._data_dir)
        # The limit is that of one line: readuntil refuses what is longer.
        self._server = await asyncio.start_unix_server(self._connected, sock=listening, limit=MAX_REQUEST)

    async def close(self) -> None:
        """Take no more requests, let those under way finish, remove the socket."""
        if self._server is None:
            return
        self._server.close()
        (self._data_dir / SOCKET).unlink(missing_ok=True)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:  # asyncio always runs this in a task
            raise RuntimeError("a connection outside a task")
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, TimeoutError) as error:
            log.info("a control client went away", error=str(error))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = peer_uid(writer.get_extra_info("socket"))
        try:
            # Read first, also where the answer is no: closing with the request unread would reset the connection,
            # and the answer could be lost on the way.
            line = await _line(reader)
            if uid not in self._allowed:
                raise VerbError(f"user {uid} may not: only root and the daemon's own user", FAILED)
            if len(self._tasks) > MAX_CONNECTIONS:
                raise VerbError("too many requests at once, try again", RETRY)
            answer: dict[str, object] = {"result": await self._answer(line, writer, uid)}
        except VerbError as error:
            answer = {"error": str(error), "exit": error.code}
        await _send(writer, answer)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter, uid: int) -> object:
        request = decode_request(line)

        async def progress(state: Progress) -> None:
            await _send(writer, {"progress": state})

        return await run_verb(self._house, Caller(f"cli:{uid}", progress), request.verb, request.args)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise VerbError(f"the request is longer than {MAX_REQUEST} bytes", USAGE) from None
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the request was not complete") from error


async def _send(writer: asyncio.StreamWriter, message: dict[str, object]) -> None:
    writer.write(encode(message))
    async with asyncio.timeout(WRITE_SECONDS):
        await writer.drain()


def peer_uid(connected: socket.socket) -> int:
    """The user at the other end, as the kernel saw it at connect (struct ucred: pid, uid, gid)."""
    size = struct.calcsize("3i")
    uid: int = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]
    return uid


def _listen(data_dir: Path) -> socket.socket:
    (data_dir / SOCKET).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_path(data_dir) as path:
            listening.bind(path)
        # Nobody can connect between bind and listen, so nobody gets in before the mode is right.
        (data_dir / SOCKET).chmod(0o600)
        listening.listen(MAX_CONNECTIONS)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening

"""Renders messages for the store: small ones at once, big ones in processes of their own, so that the loop never waits.

The processes are plain children that run `render_worker` and are started when the first big message comes: they
inherit no thread, lock or socket. A child that takes longer than its deadline is killed and replaced. What goes to
it is a path, and what comes back a rendition. One very big message is rendered at a time, since its mapped file
counts as memory.
"""

import asyncio
import contextlib
import json
import os
import struct
import sys

import msgspec

from appliance.mail.delivery import Content
from appliance.mail.structure import Rendition, render
from appliance.render_worker import render_file

INLINE_BYTES = 128 * 1024
"""Messages up to this size are rendered on the loop (a fraction of a millisecond)."""
HUGE_BYTES = 16 * 1024 * 1024
"""Messages from this size on are rendered one at a time."""
WORKERS = 2
DEADLINE = 20.0
"""Seconds a rendition may take."""
_ANSWER = struct.Struct("!I")


class RenderError(Exception):
    """A message could not be rendered: too slow, or its file could not be read. Trying again may help."""


class Renderer:
    """Makes renditions. `max_depth` and `max_parts` bound the structure (0 is no bound of ours)."""

    def __init__(self, max_depth: int, max_parts: int, *, deadline: float = DEADLINE) -> None:
        self._max_depth = max_depth or sys.maxsize
        self._max_parts = max_parts or sys.maxsize
        self._deadline = deadline
        self._free = asyncio.Semaphore(WORKERS)
        self._huge = asyncio.Lock()
        self._idle: list[asyncio.subprocess.Process] = []
        self._closed = False

    async def __call__(self, content: Content) -> Rendition:
        """The rendition of a message; raises RenderError."""
        if content.data is not None:
            return render(content.data, max_depth=self._max_depth, max_parts=self._max_parts)
        assert content.path is not None
        try:
            if content.size <= INLINE_BYTES:
                return render_file(content.path, self._max_depth, self._max_parts)
            async with self._huge if content.size >= HUGE_BYTES else contextlib.nullcontext(), self._free:
                return await self._ask(str(content.path))
        except OSError as error:
            raise RenderError(f"message file: {error}") from error

    async def close(self) -> None:
        """Ends the processes; nothing may be rendered any more."""
        self._closed = True
        for worker in self._idle:
            worker.kill()
            await worker.wait()
        self._idle.clear()

    async def _ask(self, path: str) -> Rendition:
        worker = self._idle.pop() if self._idle else await _start()
        kept = False
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._exchange(worker, path)
            kept = not self._closed
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            raise RenderError(f"rendering failed: {type(error).__name__}") from error
        finally:
            if kept:
                self._idle.append(worker)
            else:
                with contextlib.suppress(ProcessLookupError):
                    worker.kill()
                await worker.wait()
        if not answer:
            raise RenderError("the message file could not be read")
        return msgspec.msgpack.decode(answer, type=Rendition)

    async def _exchange(self, worker: asyncio.subprocess.Process, path: str) -> bytes:
        assert worker.stdin is not None
        assert worker.stdout is not None
        request = {"path": path, "depth": self._max_depth, "parts": self._max_parts}
        worker.stdin.write(json.dumps(request).encode("ascii") + b"\n")
        (length,) = _ANSWER.unpack(await worker.stdout.readexactly(_ANSWER.size))
        return await worker.stdout.readexactly(length)


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "appliance.render_worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )

"""A message while it is being received: in memory while it is small, then in a file of the spool directory.

The spool counts bytes and hashes them as they come. All memory is taken from one budget for the whole process;
when that is exhausted a message goes to its file at once instead of failing. What lies in the spool directory
belongs to sessions of this process: it is emptied at start.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from appliance.mail.delivery import Content
from appliance.store.errors import StoreCrowded, StoreError, StoreFull
from appliance.store.files import FilePool, as_store_error

MEMORY_BYTES = 256 * 1024
"""A message above this is held in its file."""
WHOLE_BYTES = 128 * 1024
"""A finished message up to this is handed on in memory: it is rendered there, and written once, to where it stays."""
HEAD_BYTES = 1024 * 1024 + 1
"""How much of a header block is kept at hand; one byte more than the default limit of header blocks."""
UNBUDGETED_HEAD = 16 * 1024
"""Header bytes that a message may hold in memory even when the budget is exhausted."""
_BLOCK = 256 * 1024


class MemoryBudget:
    """Bytes of messages that may be held in memory by all sessions together; 0 is unlimited. Loop thread only."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def reserve(self, size: int) -> bool:
        """Take `size` bytes of it, if there are so many left."""
        if self.limit and self.used + size > self.limit:
            return False
        self.used += size
        return True

    def release(self, size: int) -> None:
        """Give bytes back."""
        self.used -= size


class SpoolFile:
    """A file of the spool directory, made by its first write. Blocks, but for the constructor.

    A lock keeps `discard` from closing it under a write: a descriptor closed there could be another file by then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        self._lock = threading.Lock()
        self._ended = False

    def write(self, data: bytes | bytearray) -> None:
        """Append; nothing once it was discarded."""
        with self._lock:
            if self._ended:
                return
            if self._descriptor < 0:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o600)
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def blocks(self) -> Iterator[bytes]:
        """All of it, in pieces; it cannot be closed meanwhile."""
        with self._lock:
            offset = 0
            while not self._ended and (block := os.pread(self._descriptor, _BLOCK, offset)):
                yield block
                offset += len(block)

    def close(self) -> None:
        """Close it, for good, and leave it where it is."""
        with self._lock:
            self._ended = True
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def discard(self) -> None:
        """Close and delete it."""
        self.close()
        self.path.unlink(missing_ok=True)


class Spool:
    """One message being received. `feed` its bytes, then `finish` it or `abandon` it."""

    def __init__(
        self,
        directory: Path,
        budget: MemoryBudget,
        pool: FilePool,
        *,
        memory_limit: int = MEMORY_BYTES,
        head_limit: int = HEAD_BYTES,
        room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`room` says whether the disk may take more: much may have come since the message began."""
        self.size = 0
        """Bytes fed so far."""
        self._directory = directory
        self._budget = budget
        self._pool = pool
        self._memory_limit = memory_limit
        self._head_limit = head_limit
        self._room = room
        self._digest = hashlib.sha256()
        self._head = bytearray()
        self._head_open = True
        self._buffer = bytearray()
        self._reserved = 0
        self._reserved_head = 0
        self._file: SpoolFile | None = None
        self._ended = False

    @property
    def digest(self) -> bytes:
        """SHA-256 of the bytes fed so far."""
        return self._digest.digest()

    @property
    def head_bytes(self) -> bytes:
        """The first bytes fed: through the empty line that ends the header block, or up to the head limit."""
        return bytes(self._head)

    def feed(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next bytes. An awaitable must be awaited before the next call: that is the back-pressure.

        Raises StoreCrowded when a long header finds the memory of the process exhausted; the awaitable raises
        StoreFull or StoreError.
        """
        if self._ended:
            raise StoreError("the message has ended")
        self.size += len(chunk)
        self._digest.update(chunk)
        if self._head_open:
            self._take_head(chunk)
        self._buffer += chunk
        if self._budget.reserve(len(chunk)):
            self._reserved += len(chunk)
            if len(self._buffer) <= (self._memory_limit if self._file is None else _BLOCK):
                return None
        return self._spill()

    async def finish(self, head: bytes, replaced: int = 0) -> Content:
        """The message with `head` put before it, in place of its first `replaced` bytes.

        In memory while it is small, else a complete, closed file.

        Once. The file is not fsynced yet; `Blobs.store` does that, and takes the file over. Raises StoreFull or
        StoreError, after which nothing is left behind.
        """
        self._ended = True
        try:
            if self._file is None and self.size + len(head) <= WHOLE_BYTES:
                data = head + self._buffer[replaced:]
                return Content(len(data), hashlib.sha256(data).digest(), data)
            return await self._whole(head, replaced)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Drop the message: its memory and its file. Safe at any time, and more than once."""
        self._ended = True
        self._buffer = bytearray()
        self._budget.release(self._reserved + self._reserved_head)
        self._reserved = self._reserved_head = 0
        file, self._file = self._file, None
        if file is not None:
            self._pool.soon(file.discard)

    def _take_head(self, chunk: bytes) -> None:
        searched = max(len(self._head) - 3, 0)
        taken = chunk[: self._head_limit - len(self._head)]
        self._head += taken
        # RFC 5322 §2.1: the header block ends with an empty line; it may itself be empty.
        blank = 0 if self._head.startswith(b"\r\n") else self._head.find(b"\r\n\r\n", searched) + 2
        if blank != 1:
            del self._head[blank + 2 :]
            self._head_open = False
        elif len(self._head) >= self._head_limit:
            self._head_open = False
        if len(self._head) > UNBUDGETED_HEAD:
            if not self._budget.reserve(len(taken)):
                raise StoreCrowded("no memory is left for a long header")
            self._reserved_head += len(taken)

    async def _spill(self) -> None:
        """Move what is held in memory to the file."""
        if not self._room():
            raise StoreFull("the disk is below its reserve")
        if self._file is None:
            self._file = self._new_file()
        held, self._buffer = self._buffer, bytearray()
        try:
            await self._pool.run(self._file.write, held)
        except OSError as error:
            raise as_store_error(error, "spool file") from error
        finally:
            self._budget.release(self._reserved)
            self._reserved = 0

    async def _whole(self, head: bytes, replaced: int) -> Content:
        whole = self._new_file()
        try:
            return await self._pool.run(_write_whole, whole, head, replaced, self._file, self._buffer)
        except BaseException as error:
            self._pool.soon(whole.discard)
            if isinstance(error, OSError):
                raise as_store_error(error, "spool file") from error
            raise

    def _new_file(self) -> SpoolFile:
        return SpoolFile(self._directory / f"message-{secrets.token_hex(8)}")


def _write_whole(whole: SpoolFile, head: bytes, replaced: int, file: SpoolFile | None, rest: bytearray) -> Content:
    """Write head, file and rest (without their first `replaced` bytes) as one file, hashing them on the way."""
    digest = hashlib.sha256()
    size = 0
    blocks: Iterable[bytes | bytearray] = chain(
        (head,), _after(replaced, chain(file.blocks() if file else (), (rest,)))
    )
    for block in blocks:
        digest.update(block)
        size += len(block)
        whole.write(block)
    whole.close()
    return Content(size, digest.digest(), None, whole.path)


def _after(skipped: int, blocks: Iterable[bytes | bytearray]) -> Iterator[bytes | bytearray]:
    for block in blocks:
        yield block[skipped:]
        skipped = max(skipped - len(block), 0)


def empty_spool(directory: Path) -> None:
    """Make the spool directory, or empty it: what lies there belongs to sessions that are gone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in directory.iterdir():
        path.unlink()

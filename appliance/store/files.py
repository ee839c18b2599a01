"""File work off the loop: a small pool of threads, and the fsyncs that make a file last."""

import asyncio
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from appliance.store.errors import StoreError, StoreFull

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 6


class FilePool:
    """The threads that read and write message files. The loop itself touches none of them."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, "store-file")
        self._closed = False

    async def run(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `act` on a thread of the pool and await it; it runs to its end even when the caller is cancelled."""
        return await asyncio.wrap_future(self._pool.submit(act, *args, **kwargs))

    def soon(self, act: Callable[[], None]) -> None:
        """Run `act`, which must not raise, without anyone waiting for it; at once where the pool has ended."""
        if self._closed:
            act()
        else:
            self._pool.submit(act)

    def close(self) -> None:
        """End the threads once all they were given is done."""
        self._closed = True
        self._pool.shutdown(wait=True)


def sync_directory(path: Path) -> None:
    """Make a directory's entries durable: a rename or a link by itself is not."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_disk_failure(error: OSError) -> bool:
    """Whether the device failed: after a failed fsync the next one may lie, so nothing may be promised any more."""
    return error.errno == errno.EIO


def as_store_error(error: OSError, what: str) -> StoreError:
    """The store's word for a failed system call."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"the disk is full ({what})")
    return StoreError(f"{what}: {error.strerror or error}")

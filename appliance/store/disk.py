"""Room on the disk: no mail is taken below the reserve, and deleting works even when there is none left."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger("appliance.store")

MIN_INODES = 1000
BALLAST_BYTES = 16 * 1024 * 1024
"""Deleting needs room too (the WAL grows first): this much is set aside for it."""
CACHE_SECONDS = 1.0
_GIB = 1 << 30


def default_reserve(max_message_size: int) -> int:
    """The reserve where none is configured: 1 GiB, or twice the largest message where that is more."""
    return max(_GIB, 2 * max_message_size)


def free(path: Path) -> tuple[int, int | None]:
    """Free bytes and inodes of the file system of `path`, for an unprivileged process.

    Inodes are None where the file system has no such limit (f_files is 0).
    """
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None


def capacity(path: Path) -> int:
    """All bytes of the file system of `path`, used or free."""
    status = os.statvfs(path)
    return status.f_blocks * status.f_frsize


class DiskGuard:
    """Whether there is room to take mail in `directory`, and the ballast file that is let go when there is none."""

    def __init__(
        self,
        directory: Path,
        reserve: int,
        *,
        min_inodes: int = MIN_INODES,
        ballast: int = BALLAST_BYTES,
        free: Callable[[Path], tuple[int, int | None]] = free,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = directory
        self.reserve = reserve
        self.min_inodes = min_inodes
        self._ballast = ballast
        self._ballast_path = directory / "ballast"
        self._free = free
        self._monotonic = monotonic
        self.on_low: Callable[[], None] = lambda: None
        """Called when the disk is found below its reserve (`Engine.shrink`)."""
        self._looked_at = float("-inf")
        self._ok = True

    def ok(self) -> bool:
        """Whether mail may be taken. Looks at the disk at most once a second; logs one line for each change."""
        if self._monotonic() - self._looked_at < CACHE_SECONDS:
            return self._ok
        room, inodes = self._free(self.directory)
        self._looked_at = self._monotonic()
        ok = room >= self.reserve and (inodes is None or inodes >= self.min_inodes)
        if ok != self._ok:
            self._ok = ok
            if not ok:
                self.on_low()
            say = log.info if ok else log.error
            what = "mail is taken again" if ok else "no mail is taken: the disk is below its reserve"
            say(what, free_bytes=room, reserve=self.reserve, free_inodes=inodes, min_inodes=self.min_inodes)
        return ok

    def tend(self) -> None:
        """Make the ballast file again once there is room for it; blocks, for upkeep on a thread."""
        room, _ = self._free(self.directory)
        if room < self.reserve:
            self.on_low()
        if self._ballast_path.exists() or room < self.reserve + 2 * self._ballast:
            return
        part = self._ballast_path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._ballast)
            part.replace(self._ballast_path)
        except OSError as error:
            part.unlink(missing_ok=True)
            log.warning("no ballast file", error=str(error))

    def relieve(self) -> bool:
        """Let the ballast go, for a write that found the disk full; True when that gave room. Any thread."""
        try:
            self._ballast_path.unlink()
        except FileNotFoundError:
            return False
        log.warning("the disk is full: the ballast file was let go so that mail can be deleted")
        return True

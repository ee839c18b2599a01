"""What an idle connection inside TLS costs, and the one setting of the C library that keeps it low."""

import ctypes
import sys

import structlog

_M_MMAP_THRESHOLD = -3
LARGE_BLOCK = 128 * 1024
"""Octets from which on a block is mapped on its own; glibc's default, until it adapts."""

_log = structlog.get_logger("imap")


def keep_large_blocks_apart() -> None:
    """Map large blocks one by one, for the life of the process; does nothing where the C library is not glibc.

    uvloop allocates 256 KiB for each TLS connection and touches a page of it. glibc would soon adapt and take
    such blocks from the heap, among what is used and freed all the time: 50 kB of memory a connection, not 26.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK) != 1:
        _log.info("the C library has no mallopt: idle TLS connections cost more memory")

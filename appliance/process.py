"""What the daemon asks of its own process: descriptors, file modes, frugal memory, the clock."""

import ctypes
import gc
import os
import resource
import sys
import time

UMASK = 0o077
"""Nothing the appliance writes is for other users."""
MALLOC_OPTIONS = {-3: 262_144, -8: 2}
"""glibc's M_MMAP_THRESHOLD and M_ARENA_MAX. A TLS connection has a buffer of 256 KiB of which it touches a page or two:
mapped, the rest costs nothing, while on the heap (where glibc would move it once the first one was freed) it costs
tens of kilobytes. Two arenas are enough for threads that mostly wait for one another."""
SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps the interpreter while another waits for it."""
GC_THRESHOLDS = (50_000, 20, 100)
"""Most objects die by their reference count; a full collection of a big heap would hold the loop for a while."""


def prepare() -> int:
    """To be called before anything is made: private files, as many descriptors as allowed; gives their number."""
    os.umask(UMASK)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # not every C library has it
        for option, value in MALLOC_OPTIONS.items():
            mallopt(option, value)
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        except (OSError, ValueError):  # a sandbox may refuse the call itself
            return allowed
    return most


def settle() -> None:
    """To be called once everything is built: what is there now stays, and is never looked through again."""
    # The writer and the loop hand the interpreter to each other at every statement: 5 ms would be a long wait.
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def microseconds() -> int:
    """The clock: UTC microseconds."""
    return time.time_ns() // 1000

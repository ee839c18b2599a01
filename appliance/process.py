"""What the daemon asks of its own process: descriptors, file modes, a quiet garbage collector, the clock."""

import gc
import os
import resource
import time

UMASK = 0o077
"""Nothing the appliance writes is for other users."""
GC_THRESHOLDS = (50_000, 20, 100)
"""Most objects die by their reference count; a full collection of a big heap would hold the loop for a while."""


def prepare() -> int:
    """To be called before anything is made: private files, as many descriptors as allowed; gives their number."""
    os.umask(UMASK)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def settle() -> None:
    """To be called once everything is built: what is there now stays, and is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def microseconds() -> int:
    """The clock: UTC microseconds."""
    return time.time_ns() // 1000

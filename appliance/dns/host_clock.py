"""Whether the system keeps its clock by others', as far as the kernel or systemd tells."""

import ctypes
import os
from pathlib import Path

TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once it has set the clock."""
UNSYNCHRONISED = 0x0040
"""STA_UNSYNC of adjtimex(2): cleared by whoever disciplines the clock, set again when the error exceeds 16 s."""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "seconds", "microseconds", "tick")),
        ("rest", ctypes.c_long * 32),
    )


def synchronised(marker: Path = TIMESYNCD) -> bool | None:
    """True or False where it is known; None where the kernel may not be asked (ProtectClock) and systemd is silent."""
    status = _kernel_status()
    if status is not None and not status & UNSYNCHRONISED:
        return True
    if marker.exists():
        return True
    return None if status is None else False


def _kernel_status() -> int | None:
    """The status bits, read with nothing set; None where that is refused or unknown."""
    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if adjtimex is None or os.uname().sysname != "Linux":
        return None
    timex = _Timex()
    return None if adjtimex(ctypes.byref(timex)) == -1 else timex.status

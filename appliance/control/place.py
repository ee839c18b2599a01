"""Where the control socket is, under a name short enough for the kernel."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.control.reply import SOCKET

MAX_PATH = 107
"""Bytes of a socket's path (sun_path less its end)."""


@contextmanager
def socket_path(data_dir: Path) -> Iterator[str]:
    """A path to the socket that bind and connect take, also where the data directory's own is too long for them."""
    plain = str(data_dir / SOCKET)
    if len(os.fsencode(plain)) <= MAX_PATH:
        yield plain
        return
    directory = os.open(data_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{SOCKET}"
    finally:
        os.close(directory)

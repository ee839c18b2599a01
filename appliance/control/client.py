"""Asks the running daemon. Imports next to nothing, so that a verb starts fast."""

import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.control.place import socket_path
from appliance.control.reply import FAILED, SOCKET, VerbError, encode

CONNECT_SECONDS = 5.0

Shown = Callable[[dict[str, Any]], None]
"""Takes each progress line: {"step", "done", "total"}."""


def connect(data_dir: Path) -> socket.socket | None:
    """A connection to the daemon of this data directory, or None when none runs. Raises VerbError."""
    try:
        if not stat.S_ISSOCK((data_dir / SOCKET).lstat().st_mode):
            raise VerbError(f"{data_dir / SOCKET} is no socket: remove it", FAILED)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise VerbError(f"{data_dir}: permission denied: run this as root or as its owner", FAILED) from None
    connected.settimeout(CONNECT_SECONDS)
    try:
        with socket_path(data_dir) as path:
            connected.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connected.close()
        return None
    except OSError as error:
        connected.close()
        raise VerbError(f"{data_dir / SOCKET}: {error.strerror or error}", FAILED) from None
    return connected


def ask(connected: socket.socket, verb: str, args: Mapping[str, object], shown: Shown) -> object:
    """The verb's result; raises VerbError with the daemon's line and exit code. Closes the connection."""
    connected.settimeout(None)
    with connected, connected.makefile("rb") as lines:
        try:
            connected.sendall(encode({"verb": verb, "args": args}))
            for line in lines:
                message = msgspec.json.decode(line, type=dict[str, Any])
                if "progress" in message:
                    shown(message["progress"])
                elif "error" in message:
                    raise VerbError(str(message["error"]), int(message.get("exit", FAILED)))
                else:
                    return message["result"]
        except (OSError, msgspec.MsgspecError, KeyError) as error:
            raise VerbError(f"the daemon's answer broke off: {error}", FAILED) from None
    raise VerbError("the daemon ended before it had answered", FAILED)

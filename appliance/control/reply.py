"""What a verb answers with: its result, or one line and an exit code; and how both travel as JSON lines.

A request is `{"verb": "domain.add", "args": {...}}`. Lines back are `{"progress": {...}}`, any number, then
`{"result": ...}` or `{"error": "one line", "exit": 1}`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

OK = 0
FAILED = 1
"""It was understood, and did not work or is not allowed."""
USAGE = 2
"""It was not understood: wrong option, wrong value, wrong configuration."""
NOT_FOUND = 3
"""What it names does not exist."""
RETRY = 75
"""Try again later: busy, the disk full, somebody else holds the lock (EX_TEMPFAIL of sysexits)."""

MAX_REQUEST = 1 << 20
"""Longest request, in bytes with its newline."""
SOCKET = "control.sock"


class VerbError(Exception):
    """One line for the person at the terminal, and the exit code."""

    def __init__(self, line: str, code: int = FAILED) -> None:
        super().__init__(line)
        self.code = code


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the client wants done."""

    verb: str
    args: dict[str, Any] = {}


def decode_request(line: bytes) -> Request:
    """The request on a line; raises VerbError."""
    try:
        return msgspec.json.decode(line, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise VerbError(f"not a request: {error}", USAGE) from None


def encode(message: Mapping[str, object]) -> bytes:
    """One line of the answer."""
    return msgspec.json.encode(message) + b"\n"

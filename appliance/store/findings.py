"""What a check finds, and where it goes on looking."""

import sqlite3
from collections.abc import Callable

import msgspec

CHUNK = 200
"""Rows of one look."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it must be."""

    kind: str
    """Such as "counters" or "missing-file"."""
    object: str
    """What it is about, with its id as text."""
    text: str
    """One line for the operator."""
    id: int = 0
    fixable: bool = False
    """Whether `fix` can put it right without losing anything that could still be seen."""


Looked = tuple[int | None, list[Finding]]
"""Where the next look goes on, None at the end, and what this one found."""
Look = Callable[[sqlite3.Connection, int], Looked]

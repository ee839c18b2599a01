"""Several statements on one reading connection that must see the same moment."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def same_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All reads inside see one snapshot; inside a read that has one already, that one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")

"""What a job sees of the transaction it runs in."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from appliance.records import Topic

T = TypeVar("T")


class Tx:
    """One write transaction. A job has no effect but on it, for it may be run again when a batch was voided."""

    __slots__ = ("_connection", "_new_id", "after", "brings_mail", "now", "topics")

    def __init__(self, connection: sqlite3.Connection, now: int, new_id: Callable[[], int]) -> None:
        self._connection = connection
        self._new_id = new_id
        self.topics: list[Topic] = []
        self.after: list[Callable[[], None]] = []
        self.brings_mail = False
        """Set by jobs that add mail: the last room on the disk is not for them."""
        self.now = now
        """When the transaction began, in UTC microseconds."""

    def execute(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, params)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement for each row."""
        return self._connection.executemany(sql, rows)

    def new_id(self) -> int:
        """A fresh id (`appliance.ids`)."""
        return self._new_id()

    def publish(self, topic: Topic) -> None:
        """Tell the feed, on the loop, once the commit is durable."""
        self.topics.append(topic)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Run `act` on the writer thread once the commit is durable; it must be quick and must not raise."""
        self.after.append(act)


Job = Callable[[Tx], T]

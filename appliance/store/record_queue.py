"""What the record has still to write: bounded, merged by session, cut into batches; and what there was no room for."""

from collections.abc import Iterator

import msgspec

from appliance.store.record_rows import ROW_BYTES, Row, SessionRows

MAX_ROWS = 20_000
"""Rows that may wait."""
MAX_BYTES = 16 * 1024 * 1024
"""Their size, roughly."""
BATCH_SESSIONS = 250
"""Sessions of one job: a few milliseconds of the writer's time."""
BATCH_ROWS = 1000
"""Rows at which a batch is full; one session's may be more."""


class Batch(msgspec.Struct):
    """What one job writes."""

    sessions: list[SessionRows] = []
    imap: list[Row] = []
    folds: list[tuple[int, int]] = []
    rows: int = 0
    size: int = 0

    @property
    def full(self) -> bool:
        """Whether no more belongs into it."""
        return len(self.sessions) + len(self.imap) + len(self.folds) >= BATCH_SESSIONS or self.rows >= BATCH_ROWS

    @property
    def loss(self) -> "Loss":
        """What is lost when it is given up."""
        ids = (
            [rows.session[0] for rows in self.sessions]
            + [row[0] for row in self.imap]
            + [first for first, _ in self.folds]
        )
        sessions = len(self.sessions) + len(self.imap) + sum(count for _, count in self.folds)
        return Loss(ids[0] if ids else 0, sessions, sum(len(rows.transactions) for rows in self.sessions))

    def split(self) -> "list[Batch]":
        """Each session by itself, so that one that can't be written spoils no other; [] where it is one already."""
        if len(self.sessions) + len(self.imap) + len(self.folds) < 2:
            return []
        parts = [Batch(sessions=[rows]) for rows in self.sessions]
        parts += [Batch(imap=[row]) for row in self.imap]
        # Last, for they need the sessions that they are added to.
        return parts + [Batch(folds=[fold]) for fold in self.folds]


class Loss(msgspec.Struct):
    """What is missing in the record, from `first` (a session's id) on."""

    first: int = 0
    sessions: int = 0
    transactions: int = 0

    def add(self, other: "Loss") -> None:
        """Count what is missing besides."""
        self.sessions += other.sessions
        self.transactions += other.transactions


class RecordQueue:
    """Waits for the next job. Nothing here blocks."""

    def __init__(self) -> None:
        self._sessions: dict[int, SessionRows] = {}
        self._imap: dict[int, Row] = {}
        self._folds: dict[int, int] = {}
        self._rows = 0
        self._size = 0
        self.losses: dict[str, Loss] = {}
        """By what happened: "overflow", "flood", "not written", "stand-in gone" (the session that stood for others)."""

    def __bool__(self) -> bool:
        return bool(self._sessions or self._imap or self._folds)

    def add(self, rows: SessionRows, *, stranger: bool = False) -> bool:
        """Let rows wait, with what waits of the same session; False where there is no room.

        Half of the room is not for strangers, of whom nothing is known but that they were turned away.
        """
        waiting = self._sessions.get(rows.session[0])
        merged = rows if waiting is None else waiting.followed_by(rows)
        count, size = (
            (merged.total, merged.size)
            if waiting is None
            else (merged.total - waiting.total, merged.size - waiting.size)
        )
        if not self._room(count, size, 2 if stranger else 1):
            self.lose("overflow", Loss(rows.session[0], 1, len(rows.transactions)))
            return False
        self._sessions[rows.session[0]] = merged
        return True

    def add_imap(self, row: Row) -> None:
        """Let the row of an IMAP session wait, in place of an older one of it."""
        if row[0] in self._imap or self._room(1, ROW_BYTES, 1):
            self._imap[row[0]] = row
        else:
            self.lose("overflow", Loss(row[0], 1))

    def fold(self, session: int) -> None:
        """A session is to stand for one more."""
        self._folds[session] = self._folds.get(session, 0) + 1

    def lose(self, what: str, loss: Loss) -> None:
        """Something will not be in the record."""
        if not loss.sessions and not loss.transactions:
            return
        self.losses.setdefault(what, Loss(loss.first)).add(loss)

    def take(self) -> list[Batch]:
        """All that waits, in batches; it takes its room until each is `done`."""
        sessions, imap, folds = self._sessions, self._imap, self._folds
        self._sessions, self._imap, self._folds = {}, {}, {}
        return list(_batches(sessions, imap, folds))

    def done(self, batch: Batch) -> None:
        """A batch is written, or given up."""
        self._rows -= batch.rows
        self._size -= batch.size

    def _room(self, rows: int, size: int, share: int) -> bool:
        if self._rows + rows > MAX_ROWS // share or self._size + size > MAX_BYTES // share:
            return False
        self._rows += rows
        self._size += size
        return True


def _batches(sessions: dict[int, SessionRows], imap: dict[int, Row], folds: dict[int, int]) -> Iterator[Batch]:
    """Batches in which a session comes before what is added to it."""
    batch = Batch()
    for rows in sessions.values():
        if batch.full:
            yield batch
            batch = Batch()
        batch.sessions.append(rows)
        batch.rows += rows.total
        batch.size += rows.size
    for row in imap.values():
        if batch.full:
            yield batch
            batch = Batch()
        batch.imap.append(row)
        batch.rows += 1
        batch.size += ROW_BYTES
    for first, count in folds.items():
        if batch.full:
            yield batch
            batch = Batch()
        batch.folds.append((first, count))
    if batch.sessions or batch.imap or batch.folds:
        yield batch

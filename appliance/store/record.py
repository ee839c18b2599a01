"""The record of sessions: what was tried, with what outcome, and why.

What belongs to an accepted message is written by the very job that stores it (`Acceptor.accept`): the one is never
there without the other. All else (refused, broken off, ended) is remembered here and written about a second later,
many sessions a job, so that no flood of refusals gets in the way of mail. Nothing is lost silently: what does not fit
the bounds, or could not be written, is counted in the log and in an event of stage "record".
"""

import asyncio
from collections.abc import Iterable

import msgspec
import structlog

from appliance.ids import id_text
from appliance.mail.session_record import (
    EventRecord,
    Facts,
    ImapSessionRecord,
    MessageRecord,
    SessionRecord,
    TransactionRecord,
)
from appliance.store.engine import Engine
from appliance.store.errors import StoreBroken, StoreError
from appliance.store.floods import Floods
from appliance.store.privacy import event_at, session_at, transaction_at
from appliance.store.record_policy import MAX_OPEN, RecordPolicy
from appliance.store.record_queue import Batch, Loss, RecordQueue
from appliance.store.record_rows import (
    SessionRows,
    add_folded,
    event_row,
    imap_row,
    put_accepted,
    put_events,
    put_imap_sessions,
    put_sessions,
    recipient_rows,
    renamed,
    session_row,
    transaction_row,
)
from appliance.store.tx import Tx

log = structlog.get_logger("appliance.store")

DELAY = 1.0
"""Seconds after which what is remembered is written."""
TRIES = 3
"""Pauses of DELAY that one flush makes for a store that refuses; then what it could not write is given up."""


class SealedRecord(msgspec.Struct, frozen=True):
    """The rows of an accepted message, ready for its job."""

    session: int
    trace: int
    rows: SessionRows
    """Without one for the session where that is on the disk."""

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return self.rows.size


class Recorder:
    """Writes the record. For the loop, but for `put`, which belongs to jobs."""

    def __init__(self, engine: Engine, policy: RecordPolicy) -> None:
        self._engine = engine
        self._policy = policy
        self._queue = RecordQueue()
        self._floods = Floods()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._untold: dict[str, Loss] = {}
        self._stored: dict[int, bool] = {}
        """Sessions under way that are on record, and whether on the disk for certain."""

    def seal(self, record: MessageRecord) -> SealedRecord:
        """The rows of an accepted message, with no more in them than the domains it touches allow."""
        session = record.session
        rows = self._rows(session, (record.transaction,), record.events, anew=not self._stored.get(session.id))
        return SealedRecord(session.id, record.transaction.id, rows)

    def settled(self, sealed: SealedRecord) -> None:
        """Its job is durable: the session needs no row with its next message."""
        self._note_stored(sealed.session, durable=True)

    def put(self, tx: Tx, sealed: SealedRecord, earlier: int | None = None) -> None:
        """Write them, in the job that stores the message; `earlier` is the trace under which it was stored before."""
        self._policy.keep_key(tx)
        put_accepted(tx, sealed.rows if earlier is None else renamed(sealed.rows, sealed.trace, earlier))
        if earlier is not None:
            facts: Facts = {"earlier": id_text(earlier)}
            put_events(tx, [event_row(EventRecord(sealed.trace, tx.now, "accept", "duplicate", facts=facts))])

    def remember(
        self,
        session: SessionRecord,
        transactions: tuple[TransactionRecord, ...] = (),
        events: tuple[EventRecord, ...] = (),
    ) -> None:
        """Have a session written as it is now, with transactions that stored nothing and with decisions.

        Called after each such transaction, and once at the session's end. Never blocks and never raises. In a flood
        (`floods`) a session that ended before MAIL is counted with others of its kind, and transactions are only
        counted.
        """
        over = session.ended is not None
        if transactions and not self._floods.spend(session.peer, _rows_in(transactions), transactions[-1].at):
            self._only_count(session, transactions)
            if not over:
                return
            transactions, events = (), ()
        if over and not (transactions or session.id in self._stored or session.account is not None):
            self._turned_away(session, events)
        elif self._queue.add(self._rows(session, transactions, events)) and not over:
            self._note_stored(session.id)
        if over:
            self._stored.pop(session.id, None)
        self._wake()

    def _turned_away(self, session: SessionRecord, events: tuple[EventRecord, ...]) -> None:
        """A session is over of which nothing is on record yet, for it never came as far as MAIL."""
        first = self._floods.first(session.peer, session.outcome, session.started)
        if first is not None:
            self._queue.fold(first)
            self._policy.forget(session.id)
        elif self._queue.add(self._rows(session, (), events), stranger=True):
            self._floods.add(session.peer, session.outcome, session.id, session.started)

    def _only_count(self, session: SessionRecord, transactions: tuple[TransactionRecord, ...]) -> None:
        """Transactions too many to be kept; the domains they touch have their say all the same."""
        self._queue.lose("flood", Loss(session.id, 0, len(transactions)))
        touched = [self._policy.touched_by(transaction) for transaction in transactions]
        self._policy.judge(msgspec.structs.replace(session, ended=None), touched)
        self._wake()

    def _note_stored(self, session: int, *, durable: bool = False) -> None:
        if len(self._stored) >= MAX_OPEN:
            self._stored.clear()  # fronts end what they begin; should one forget, no more comes of it than rows
        self._stored[session] = durable or self._stored.get(session, False)

    def remember_imap(self, session: ImapSessionRecord) -> None:
        """Have an IMAP session written as it is now: at its login, and at its end. Never blocks and never raises."""
        self._queue.add_imap(imap_row(session, self._policy.domain_of_account(session.account)))
        self._wake()

    async def flush(self) -> None:
        """Returns once all that was remembered is on the disk, or given up and counted."""
        async with self._turn:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            pauses = TRIES
            for batch in self._queue.take():
                try:
                    pauses = await self._write(batch, pauses)
                finally:
                    self._queue.done(batch)
            await self._tell_lost()
            if self._queue:
                self._wake()

    def _rows(
        self,
        session: SessionRecord,
        transactions: tuple[TransactionRecord, ...],
        events: Iterable[EventRecord],
        *,
        anew: bool = True,
    ) -> SessionRows:
        policy = self._policy
        touched = [policy.touched_by(transaction) for transaction in transactions]
        level, domain = policy.judge(session, touched)
        row = session_row(session_at(level, session, policy.veil), domain) if anew else ()
        rows = SessionRows(row, [], [], [])
        for transaction, found in zip(transactions, touched, strict=True):
            kept = transaction_at(level, transaction, policy.veil)
            rows.transactions.append(transaction_row(kept, found[0] if found else None))
            rows.recipients.extend(recipient_rows(kept))
        rows.events.extend(event_row(event_at(level, event, policy.veil)) for event in events)
        return rows

    def _wake(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self._start)

    def _start(self) -> None:
        self._timer = None
        self._writing = asyncio.ensure_future(self.flush())

    async def _write(self, batch: Batch, pauses: int) -> int:
        """Write a batch; gives how many pauses are left for those after it."""
        while True:
            try:
                missing = await self._engine.write(lambda tx: self._job(tx, batch), size=batch.size)
            except StoreBroken:
                pauses = 0
            except (StoreError, ValueError, OverflowError) as error:
                log.warning("record not written", error=str(error), **_counts(batch.loss))
                if _spoilt(error) and (parts := batch.split()):
                    for part in parts:
                        pauses = await self._write(part, pauses)
                    return pauses
            else:
                self._queue.lose("stand-in gone", Loss(batch.loss.first, missing))
                return pauses
            if not pauses:
                self._queue.lose("not written", batch.loss)
                return 0
            pauses -= 1
            await asyncio.sleep(DELAY)

    def _job(self, tx: Tx, batch: Batch) -> int:
        tx.brings_mail = True  # of the last room on the disk nothing is for the record
        self._policy.keep_key(tx)
        put_sessions(tx, batch.sessions)
        put_imap_sessions(tx, batch.imap)
        return add_folded(tx, batch.folds)

    async def _tell_lost(self) -> None:
        """Say in the log and in the record itself what is missing in it; there once it can be written again."""
        for what, loss in self._queue.losses.items():
            log.warning("record incomplete", why=what, first=id_text(loss.first), **_counts(loss))
            self._untold.setdefault(what, Loss(loss.first)).add(loss)
        self._queue.losses = {}
        if not self._untold:
            return
        told = dict(self._untold)

        def job(tx: Tx) -> None:
            tx.brings_mail = True
            put_events(tx, [event_row(_incomplete(what, loss, tx.now)) for what, loss in told.items()])

        try:
            await self._engine.write(job)
        except StoreError as error:
            log.warning("record not written", error=str(error), events=len(told))
        else:
            self._untold = {}


def _rows_in(transactions: tuple[TransactionRecord, ...]) -> int:
    return sum(1 + len(transaction.recipients) for transaction in transactions)


def _incomplete(what: str, loss: Loss, at: int) -> EventRecord:
    return EventRecord(loss.first, at, "record", what, facts=_counts(loss))


def _spoilt(error: Exception) -> bool:
    """Whether the rows are to blame: SQLite or its driver refused them, and neither disk nor queue is full."""
    return not isinstance(error, StoreError) or (type(error) is StoreError and error.__cause__ is not None)


def _counts(loss: Loss) -> Facts:
    return {"sessions": loss.sessions, "transactions": loss.transactions}

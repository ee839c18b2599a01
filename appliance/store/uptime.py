"""When the server ran: a row at its start, a sign of life every ten seconds, a word at an orderly end.

What the record does not tell of, it may not have seen: between two rows, and after a last sign of life, nothing was
on record (`appliance.store.trace.Traces.gaps`).
"""

import asyncio

import structlog

from appliance.store.engine import Engine, Tx
from appliance.store.errors import StoreBroken, StoreError
from appliance.store.trace import ALIVE_WITHIN

log = structlog.get_logger("appliance.store")

INTERVAL = 10.0
"""Seconds between two signs of life."""

_START = "INSERT INTO uptime (id, started, alive) VALUES (?, ?, ?)"
_ALIVE = "UPDATE uptime SET alive = ? WHERE id = ?"
_JOIN = "UPDATE uptime SET alive = ?, stopped = ? WHERE id = (SELECT min(id) FROM uptime)"
_STOP = "UPDATE uptime SET alive = ?, stopped = ? WHERE id = ?"


class Uptime:
    """One run of the server."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._row = 0
        self._alive = 0

    async def start(self) -> None:
        """The server runs from now on; where that can't be written, a later sign of life begins it."""
        try:
            await self.beat()
        except StoreError as error:
            log.warning("the start is not on record", error=str(error))

    async def run(self) -> None:
        """Give signs of life for as long as it is not cancelled; a broken disk ends it."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.beat()
            except StoreBroken:
                raise
            except StoreError as error:
                log.warning("no sign of life written, it is tried again", error=str(error))

    async def beat(self) -> None:
        """One sign of life; after a silence, in which the machine may have slept, a new stretch begins."""
        self._row, self._alive = await self._engine.write(self._continue)

    async def stop(self) -> None:
        """The server has stopped in order; all that was to be recorded is."""
        if self._row:
            await self._engine.write(lambda tx: tx.execute(_STOP, (tx.now, tx.now, self._row)).close())

    async def join(self) -> None:
        """Nothing is missing since the very first start, for a clock that was moved on; a new stretch begins."""

        def job(tx: Tx) -> tuple[int, int]:
            tx.execute(_JOIN, (tx.now, tx.now))
            return _begin(tx)

        self._row, self._alive = await self._engine.write(job)

    def _continue(self, tx: Tx) -> tuple[int, int]:
        tx.brings_mail = True  # of the last room on the disk nothing is for this
        if not 0 <= tx.now - self._alive <= ALIVE_WITHIN:
            return _begin(tx)
        tx.execute(_ALIVE, (tx.now, self._row))
        return self._row, tx.now


def _begin(tx: Tx) -> tuple[int, int]:
    row = tx.new_id()
    tx.execute(_START, (row, tx.now, tx.now))
    return row, tx.now

"""Sets of UIDs as runs of consecutive numbers, so that a statement with BETWEEN covers many at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from appliance.store.tx import Tx

Run = tuple[int, int]
"""First and last UID, both included."""
ALL: tuple[Run, ...] = ((1, 2**32 - 1),)
"""Every UID there can be."""
GAP = 32
"""Runs no further apart are read by one statement: passing over a row is cheaper than another statement."""


def ascending(uids: Iterable[int]) -> list[int]:
    """The UIDs in rising order, each once."""
    known = list(uids)
    if all(a < b for a, b in pairwise(known)):
        return known
    return sorted(set(known))


def uid_runs(uids: Iterable[int]) -> list[Run]:
    """The UIDs as the fewest runs, in rising order; they may come in any order and more than once."""
    if isinstance(uids, range) and uids.step == 1:
        return [(uids[0], uids[-1])] if uids else []
    known = ascending(uids)
    if known and known[-1] - known[0] + 1 == len(known):
        return [(known[0], known[-1])]
    return list(_runs(known))


def _runs(known: Sequence[int]) -> Iterator[Run]:
    if not known:
        return
    first = last = known[0]
    for uid in known[1:]:
        if uid != last + 1:
            yield first, last
            first = uid
        last = uid
    yield first, last


def rows_in(tx: Tx, sql: str, mailbox: int, runs: Sequence[Run], *params: Any) -> list[tuple[Any, ...]]:
    """Rows of `sql` for some runs, rising. It takes mailbox, first and last UID, then `params`; its rows start with
    the UID and come in order."""
    rows: list[tuple[Any, ...]] = []
    for first, last in _spans(runs):
        rows += tx.execute(sql, (mailbox, first, last, *params)).fetchall()
    return rows if len(runs) < 2 else list(_within(rows, runs))


def _spans(runs: Sequence[Run]) -> Iterator[Run]:
    if not runs:
        return
    first, end = runs[0]
    for start, last in runs[1:]:
        if start - end > GAP:
            yield first, end
            first = start
        end = last
    yield first, end


def _within(rows: Iterable[tuple[Any, ...]], runs: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
    ahead = iter(runs)
    first, last = next(ahead)
    for row in rows:
        while row[0] > last:
            first, last = next(ahead)
        if row[0] >= first:
            yield row

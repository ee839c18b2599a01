"""Sets of UIDs as runs of consecutive numbers, so that a statement with BETWEEN covers many at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

Run = tuple[int, int]
"""First and last UID, both included."""


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

"""The limits of what accounts send, for all sessions of submission together.

Counted is the record, so that a restart forgets nothing, and what open transactions hold beside it: within any window
no account gets more recipients accepted than its limit, however many sessions it opens.
"""

from collections.abc import Callable

from appliance.mail.envelope import SessionFacts
from appliance.store.trace import Traces
from smtp.submission.allowance import Limit, Reached, too_many
from smtp.submission.holds import Holds


class SendingLimits:
    """Belongs to the loop. The record is asked once a transaction, and where the answer is no."""

    def __init__(self, traces: Traces, limits: tuple[Limit, ...], now: Callable[[], int]) -> None:
        self._traces = traces
        self._limits = limits
        self._now = now
        self._holds = Holds()
        self._counts: dict[int, tuple[int, ...]] = {}
        self._reached: dict[int, Reached] = {}

    def take(self, session: SessionFacts) -> Reached | None:
        """Have the session's transaction hold one recipient more, unless a limit is reached: then which."""
        account = session.account
        found = self._judge(account, self._now()) if self._limits else None
        if found is None:
            self._holds.take(session.id, account)
        return found

    def storing(self, session: SessionFacts, trace: int) -> None:
        """The session's transaction is about to be stored."""
        self._holds.storing(session.id, trace)

    def over(self, session: SessionFacts) -> None:
        """The session's transaction is over, if it had one: on record, or nothing came of it."""
        self._holds.drop(session.id)
        self._counts.pop(session.account, None)
        self._reached.pop(session.account, None)

    def _judge(self, account: int, now: int) -> Reached | None:
        held = self._holds.of(account)
        counts = self._counts.get(account)
        if counts is not None and not any(map(too_many, self._limits, counts, [held] * len(counts))):
            return None  # time only takes from the counts
        known = self._reached.get(account)
        if known is not None and now < known.ends:
            return known
        storing = self._holds.traces(account)
        self._counts[account] = counts = tuple(
            [self._traces.account_recipients(account, _since(limit, now), storing)[0] for limit in self._limits]
        )
        full = [
            Reached(limit, self._leaves(account, limit, excess, now, storing) + limit.window)
            for limit, counted in zip(self._limits, counts, strict=True)
            if (excess := too_many(limit, counted, held))
        ]
        found = max(full, key=lambda one: one.ends, default=None)
        if found is not None:
            self._reached[account] = found
        return found

    def _leaves(self, account: int, limit: Limit, nth: int, now: int, storing: frozenset[int]) -> int:
        """When the nth oldest was accepted; now, where that is one that is held."""
        at = self._traces.account_recipient(account, _since(limit, now), nth, storing)
        return now if at is None else at


def _since(limit: Limit, now: int) -> int:
    """What was accepted then or later is within the window."""
    return now - limit.window + 1

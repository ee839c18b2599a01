"""The recipients that open transactions have accepted and the record does not hold yet, by account. Pure.

A transaction holds its recipients from RCPT until it is over: then they are on record, or nobody got the message. What
is being stored may be on record a moment before its transaction is over; its trace tells, so that nothing counts twice.
"""

import msgspec


class _Hold(msgspec.Struct):
    account: int
    recipients: int = 0
    trace: int = 0


class Holds:
    """What each session holds: it has one transaction at a time (RFC 5321 §3.3)."""

    def __init__(self) -> None:
        self._sessions: dict[int, _Hold] = {}
        self._accounts: dict[int, dict[int, _Hold]] = {}

    def take(self, session: int, account: int) -> None:
        """One recipient more of the session's transaction is accepted."""
        hold = self._sessions.get(session)
        if hold is None:
            hold = self._sessions[session] = _Hold(account)
            self._accounts.setdefault(account, {})[session] = hold
        hold.recipients += 1

    def storing(self, session: int, trace: int) -> None:
        """The session's transaction may be on record from now on, as `trace`."""
        if session in self._sessions:
            self._sessions[session].trace = trace

    def drop(self, session: int) -> None:
        """The session's transaction is over, if it had one."""
        hold = self._sessions.pop(session, None)
        if hold is not None:
            held = self._accounts[hold.account]
            del held[session]
            if not held:
                del self._accounts[hold.account]

    def of(self, account: int) -> int:
        """How many recipients all sessions of the account hold."""
        return sum(hold.recipients for hold in self._accounts.get(account, {}).values())

    def traces(self, account: int) -> frozenset[int]:
        """Transactions of the account that may be on record already."""
        return frozenset(hold.trace for hold in self._accounts.get(account, {}).values() if hold.trace)

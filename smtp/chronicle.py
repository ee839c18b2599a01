"""Writes down what sessions tell: their records, and a line in the log for each decision.

One trace id goes through both, the Received field and the 250 reply: from MAIL on the transaction's, before it the
session's.
"""

from collections.abc import Callable

import structlog

from appliance.ids import id_text
from appliance.mail.envelope import SessionFacts
from appliance.mail.reply import Reply
from appliance.store.record import Recorder
from smtp.record import QUIT, REFUSED, SessionTrace, words

_REFUSALS = {
    b"MAIL": ("mail", "sender refused"),
    b"RCPT": ("rcpt", "recipient refused"),
    b"DATA": ("data", "message refused"),
    b"AUTH": ("auth", "sign-in refused"),
}
"""By verb: the stage of the record, and the line of the log."""


class Chronicle:
    """One for each front. `now` gives UTC microseconds, `new_id` the ids of sessions and transactions."""

    def __init__(self, recorder: Recorder, now: Callable[[], int], new_id: Callable[[], int]) -> None:
        self._recorder = recorder
        self._log = structlog.get_logger("smtp").bind()
        self.now = now
        self.new_id = new_id

    def begin(self, facts: SessionFacts) -> SessionTrace:
        """A peer has been let in."""
        peer = facts.peer
        self._log.debug(
            "session begun", trace=id_text(facts.id), listener=facts.listener, peer=peer.address, port=peer.port
        )
        return SessionTrace(self.now(), self.new_id)

    def turned_away(self, facts: SessionFacts, reply: Reply, *, said: bool) -> None:
        """There was no place for a peer."""
        now = self.now()
        trace = SessionTrace(now, self.new_id)
        if said:
            trace.said(now, reply, (str(reply),))
        else:
            trace.remark(now, f"closed before the handshake: {words(reply)}")
        trace.outcome = REFUSED
        self.end(facts, trace)

    def judged(self, facts: SessionFacts, trace: SessionTrace, verb: bytes, reply: Reply) -> None:
        """A line was answered: if that was a decision, it is told."""
        if reply.code < 400:
            if verb == b"DATA":
                self._accepted(facts, trace, reply)
            elif verb == b"AUTH":
                self._log.info("signed in", **_who(facts, trace), account=facts.login)
            return
        stage, line = _REFUSALS.get(verb, ("", ""))
        if not stage:
            return
        rule = trace.decided(self.now(), stage, reply)
        told = {"rule": rule} if rule else {}
        transaction = trace.transaction
        if transaction is not None:
            told["mail_from"] = transaction.mail_from
            if verb == b"RCPT" and transaction.attempts:
                told["rcpt_to"] = transaction.attempts[-1].address
        self._log.info(line, **_who(facts, trace), code=reply.code, reason=words(reply), **told)

    def keep(self, facts: SessionFacts, trace: SessionTrace) -> None:
        """Transactions have ended that stored nothing."""
        transactions, events = trace.take(facts.id, self.now())
        self._recorder.remember(trace.session(facts), transactions, events)

    def end(self, facts: SessionFacts, trace: SessionTrace) -> None:
        """A session is over."""
        now = self.now()
        trace.finish()
        transactions, events = trace.take(facts.id, now)
        session = trace.session(facts, now)
        self._recorder.remember(session, transactions, events)
        tell = self._log.debug if trace.outcome == QUIT else self._log.info
        told = {"reason": trace.tls_failure} if trace.tls_failure else {}
        seconds = round((now - session.started) / 1_000_000, 3)
        tell("session over", **_who(facts, trace), outcome=trace.outcome, seconds=seconds, **told)

    def _accepted(self, facts: SessionFacts, trace: SessionTrace, reply: Reply) -> None:
        transaction = trace.transaction
        assert transaction is not None
        self._log.info(
            "message accepted",
            trace=id_text(transaction.id),
            peer=facts.peer.address,
            code=reply.code,
            mail_from=transaction.mail_from,
            rcpt_to=[one.address for one in transaction.attempts if one.reply.positive][:10],
            size=transaction.size,
        )


def _who(facts: SessionFacts, trace: SessionTrace) -> dict[str, str]:
    transaction = trace.transaction
    return {"trace": id_text(facts.id if transaction is None else transaction.id), "peer": facts.peer.address}

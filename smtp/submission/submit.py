"""The story after DATA of submission: that of the MX, with the author judged and the message completed."""

from appliance.ids import id_text
from appliance.mail.envelope import Envelope, SessionFacts
from appliance.mail.header import split_message
from appliance.mail.reply import Reply
from appliance.store.spool import Spool
from appliance.store.store import Store
from smtp import replies
from smtp.inbound.receive import Arrival, Intake, Routes
from smtp.submission.author import author
from smtp.submission.complete import complete
from smtp.submission.ownership import owns


class Submission(Arrival):
    """One message of one of our users."""

    def __init__(
        self, store: Store, intake: Intake, session: SessionFacts, envelope: Envelope, routes: Routes, spool: Spool
    ) -> None:
        super().__init__(intake, session, envelope, routes, spool)
        self._store = store

    def refused(self, head: bytes) -> Reply | None:
        """The limits of every message, then its author."""
        refusal = super().refused(head)
        if refusal is not None:
            return refusal
        sender = author(split_message(head)[0])
        if sender is None:
            return replies.BAD_FROM
        return None if owns(self._store, self._session.account, sender) else replies.not_owned(sender.text)

    def opened(self, head: bytes) -> tuple[bytes, int]:
        """The header block, completed, in place of the one that came."""
        block = split_message(head)[0]
        completed = complete(block, self._intake.now(), id_text(self._envelope.trace), self._intake.hostname())
        return completed, len(block)

"""Policy of the MX for each phase of a session: who may send what to whom."""

from collections.abc import Callable
from functools import partial

from appliance.mail.delivery import OverQuota, Route
from appliance.mail.envelope import Envelope, MailFrom, RcptTo, SessionFacts
from appliance.mail.reply import Reply
from appliance.sending.routing import route
from appliance.store.account_acts import mark_over_quota
from appliance.store.errors import StoreError
from appliance.store.store import Store
from config.settings import Settings
from smtp import replies
from smtp.inbound.receive import Arrival, Intake, Render, Routes, failure


class Receiver:
    """Answers what the wire asks; knows no sockets. All its reads are small and inline."""

    def __init__(
        self,
        settings: Settings,
        hostname: Callable[[], str],
        store: Store,
        render: Render,
        *,
        new_id: Callable[[], int],
        now: Callable[[], int],
    ) -> None:
        limits = settings.limits
        self.new_id = new_id
        """Makes the ids of sessions and transactions."""
        self._hostname = hostname
        self._contact = settings.server.contact
        self._max_size = settings.server.max_message_size
        self._store = store
        self._head_limit = limits.header_bytes + 1 if limits.header_bytes else self._max_size
        self.now = now
        self._intake = Intake(
            hostname, store.accept, render, now, limits.received, limits.header_bytes, limits.header_fields
        )

    def mail(self, session: SessionFacts, mail_from: MailFrom) -> Reply | None:
        """Why a transaction may not begin, None where it may."""
        if mail_from.size is not None and mail_from.size > self._max_size:
            return replies.TOO_BIG  # RFC 1870 §6.1
        return None if self._store.guard.ok() else replies.DISK_FULL

    async def rcpt(self, session: SessionFacts, mail_from: MailFrom, rcpt: RcptTo) -> Route | Reply:
        """Where mail for a recipient goes, each on its own; a reply where that cannot be said now."""
        if rcpt.utf8 and not mail_from.smtputf8:
            return replies.UTF8_RECIPIENT
        try:
            facts = self._store.directory.facts(rcpt.address, self._contact, self._hostname())
            fate = route(rcpt, facts, mail_from.size, self.now())
            if isinstance(fate, OverQuota):
                for account in fate.accounts:
                    await self._store.engine.write(partial(mark_over_quota, account=account))
        except StoreError as error:
            return failure(error)
        return fate

    def arrival(self, session: SessionFacts, envelope: Envelope, routes: Routes) -> Arrival:
        """A place for the text of a message whose recipients are known."""
        return Arrival(self._intake, session, envelope, routes, self._store.new_spool(head_limit=self._head_limit))

    def over(self, session: SessionFacts) -> None:
        """The session's transaction is over, however it ended; called where there is none, too."""

    async def confirm(self, key: bytes) -> None:
        """The peer has our 250 for the message with that key: it will not send it again."""
        await self._store.accept.confirm(key)

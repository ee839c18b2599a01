"""Policy of submission for each phase: our users send as the addresses they own, to whom we deliver."""

from collections.abc import Callable

from appliance.mail.address import Address
from appliance.mail.delivery import RelayDenied, Route, ToMailboxes
from appliance.mail.envelope import Envelope, MailFrom, RcptTo, SessionFacts
from appliance.mail.reply import Reply
from appliance.store.errors import StoreError
from appliance.store.store import Store
from config.settings import Settings
from smtp import replies
from smtp.inbound.receive import Arrival, Render, Routes, failure
from smtp.inbound.receiver import Receiver
from smtp.submission.allowance import limits, moment
from smtp.submission.ownership import owns
from smtp.submission.sending_limits import SendingLimits
from smtp.submission.submit import Submission

ARRIVING = "arriving"


class Submitter(Receiver):
    """As the receiver, for a session that has signed in."""

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
        super().__init__(settings, hostname, store, render, new_id=new_id, now=now)
        named = limits(settings.limits.account_recipients_hour, settings.limits.account_recipients_day)
        self._limits = SendingLimits(store.traces, named, now)

    def mail(self, session: SessionFacts, mail_from: MailFrom) -> Reply | None:
        """The null sender is anyone's: receipts and notices have it (RFC 8098 §3), and From must be owned still."""
        refusal = super().mail(session, mail_from)
        if refusal is not None:
            return refusal
        try:
            if mail_from.address is not None and not owns(self._store, session.account, mail_from.address):
                return replies.not_owned(mail_from.path)
            return self._suspended(session, mail_from.address)
        except StoreError as error:
            return failure(error)

    async def rcpt(self, session: SessionFacts, mail_from: MailFrom, rcpt: RcptTo) -> Route | Reply:
        """One of our domains that is live; all else is elsewhere."""
        domain = self._store.directory.resolve(rcpt.address.domain) if rcpt.address.domain else None
        if domain is not None and domain.state == ARRIVING:
            return replies.elsewhere(rcpt.path)
        fate = await super().rcpt(session, mail_from, rcpt)
        if isinstance(fate, RelayDenied) and domain is None:
            return replies.elsewhere(rcpt.path)
        return self._limited(session) or fate if isinstance(fate, ToMailboxes) else fate

    def arrival(self, session: SessionFacts, envelope: Envelope, routes: Routes) -> Arrival:
        """A place for the text."""
        self._limits.storing(session, envelope.trace)
        spool = self._store.new_spool(head_limit=self._head_limit)
        return Submission(self._store, self._intake, session, envelope, routes, spool)

    def over(self, session: SessionFacts) -> None:
        """What it accepted is on record now, or was for nothing."""
        self._limits.over(session)

    def _limited(self, session: SessionFacts) -> Reply | None:
        """Counts one recipient more that is to be accepted, or says which limit forbids it."""
        found = self._limits.take(session)
        if found is None:
            return None
        return replies.limit_reached(session.login, found.limit.words, moment(found.ends, self.now()))

    def _suspended(self, session: SessionFacts, sender: Address | None) -> Reply | None:
        """A suspended domain sends nothing, neither its own users nor as it."""
        account = self._store.directory.account_by_id(session.account)
        domains = [self._store.directory.domain_by_id(account.domain)] if account else []
        if sender is not None:
            domains.append(self._store.directory.resolve(sender.domain))
        for domain in domains:
            if domain is not None and domain.suspended_at is not None:
                return replies.domain_suspended(domain.name)
        return None

"""Accepted mail becomes durable: one transaction holds all of a plan and its record, and 250 is said after its commit.

The `accepted` journal closes the one gap left: a sender whose connection broke between our commit and our 250 sends
the message again. Its key is then still there (the session that gets another command has `confirm` drop it), and
within an hour the earlier trace is answered and nothing stored. Never otherwise: the same mail sent twice on purpose
is stored twice (RFC 1047).
"""

import asyncio

import structlog

from appliance.mail.delivery import Delivery, Plan
from appliance.mail.structure import Rendition
from appliance.records import Topic
from appliance.store.arrivals import NEXT_UID, add_body, add_message
from appliance.store.blobs import Blobs, StoredBody
from appliance.store.engine import Engine
from appliance.store.errors import NotFound, StoreError
from appliance.store.mailbox_acts import INBOX
from appliance.store.record import Recorder
from appliance.store.tx import Tx
from appliance.store.usage import ADD_ACCOUNT, add_domain_usage

log = structlog.get_logger("appliance.store")

DEDUPE_WINDOW = 3600 * 1_000_000
"""Microseconds in which a message sent again after a broken connection is known again."""
CONFIRM_BATCH = 32
"""Confirmed keys that ride along with an accept, so that they cost no commit of their own."""
CONFIRM_SECONDS = 5.0
"""How long confirmed keys wait for such a ride."""
MAX_KNOWN_DOMAINS = 100_000

_JOURNAL = "INSERT INTO accepted (key, trace, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_EARLIER = "SELECT trace FROM accepted WHERE key = ? AND at > ?"
_RENEW = "UPDATE accepted SET trace = ?, at = ? WHERE key = ?"
_FORGET = "DELETE FROM accepted WHERE key = ?"
_DELIVER = NEXT_UID.format(where="account = ? AND name = ?")
_DOMAINS = "SELECT id, domain FROM account WHERE id = ?"


class Acceptor:
    """Stores accepted plans. Belongs to the loop."""

    def __init__(self, engine: Engine, blobs: Blobs, recorder: Recorder) -> None:
        self._engine = engine
        self._blobs = blobs
        self._recorder = recorder
        self._domains: dict[int, int] = {}
        self._confirmed: set[bytes] = set()
        self._riding: set[bytes] = set()
        self._flush: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None

    async def accept(self, plan: Plan) -> int:
        """Store the plan with its record, and return the trace to show, once both are durable.

        Quotas were judged at RCPT: what was let in there is stored. Raises NotFound where an account is gone by now
        (nothing is stored then: the sender tries again and hears it at RCPT), and the errors of `Engine.write`.
        """
        domains = tuple(sorted({self._domain(delivery.account) for delivery in plan.deliveries}))
        stored = await self._blobs.store(plan.content, domains)
        riders = self._take_riders()
        # Confirmed, but perhaps not yet deleted: the sender really sends this message a second time.
        again = plan.dedupe_key in self._confirmed or plan.dedupe_key in self._riding
        self._confirmed.discard(plan.dedupe_key)
        sealed = None if plan.record is None else self._recorder.seal(plan.record)

        def job(tx: Tx) -> int:
            tx.executemany(_FORGET, [(key,) for key in riders])
            if again:
                tx.execute(_FORGET, (plan.dedupe_key,))
            trace = store_plan(tx, self._blobs, plan, stored)
            if sealed is not None:
                self._recorder.put(tx, sealed, None if trace == plan.trace else trace)
            return trace

        size = len(stored.data or b"") + (sealed.size if sealed else 0)
        try:
            trace = await self._engine.write(job, size=size)
        except BaseException:
            self._confirmed |= riders | ({plan.dedupe_key} if again else set())
            raise
        finally:
            self._riding -= riders
        if sealed is not None:
            self._recorder.settled(sealed)
        return trace

    async def confirm(self, key: bytes) -> None:
        """The sender has heard our 250 (its next command is here): the journal's row may go, in its own time."""
        self._confirmed.add(key)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(CONFIRM_SECONDS, self._start_flush)

    async def flush(self) -> None:
        """Drop the confirmed keys from the journal now; what fails stays to be tried again."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        keys, self._confirmed = self._confirmed, set()
        if not keys:
            return
        rows = [(key,) for key in keys]
        self._riding |= keys

        def job(tx: Tx) -> None:
            tx.executemany(_FORGET, rows)

        try:
            await self._engine.write(job)
        except StoreError as error:
            # A key that stays costs nothing: it is purged an hour after its message.
            log.info("confirmed keys were kept", keys=len(keys), error=str(error))
            self._confirmed |= keys
        finally:
            self._riding -= keys

    def _start_flush(self) -> None:
        self._flush = None
        self._flushing = asyncio.ensure_future(self.flush())

    def _take_riders(self) -> frozenset[bytes]:
        if len(self._confirmed) < CONFIRM_BATCH:
            return frozenset()
        riders = frozenset(self._confirmed)
        self._confirmed.clear()
        self._riding |= riders
        return riders

    def _domain(self, account: int) -> int:
        """The account's own domain, where its mail lies: an alias may lead from one domain to another."""
        domain = self._domains.get(account)
        if domain is None:
            row = self._engine.reader.execute(_DOMAINS, (account,)).fetchone()
            if row is None:
                raise NotFound("a recipient's mailbox is gone")
            if len(self._domains) >= MAX_KNOWN_DOMAINS:
                self._domains.clear()
            domain = self._domains[account] = row[1]
        return domain


def store_plan(tx: Tx, blobs: Blobs, plan: Plan, stored: StoredBody) -> int:
    """All rows of one accepted message; gives its trace, or the earlier one where the journal knows the message."""
    earlier = _earlier(tx, plan)
    if earlier is not None:
        return earlier
    bodies: dict[int, int] = {}
    sums: dict[int, int] = {}
    for delivery in sorted(plan.deliveries, key=lambda delivery: delivery.account):
        size = plan.rendition.served(stored.size) + len(delivery.prefix)
        domain = _deliver(tx, blobs, delivery, stored, plan.rendition, bodies, size, plan.trace)
        sums[domain] = sums.get(domain, 0) + size
    for domain, size in sorted(sums.items()):
        add_domain_usage(tx, domain, size)
    return plan.trace


def _earlier(tx: Tx, plan: Plan) -> int | None:
    """Note the message in the journal; the trace under which it was stored within the window, if it was."""
    key = plan.dedupe_key
    if tx.execute(_JOURNAL, (key, plan.trace, tx.now)).rowcount:
        return None
    row = tx.execute(_EARLIER, (key, tx.now - DEDUPE_WINDOW)).fetchone()
    if row is None:
        tx.execute(_RENEW, (plan.trace, tx.now, key))
        return None
    trace: int = row[0]
    return trace


def _deliver(
    tx: Tx,
    blobs: Blobs,
    delivery: Delivery,
    stored: StoredBody,
    rendition: Rendition,
    bodies: dict[int, int],
    size: int,
    trace: int,
) -> int:
    """One copy into one account's folder, INBOX where that folder does not exist; gives the account's domain."""
    row = tx.execute(_DELIVER, (1, size, delivery.account, delivery.mailbox)).fetchone()
    if row is None and delivery.mailbox != INBOX:
        row = tx.execute(_DELIVER, (1, size, delivery.account, INBOX)).fetchone()
    if row is None:
        raise NotFound("a recipient's mailbox is gone")
    mailbox, account, domain, _, uid, modseq = row
    if domain not in bodies:
        bodies[domain] = add_body(tx, blobs, stored, rendition, domain)
    add_message(
        tx, mailbox, uid, modseq,
        domain=domain, blob=bodies[domain], size=size, prefix=delivery.prefix, internaldate=tx.now, trace=trace,
    )  # fmt: skip
    tx.execute(ADD_ACCOUNT, (size, account))
    tx.publish(Topic("mailbox", mailbox))
    return int(domain)

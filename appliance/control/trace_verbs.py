"""Verbs on the record: what was said in one session, and what came of it."""

from appliance.control.house import Caller, House
from appliance.control.reply import NOT_FOUND, USAGE, VerbError
from appliance.control.shapes import Shape
from appliance.control.trace_shapes import event_shape, imap_shape, moment, smtp_shape, transaction_shape
from appliance.control.verb import Arguments, Verb
from appliance.ids import id_text, parse_id, time_of
from appliance.mail.session_record import ImapSessionRecord, SessionRecord, TransactionRecord
from appliance.sessions import LiveSession
from appliance.store.privacy import strictest
from appliance.store.store import Store
from appliance.store.trace import MAX_TRANSACTIONS, StoredSession

DAY = 24 * 3600 * 1_000_000


class One(Arguments, frozen=True):
    """A session, or one of its transactions, by the 13 characters of its id."""

    id: str


async def show(house: House, caller: Caller, args: One) -> Shape:
    """All that is on record of a session."""
    try:
        wanted = parse_id(args.id)
    except ValueError as error:
        raise VerbError(str(error), USAGE) from None
    if house.live is not None:
        await house.store.record.flush()
    found = house.store.traces.find(wanted) or _under_way(house, wanted)
    match found:
        case StoredSession():
            return _smtp(house, found)
        case ImapSessionRecord():
            return imap_shape(found, named=lambda account: _named(house.store, account), open=_is_open(house, found.id))
    raise VerbError(_absent(house, wanted), NOT_FOUND)


def _smtp(house: House, found: StoredSession) -> Shape:
    session = found.session
    transactions = [transaction_shape(one, session.started, _privacy(house, one)) for one in found.transactions]
    shape = smtp_shape(
        session,
        found.folded,
        transactions,
        named=lambda account: _named(house.store, account),
        open=_is_open(house, session.id),
    )
    more = len(transactions) >= MAX_TRANSACTIONS
    return shape | {"events": [event_shape(event) for event in found.events], "more": more}


def _named(store: Store, account: int) -> str:
    known = store.directory.account_by_id(account)
    return f"{id_text(account)} (gone)" if known is None else known.address


def _privacy(house: House, one: TransactionRecord) -> str:
    """The level of what a transaction touches, as it is now."""
    directory, usual = house.store.directory, house.settings.records.privacy
    names = {recipient.domain for recipient in one.recipients if recipient.domain}
    domains = [directory.resolve(name) for name in sorted(names)]
    account = None if one.account is None else directory.account_by_id(one.account)
    domains += [directory.domain_by_id(account.domain)] if account else []
    return strictest((domain.privacy or usual for domain in domains if domain is not None), usual)


def _live(house: House, id: int) -> LiveSession | None:
    return None if house.live is None else house.live.live_sessions.get(id)


def _is_open(house: House, id: int) -> bool:
    return _live(house, id) is not None


def _under_way(house: House, id: int) -> StoredSession | ImapSessionRecord | None:
    """What is known of a session that goes on and has nothing on record yet."""
    live = _live(house, id)
    if live is None:
        return None
    account, credential = live.account_id or None, live.credential or None
    if live.protocol.startswith("imap"):
        return ImapSessionRecord(
            id,
            live.peer.address,
            live.since,
            account,
            credential,
            live.client,
            live.tls_version,
            live.tls_cipher,
            received=live.received,
            sent=live.sent,
        )
    session = SessionRecord(
        id,
        live.protocol,
        live.peer.address,
        live.peer.port,
        live.since,
        helo=live.client,
        tls_version=live.tls_version,
        tls_cipher=live.tls_cipher,
        account=account,
        credential=credential,
    )
    return StoredSession(session, 1, (), ())


def _absent(house: House, id: int) -> str:
    """Why there is nothing to show, in one line."""
    at, now, days = time_of(id), house.now(), house.settings.records.days
    if days and at < now - days * DAY:
        return f"no record of {id_text(id)} of {_utc(at)} any more: records are kept for {days} days ([records] days)"
    since = now - days * DAY if days else 0
    for begin, end in house.store.traces.gaps(since, now):
        if begin <= at < end:
            when = f"from {_utc(begin)} to" if begin > since else "before"
            return f"no record of {id_text(id)} of {_utc(at)}: nothing was recorded {when} {_utc(end)}"
    return f"no session and no message {id_text(id)} is on record"


def _utc(at: int) -> str:
    return moment(at)[:19].replace("T", " ") + " UTC"


VERBS = {"trace.show": Verb(One, show)}

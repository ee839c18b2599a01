"""Which level of privacy the record of a session has: the strictest of the domains it has touched so far.

A domain is touched by a recipient in it and by a sign-in of one of its accounts. A domain that says nothing has the
server's level, and so has a session that touched none.
"""

import secrets
from collections.abc import Iterable

from appliance.mail.address import MAX_DOMAIN
from appliance.mail.session_record import SessionRecord, TransactionRecord
from appliance.records import DomainInfo, Topic
from appliance.store.directory import Directory
from appliance.store.feed import Feed
from appliance.store.kv import KV
from appliance.store.privacy import Veil, stricter
from appliance.store.tx import Tx

KEY = "record.key"
"""Name of the setting with the key of the hashes, in hexadecimal."""
MAX_KNOWN = 10_000
"""Domain names, and accounts, that are remembered."""
MAX_OPEN = 100_000
"""Sessions under way whose level is remembered; of the oldest, should there be more, it is forgotten."""
_KEEP_KEY = "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"

Touched = tuple[int, str]
"""A domain's id and its level."""


class RecordPolicy:
    """Knows the domains' levels, and those of the sessions under way. For the loop only."""

    def __init__(self, directory: Directory, settings: KV, feed: Feed, privacy: str) -> None:
        self._directory = directory
        self._settings = settings
        self._privacy = privacy
        self._names: dict[str, Touched | None] = {}
        self._accounts: dict[int, Touched | None] = {}
        self._levels: dict[int, str | None] = {}
        self._veil: Veil | None = None
        self._new_key: str | None = None
        feed.observe("domain", self._forget)

    def judge(self, session: SessionRecord, touched: Iterable[Touched | None]) -> tuple[str, int | None]:
        """The level of a session that has now touched these domains too, and the domain it is filed under."""
        # None while no domain has been touched: the server's level is no domain's, and must not make one stricter.
        level, domain = self._levels.get(session.id), None
        for one in (self._by_account(session.account), *touched):
            if one is not None:
                domain = domain or one[0]
                level = one[1] if level is None else stricter(level, one[1])
        self._remember(session, level)
        return level or self._privacy, domain

    def forget(self, session: int) -> None:
        """A session is over."""
        self._levels.pop(session, None)

    def touched_by(self, transaction: TransactionRecord) -> Touched | None:
        """The domain that a transaction is filed under, with the strictest level of those it touches."""
        found = self._by_account(transaction.account)
        for recipient in transaction.recipients:
            one = self._by_name(recipient.domain)
            if found is None:
                found = one
            elif one is not None and one is not found:
                found = found[0], stricter(found[1], one[1])
        return found

    def domain_of_account(self, account: int | None) -> int | None:
        """The domain of an account."""
        found = self._by_account(account)
        return None if found is None else found[0]

    def veil(self) -> Veil:
        """What hides those at the other end; its key is made at first use."""
        if self._veil is None:
            text = self._settings.get(KEY)
            if not text:
                text = self._new_key = secrets.token_hex(32)
            self._veil = Veil(lambda name: self._by_name(name) is not None, bytes.fromhex(text))
        return self._veil

    def keep_key(self, tx: Tx) -> None:
        """Write the key, where it is new, with the first record that was made with it."""
        key = self._new_key
        if key is not None:
            tx.execute(_KEEP_KEY, (KEY, key))
            tx.after_commit(self._key_kept)

    def _key_kept(self) -> None:
        self._new_key = None

    def _remember(self, session: SessionRecord, level: str | None) -> None:
        if session.ended is not None:
            self._levels.pop(session.id, None)
            return
        if len(self._levels) >= MAX_OPEN and session.id not in self._levels:
            del self._levels[next(iter(self._levels))]
        self._levels[session.id] = level

    def _by_name(self, name: str) -> Touched | None:
        if name in self._names:
            return self._names[name]
        if len(name) > MAX_DOMAIN:
            return None
        if len(self._names) >= MAX_KNOWN:
            self._names.clear()
        found = self._names[name] = self._touched(self._directory.resolve(name) if name else None)
        return found

    def _by_account(self, account: int | None) -> Touched | None:
        if account is None:
            return None
        if account in self._accounts:
            return self._accounts[account]
        if len(self._accounts) >= MAX_KNOWN:
            self._accounts.clear()
        row = self._directory.account_by_id(account)
        domain = None if row is None else self._directory.domain_by_id(row.domain)
        found = self._accounts[account] = self._touched(domain)
        return found

    def _touched(self, domain: DomainInfo | None) -> Touched | None:
        return None if domain is None else (domain.id, domain.privacy or self._privacy)

    def _forget(self, topic: Topic) -> None:
        self._names.clear()
        self._accounts.clear()

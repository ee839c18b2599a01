"""Domains, their addresses and accounts, read. All look-ups are by indexed equality, so their number costs nothing.

Addresses are stored and found folded (`mail.address.fold_localpart`): case does not count.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, cast

from appliance.mail.address import Address, AddressError, parse_address, subaddress_candidates
from appliance.records import Account, AddressInfo, DomainInfo, RouteFacts, Topic
from appliance.store.engine import Engine
from appliance.store.feed import Feed
from appliance.store.snapshots import same_moment

LIMIT = 1000
"""Rows of one page of a list."""
MAX_KNOWN = 10_000
"""Recipients whose facts are remembered."""
CONTACT_NAMES = frozenset({"postmaster", "abuse"})
"""Local parts that reach a domain's contact without an address of their own (RFC 5321 §4.5.1, RFC 2142 §4)."""

_DOMAIN_FIELDS = (
    "id, name, organisation, state, suspended_at, unknown, catch_all_account, contact_account, separators, "
    "quota_bytes, used_bytes, created_at, privacy"
)
_ALIASED_FIELDS = ", ".join(f"d.{name}" for name in _DOMAIN_FIELDS.split(", "))
_ACCOUNT_FIELDS = (
    "id, domain, address, state, suspended_at, quota_bytes, used_bytes, over_quota_since, epoch, created_at"
)
_TARGET_FIELDS = ", ".join(f"c.{name}" for name in _ACCOUNT_FIELDS.split(", "))
DOMAIN = f"SELECT {_DOMAIN_FIELDS} FROM domain"
"""Rows of `DomainInfo`."""
ACCOUNT = f"SELECT {_ACCOUNT_FIELDS} FROM account"
"""Rows of `Account`."""
_RESOLVE = f"""
{DOMAIN} WHERE name = ?
UNION ALL SELECT {_ALIASED_FIELDS} FROM domain_alias a JOIN domain d ON d.id = a.domain WHERE a.name = ?
"""
ADDRESS = """
SELECT a.id, a.domain, a.localpart, a.kind, a.code, a.text, t.account
FROM address a LEFT JOIN address_target t ON t.address = a.id
"""
"""Rows of `address_infos`: one for each target."""
_FOUND = f"""
SELECT a.id, a.domain, a.localpart, a.kind, a.code, a.text, t.account, {_TARGET_FIELDS}
FROM address a LEFT JOIN address_target t ON t.address = a.id LEFT JOIN account c ON c.id = t.account
WHERE a.domain = ? AND a.localpart IN (?, ?)
"""


class Directory:
    """Looks things up on the calling thread's reader; what changes them is in `directory_acts` and `account_acts`.

    Given the feed, it remembers the facts of recipients until the feed names a domain or an account: a change is
    published before the one who made it hears that it is done. Loop thread only, then.
    """

    def __init__(self, engine: Engine, feed: Feed | None = None) -> None:
        self._engine = engine
        self._known: dict[tuple[Address, str, str], RouteFacts] | None = None
        if feed is not None:
            self._known = {}
            for kind in ("domain", "account"):
                feed.observe(kind, self._forget)

    def facts(self, address: Address, server_contact: str, hostname: str) -> RouteFacts:
        """All that routing needs for one recipient, read at one moment.

        A domain that is not ours gives no domain and no candidates. Bare postmaster (RFC 5321 §4.5.1), and postmaster
        at the host's own name where that is no hosted domain, give no domain, the candidate "postmaster" and the
        server's contact. In a domain `contact` is filled in where postmaster or abuse is asked for.
        """
        key = (address, server_contact, hostname)
        if self._known is None:
            return self._read_facts(*key)
        facts = self._known.get(key)
        if facts is None:
            facts = self._read_facts(*key)
            if _lasting(facts):
                if len(self._known) >= MAX_KNOWN:
                    del self._known[next(iter(self._known))]
                self._known[key] = facts
        return facts

    def _forget(self, topic: Topic) -> None:
        """Something of a domain or an account has changed; any of the facts may rest on it."""
        if self._known:
            self._known.clear()

    def _read_facts(self, address: Address, server_contact: str, hostname: str) -> RouteFacts:
        connection = self._engine.reader
        with same_moment(connection):
            domain = _resolve(connection, address.domain) if address.domain else None
            if domain is not None:
                return _domain_facts(connection, domain, address, server_contact)
            if address.folded != "postmaster" or address.domain not in ("", hostname.lower()):
                return RouteFacts(None, (), {}, {}, None)
            contact = _account(connection, server_contact)
            accounts = {} if contact is None else {contact.id: contact}
            return RouteFacts(None, ("postmaster",), {}, accounts, None if contact is None else contact.id)

    def domain(self, name: str) -> DomainInfo | None:
        """The domain of that very name (A-label, lower case); not an alias of it."""
        row = self._engine.reader.execute(f"{DOMAIN} WHERE name = ?", (name,)).fetchone()
        return DomainInfo(*row) if row else None

    def domain_by_id(self, domain: int) -> DomainInfo | None:
        """The domain with that id."""
        row = self._engine.reader.execute(f"{DOMAIN} WHERE id = ?", (domain,)).fetchone()
        return DomainInfo(*row) if row else None

    def resolve(self, name: str) -> DomainInfo | None:
        """The domain of that name, or the one it is an alias of."""
        return _resolve(self._engine.reader, name)

    def domains(self, after: str = "", limit: int = LIMIT) -> tuple[DomainInfo, ...]:
        """Domains by name, those after a name."""
        rows = self._engine.reader.execute(f"{DOMAIN} WHERE name > ? ORDER BY name LIMIT ?", (after, limit)).fetchall()
        return tuple([DomainInfo(*row) for row in rows])

    def domain_aliases(self, domain: int) -> tuple[str, ...]:
        """Names that stand for the domain, by name."""
        sql = "SELECT name FROM domain_alias WHERE domain = ? ORDER BY name"
        return tuple([row[0] for row in self._engine.reader.execute(sql, (domain,)).fetchall()])

    def account(self, address: str) -> Account | None:
        """The account with that address, in any case of letters; None where the text is no address."""
        return _account(self._engine.reader, address)

    def account_by_id(self, account: int) -> Account | None:
        """The account with that id."""
        return next(iter(_accounts(self._engine.reader, {account}).values()), None)

    def accounts_by_id(self, ids: Iterable[int]) -> dict[int, Account]:
        """Those of the accounts that exist, by id."""
        return _accounts(self._engine.reader, set(ids))

    def accounts(self, domain: int | None = None, after: str = "", limit: int = LIMIT) -> tuple[Account, ...]:
        """Accounts by address, those after an address; of one domain or of all."""
        own, params = ("", ()) if domain is None else (" AND domain = ?", (domain,))
        sql = f"{ACCOUNT} WHERE address > ?{own} ORDER BY address LIMIT ?"
        return tuple([Account(*row) for row in self._engine.reader.execute(sql, (after, *params, limit)).fetchall()])

    def address(self, domain: int, localpart: str) -> AddressInfo | None:
        """The address of a domain with that folded local part."""
        sql = f"{ADDRESS} WHERE a.domain = ? AND a.localpart = ? ORDER BY t.account"
        return address_infos(self._engine.reader.execute(sql, (domain, localpart)).fetchall()).get(localpart)

    def addresses(self, domain: int, kind: str) -> tuple[AddressInfo, ...]:
        """All addresses of one kind ("mailbox", "alias", "reject") in a domain, by local part."""
        sql = f"{ADDRESS} WHERE a.domain = ? AND a.kind = ? ORDER BY a.localpart, t.account"
        return tuple(address_infos(self._engine.reader.execute(sql, (domain, kind)).fetchall()).values())


def _lasting(facts: RouteFacts) -> bool:
    """Whether facts hold until a domain or an account is changed: somebody has the address, and nothing is counted.

    Deliveries change what is used without a word, so where a quota is set the facts are read each time. Addresses
    that nobody has are not remembered: whoever guesses at them would fill the memory.
    """
    if facts.domain is None or not facts.found or facts.domain.quota_bytes is not None:
        return False
    return all(account.quota_bytes is None for account in facts.accounts.values())


def address_infos(rows: Iterable[Sequence[Any]]) -> dict[str, AddressInfo]:
    """Records of the rows of `ADDRESS` of one domain, by local part, in the order of the rows."""
    targets: dict[str, list[int]] = {}
    first: dict[str, Sequence[Any]] = {}
    for row in rows:
        first.setdefault(row[2], row)
        accounts = targets.setdefault(row[2], [])
        if row[6] is not None:
            accounts.append(row[6])
    return {
        localpart: AddressInfo(row[0], row[1], localpart, row[3], tuple(sorted(targets[localpart])), row[4], row[5])
        for localpart, row in first.items()
    }


def account_key(text: str) -> str | None:
    """The form under which an account's address is stored, None where the text is no address."""
    try:
        address = parse_address(text)
    except AddressError:
        return None
    return Address(address.folded, address.domain).text


def _resolve(connection: sqlite3.Connection, name: str) -> DomainInfo | None:
    row = connection.execute(_RESOLVE, (name, name)).fetchone()
    return DomainInfo(*row) if row else None


def _account(connection: sqlite3.Connection, address: str) -> Account | None:
    key = account_key(address)
    row = connection.execute(f"{ACCOUNT} WHERE address = ?", (key,)).fetchone() if key else None
    return Account(*row) if row else None


def _accounts(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Account]:
    found: dict[int, Account] = {}
    for account in sorted(ids):
        row = connection.execute(f"{ACCOUNT} WHERE id = ?", (account,)).fetchone()
        if row is not None:
            found[account] = Account(*row)
    return found


def _domain_facts(
    connection: sqlite3.Connection, domain: DomainInfo, address: Address, server_contact: str
) -> RouteFacts:
    candidates = subaddress_candidates(address.localpart, domain.separators)
    rows = connection.execute(_FOUND, (domain.id, candidates[0], candidates[-1])).fetchall()
    accounts = {row[6]: Account(*row[7:]) for row in rows if row[7] is not None}
    contact = None
    if not CONTACT_NAMES.isdisjoint(candidates):
        contact = domain.contact_account
        if contact is None and (account := _account(connection, server_contact)):
            contact = account.id
    further = {contact, domain.catch_all_account if domain.unknown == "catch_all" else None} - {None, *accounts}
    if further:
        accounts |= _accounts(connection, cast("set[int]", further))
    return RouteFacts(domain, candidates, address_infos(rows), accounts, contact)

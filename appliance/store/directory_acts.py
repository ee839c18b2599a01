"""What changes domains and their addresses: functions of a write transaction.

Each raises Conflict or NotFound with one line for the person who asked, and publishes the domain's topic. What
changes accounts is in `account_acts`.
"""

from collections.abc import Iterable
from typing import Any

from appliance.mail.address import AddressError, fold_localpart, parse_domain
from appliance.records import AddressInfo, DomainInfo, Topic
from appliance.store.directory import ADDRESS, DOMAIN, address_infos
from appliance.store.errors import Conflict, NotFound
from appliance.store.tx import Tx

DEFAULT_ORGANISATION = "default"
"""Made at the first start; each domain belongs to an organisation."""
SETTABLE = frozenset(
    {"state", "unknown", "catch_all_account", "contact_account", "separators", "quota_bytes", "privacy"}
)
"""Columns that `set_domain` changes."""
REJECT_CODE, REJECT_TEXT = 550, "5.1.1 This address is closed"
SEPARATORS = frozenset("+-._=#")
"""Characters that may start a subaddress."""


def ensure_organisation(tx: Tx, name: str = DEFAULT_ORGANISATION) -> int:
    """Id of the organisation of that name, made if need be."""
    row = tx.execute("SELECT id FROM organisation WHERE name = ?", (name,)).fetchone()
    if row is None:
        row = (tx.new_id(),)
        tx.execute("INSERT INTO organisation (id, name, created_at) VALUES (?, ?, ?)", (row[0], name, tx.now))
    found: int = row[0]
    return found


def require_domain(tx: Tx, domain: int) -> DomainInfo:
    """The domain, as this transaction sees it; raises NotFound."""
    row = tx.execute(f"{DOMAIN} WHERE id = ?", (domain,)).fetchone()
    if row is None:
        raise NotFound("no such domain")
    return DomainInfo(*row)


def add_domain(
    tx: Tx,
    name: str,
    unknown: str = "reject",
    *,
    catch_all_account: int | None = None,
    separators: str = "+",
    quota_bytes: int | None = None,
    state: str = "live",
    privacy: str | None = None,
    organisation: str = DEFAULT_ORGANISATION,
) -> DomainInfo:
    """Add a domain. Raises Conflict where the name is taken, also as an alias, or a value does not fit."""
    name = _new_name(tx, name)
    owner = ensure_organisation(tx, organisation)
    domain = tx.new_id()
    tx.execute(
        "INSERT INTO domain (id, organisation, name, separators, quota_bytes, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (domain, owner, name, "", None, tx.now),
    )
    return set_domain(
        tx, domain,
        unknown=unknown, catch_all_account=catch_all_account, separators=separators, quota_bytes=quota_bytes,
        state=state, privacy=privacy,
    )  # fmt: skip


def set_domain(tx: Tx, domain: int, **changes: Any) -> DomainInfo:
    """Change columns of `SETTABLE`; gives the domain after it.

    The catch-all and the contact are accounts of the domain's organisation. Raises NotFound, Conflict for a value
    that does not fit, and ValueError for a column that can't be set.
    """
    if unknown := changes.keys() - SETTABLE:
        raise ValueError(f"a domain's settings are {', '.join(sorted(SETTABLE))}, not {', '.join(sorted(unknown))}")
    before = require_domain(tx, domain)
    _check(tx, before, changes)
    if changes:
        columns = ", ".join(f"{name} = ?" for name in changes)
        tx.execute(f"UPDATE domain SET {columns} WHERE id = ?", (*changes.values(), domain))
        tx.publish(Topic("domain", domain))
    return require_domain(tx, domain)


def suspend_domain(tx: Tx, domain: int) -> DomainInfo:
    """Suspend a domain from now on; one that is suspended stays so since when it was."""
    tx.execute("UPDATE domain SET suspended_at = ? WHERE id = ? AND suspended_at IS NULL", (tx.now, domain))
    tx.publish(Topic("domain", domain))
    return require_domain(tx, domain)


def resume_domain(tx: Tx, domain: int) -> DomainInfo:
    """End a suspension; the state is what it was."""
    tx.execute("UPDATE domain SET suspended_at = NULL WHERE id = ?", (domain,))
    tx.publish(Topic("domain", domain))
    return require_domain(tx, domain)


def remove_domain(tx: Tx, domain: int) -> DomainInfo:
    """Remove a domain that has neither mailboxes nor aliases; gives it as it was.

    Its reject-addresses go with it; message bodies go by the collector's grace time. Raises Conflict, NotFound.
    """
    info = require_domain(tx, domain)
    for sql, words in (
        ("SELECT count(*) FROM account WHERE domain = ?", "mailboxes"),
        ("SELECT count(*) FROM address WHERE domain = ? AND kind = 'alias'", "aliases"),
        ("SELECT count(*) FROM domain_alias WHERE domain = ?", "domain aliases"),
    ):
        count = tx.execute(sql, (domain,)).fetchone()[0]
        if count:
            raise Conflict(f"{info.name} still has {words} ({count}): remove them first")
    tx.execute("DELETE FROM address WHERE domain = ?", (domain,))
    tx.execute("DELETE FROM domain WHERE id = ?", (domain,))
    tx.publish(Topic("domain", domain))
    return info


def add_domain_alias(tx: Tx, domain: int, name: str) -> str:
    """Let another name stand for the domain; gives the name as stored. Raises Conflict where it is taken, NotFound."""
    require_domain(tx, domain)
    name = _new_name(tx, name)
    sql = "INSERT INTO domain_alias (id, domain, name, created_at) VALUES (?, ?, ?, ?)"
    tx.execute(sql, (tx.new_id(), domain, name, tx.now))
    tx.publish(Topic("domain", domain))
    return name


def remove_domain_alias(tx: Tx, domain: int, name: str) -> None:
    """Raises NotFound where the domain has no such alias."""
    if not tx.execute("DELETE FROM domain_alias WHERE domain = ? AND name = ?", (domain, name)).rowcount:
        raise NotFound(f"no domain alias {name}")
    tx.publish(Topic("domain", domain))


def add_alias(tx: Tx, domain: int, localpart: str, targets: Iterable[int]) -> AddressInfo:
    """An address that reaches one or several accounts of the organisation.

    Raises Conflict where the address is taken or a target is missing, NotFound without the domain.
    """
    info = require_domain(tx, domain)
    accounts = sorted(set(targets))
    if not accounts:
        raise Conflict("an alias needs at least one mailbox")
    for account in accounts:
        _check_account(tx, info, account, "an alias leads to")
    address = add_address(tx, info, localpart, "alias")
    tx.executemany(
        "INSERT INTO address_target (address, account) VALUES (?, ?)", [(address, account) for account in accounts]
    )
    return require_address(tx, domain, localpart)


def add_reject(tx: Tx, domain: int, localpart: str, code: int = REJECT_CODE, text: str = REJECT_TEXT) -> AddressInfo:
    """An address that is refused with its own code (400 to 599) and text, an exception to a catch-all.

    Raises Conflict where the address is taken or the reply is none, NotFound without the domain.
    """
    info = require_domain(tx, domain)
    if not 400 <= code <= 599:
        raise Conflict(f"a refusal's code is 400 to 599, not {code}")
    if not text or len(text) > 400 or not all(" " <= c <= "~" for c in text):
        raise Conflict("a refusal's text is 1 to 400 printable ASCII characters")
    add_address(tx, info, localpart, "reject", code, text)
    return require_address(tx, domain, localpart)


def remove_address(tx: Tx, domain: int, localpart: str) -> AddressInfo:
    """Remove an alias or a reject-address; gives it as it was. Raises NotFound, Conflict for a mailbox's own."""
    address = require_address(tx, domain, localpart)
    if address.kind == "mailbox":
        raise Conflict("this is the address of a mailbox: remove the mailbox")
    tx.execute("DELETE FROM address WHERE id = ?", (address.id,))
    tx.publish(Topic("domain", domain))
    return address


def require_address(tx: Tx, domain: int, localpart: str) -> AddressInfo:
    """The address, as this transaction sees it; raises NotFound."""
    folded = fold_localpart(localpart)
    sql = f"{ADDRESS} WHERE a.domain = ? AND a.localpart = ? ORDER BY t.account"
    found = address_infos(tx.execute(sql, (domain, folded)).fetchall())
    if not found:
        raise NotFound(f"no address {folded} in that domain")
    return found[folded]


def add_address(
    tx: Tx, domain: DomainInfo, localpart: str, kind: str, code: int | None = None, text: str | None = None
) -> int:
    """The row of a new address, folded; gives its id. Raises Conflict where it is taken."""
    folded = fold_localpart(localpart)
    row = tx.execute("SELECT kind FROM address WHERE domain = ? AND localpart = ?", (domain.id, folded)).fetchone()
    if row:
        words = {"mailbox": "a mailbox", "alias": "an alias", "reject": "a reject-address"}[row[0]]
        raise Conflict(f"{folded}@{domain.name} is {words} already")
    address = tx.new_id()
    tx.execute(
        "INSERT INTO address (id, domain, localpart, kind, code, text, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (address, domain.id, folded, kind, code, text, tx.now),
    )
    tx.publish(Topic("domain", domain.id))
    return address


def _new_name(tx: Tx, name: str) -> str:
    try:
        name = parse_domain(name)
    except AddressError as error:
        raise Conflict(str(error)) from error
    for table in ("domain", "domain_alias"):
        if tx.execute(f"SELECT 1 FROM {table} WHERE name = ?", (name,)).fetchone():
            raise Conflict(f"{name} is {'a domain' if table == 'domain' else 'a domain alias'} already")
    return name


def _check(tx: Tx, before: DomainInfo, changes: dict[str, Any]) -> None:
    """Whether the domain after the changes would be a sound one."""
    for name, allowed in (("state", ("live", "arriving")), ("unknown", ("reject", "catch_all"))):
        if changes.get(name, allowed[0]) not in allowed:
            raise Conflict(f"{name} is {' or '.join(allowed)}, not {changes[name]!r}")
    if not SEPARATORS.issuperset(changes.get("separators", "")):
        raise Conflict(f"separators are any of {''.join(sorted(SEPARATORS))}, or empty")
    quota = changes.get("quota_bytes")
    if quota is not None and quota < 0:
        raise Conflict("a quota is a number of bytes, 0 or more")
    for name, words in (("catch_all_account", "the catch-all is"), ("contact_account", "the contact is")):
        if changes.get(name) is not None:
            _check_account(tx, before, changes[name], words)
    catch_all = changes.get("catch_all_account", before.catch_all_account)
    if changes.get("unknown", before.unknown) == "catch_all" and catch_all is None:
        raise Conflict("to catch all, name the mailbox that catches")


def _check_account(tx: Tx, domain: DomainInfo, account: int, words: str) -> None:
    sql = "SELECT d.organisation FROM account a JOIN domain d ON d.id = a.domain WHERE a.id = ?"
    row = tx.execute(sql, (account,)).fetchone()
    if row is None or row[0] != domain.organisation:
        raise Conflict(f"{words} a mailbox of the same organisation")

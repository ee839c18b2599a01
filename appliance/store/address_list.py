"""The list of a domain's aliases and reject-addresses as an administrator looks through it."""

from typing import Any

import msgspec

from appliance.store.engine import Engine
from appliance.store.keyset import Mark, Slice, holding, read_slice

KINDS = ("alias", "reject")
"""What may be asked for."""
COLUMNS = {"address": "localpart", "added": "created_at"}
"""Orders of the list."""
MAX_TARGETS = 5
"""Targets that are named for each alias; `targets_total` counts all."""

_TARGETS = """
SELECT t.address, c.address FROM address_target t JOIN account c ON c.id = t.account
WHERE t.address IN ({0}) ORDER BY t.address, c.address
"""


class AddressRow(msgspec.Struct, frozen=True):
    """An address that is no mailbox's own: where its mail goes, or how it is refused."""

    localpart: str
    kind: str
    code: int | None
    text: str | None
    created_at: int
    targets: tuple[str, ...]
    targets_total: int


class AddressPage(msgspec.Struct, frozen=True):
    """One page; `total` counts what fits, on all pages."""

    rows: list[AddressRow]
    marks: list[Mark]
    more: bool
    total: int


def address_page(engine: Engine, domain: int, wanted: Slice, *, find: str = "", kind: str = "") -> AddressPage:
    """Addresses of a domain whose local part holds `find`, of a kind of KINDS, "" for both. Small: read inline."""
    kinds = f"kind = '{kind}'" if kind in KINDS else "kind IN ('alias', 'reject')"
    where = f"domain = :domain AND {kinds} AND localpart LIKE :find ESCAPE '\\'"
    params = {"domain": domain, "find": holding(find.casefold())}
    query = f"SELECT id, localpart, kind, code, text, created_at FROM address WHERE {where}"
    part = read_slice(engine.reader, query, params, COLUMNS, "localpart", wanted)
    total = engine.reader.execute(f"SELECT count(*) FROM address WHERE {where}", params).fetchone()[0]
    targets = _targets(engine, [row[0] for row in part.rows if row[2] == "alias"])
    rows = [_row(row, targets.get(row[0], [])) for row in part.rows]
    return AddressPage(rows, part.marks, part.more, total)


def _row(row: tuple[Any, ...], targets: list[str]) -> AddressRow:
    _, localpart, kind, code, text, created_at = row
    return AddressRow(localpart, kind, code, text, created_at, tuple(targets[:MAX_TARGETS]), len(targets))


def _targets(engine: Engine, addresses: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    sql = _TARGETS.format(", ".join("?" * len(addresses)))
    for address, target in engine.reader.execute(sql, addresses).fetchall():
        found.setdefault(address, []).append(target)
    return found

"""The list of domains as an administrator looks through it."""

import msgspec

from appliance.records import DomainInfo
from appliance.store.directory import DOMAIN
from appliance.store.engine import Engine
from appliance.store.keyset import Mark, Slice, holding, read_slice

STATES = {"live": "suspended_at IS NULL AND state = 'live'", "arriving": "suspended_at IS NULL AND state = 'arriving'"}
STATES |= {"suspended": "suspended_at IS NOT NULL"}
"""What may be asked for, by its word."""
COLUMNS = {"name": "name", "mailboxes": "mailboxes", "used": "used_bytes", "added": "created_at"}
"""Orders of the list."""


class DomainRow(msgspec.Struct, frozen=True):
    """A domain with the number of its mailboxes."""

    domain: DomainInfo
    mailboxes: int


class DomainPage(msgspec.Struct, frozen=True):
    """One page; `total` counts what fits, on all pages."""

    rows: list[DomainRow]
    marks: list[Mark]
    more: bool
    total: int


def domain_page(engine: Engine, wanted: Slice, *, find: str = "", state: str = "") -> DomainPage:
    """Domains whose name holds `find` and that are in `state` (a key of STATES, "" for all). Small: read inline."""
    where = f"name LIKE :find ESCAPE '\\' AND {STATES.get(state, '1')}"
    params = {"find": holding(find.lower())}
    fields = DOMAIN.removeprefix("SELECT ").removesuffix(" FROM domain")
    counted = "(SELECT count(*) FROM account a WHERE a.domain = domain.id) AS mailboxes"
    query = f"SELECT {fields}, {counted} FROM domain WHERE {where}"
    part = read_slice(engine.reader, query, params, COLUMNS, "name", wanted)
    total = engine.reader.execute(f"SELECT count(*) FROM domain WHERE {where}", params).fetchone()[0]
    return DomainPage([DomainRow(DomainInfo(*row[:-1]), row[-1]) for row in part.rows], part.marks, part.more, total)

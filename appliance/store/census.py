"""How many there are, for lists and the status: counted, never kept."""

import sqlite3

from appliance.store.engine import Engine

_OF_DOMAIN = """
SELECT (SELECT count(*) FROM account WHERE domain = :domain),
       (SELECT count(*) FROM address WHERE domain = :domain AND kind = 'alias'),
       (SELECT count(*) FROM address WHERE domain = :domain AND kind = 'reject')
"""
_TOTALS = """
SELECT (SELECT count(*) FROM domain), (SELECT count(*) FROM account),
       (SELECT coalesce(sum("exists"), 0) FROM mailbox), (SELECT coalesce(sum(used_bytes), 0) FROM account)
"""
_ALIASES_OF = """
SELECT a.localpart || '@' || d.name FROM address_target t
JOIN address a ON a.id = t.address AND a.kind = 'alias' JOIN domain d ON d.id = a.domain
WHERE t.account = ? ORDER BY 1 LIMIT 1000
"""


def domain_counts(engine: Engine, domain: int) -> dict[str, int]:
    """Mailboxes, aliases and reject-addresses of a domain. Small: read inline."""
    row = engine.reader.execute(_OF_DOMAIN, {"domain": domain}).fetchone()
    return dict(zip(("mailboxes", "aliases", "rejects"), row, strict=True))


async def totals(engine: Engine) -> dict[str, int]:
    """Domains, mailboxes, messages and their bytes, of all the store. Walks the folders: on a reader thread."""

    def read(connection: sqlite3.Connection) -> dict[str, int]:
        row = connection.execute(_TOTALS).fetchone()
        return dict(zip(("domains", "mailboxes", "messages", "bytes"), row, strict=True))

    return await engine.read(read)


def aliases_of(engine: Engine, account: int) -> tuple[str, ...]:
    """Aliases that lead to an account, the first 1000 by name."""
    return tuple([row[0] for row in engine.reader.execute(_ALIASES_OF, (account,)).fetchall()])

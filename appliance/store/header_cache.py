"""Header-field sets that clients ask for (BODY[HEADER.FIELDS ...]), kept once cut out, for every copy of a body."""

from collections.abc import Mapping

from appliance.store.tx import Tx

MAX_SETS = 500
"""Different sets remembered in all: clients ask for a few; a client that asks for endless ones gains nothing."""
MAX_KEY = 500
"""Characters of a set's key."""
MAX_DATA = 8192
"""Octets remembered of one message: larger answers are cut out anew."""

_SET = "SELECT id FROM header_set WHERE fields = ?"
_REMEMBER = """
INSERT INTO header_cache (fields, blob, domain, data) SELECT ?, id, domain, ? FROM blob WHERE id = ?
ON CONFLICT DO NOTHING
"""


def remember_fields(tx: Tx, fields_key: str, found: Mapping[int, bytes]) -> None:
    """Keep the fields cut out of bodies, by blob id. What exceeds a limit is left out: the cache is no promise."""
    if len(fields_key) > MAX_KEY:
        return
    row = tx.execute(_SET, (fields_key,)).fetchone()
    if row is None:
        if tx.execute("SELECT count(*) FROM header_set").fetchone()[0] >= MAX_SETS:
            return
        row = (tx.new_id(),)
        tx.execute("INSERT INTO header_set (id, fields) VALUES (?, ?)", (row[0], fields_key))
    # latin-1 maps each octet to one character, so the text gives back the very octets.
    rows = [(row[0], data.decode("latin-1"), blob) for blob, data in sorted(found.items()) if len(data) <= MAX_DATA]
    tx.executemany(_REMEMBER, rows)

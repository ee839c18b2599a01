"""Rows of the record that have had their time: found by their ids, deleted from the bottom up, in slices.

A session goes after its last transaction, so that at any moment what is left is whole.
"""

from appliance.ids import first_id
from appliance.store.tx import Tx

RECORD_DAYS = 30
"""Days for which the record is kept unless the settings say otherwise; 0 is for ever."""
DAY = 24 * 3600 * 1_000_000
SLICE = 100
"""Rows of one slice; some have a transcript of 16 KiB each, whose pages are given back."""

OLD_ROWS = (
    "DELETE FROM smtp_recipient WHERE (transaction_id, number) IN (SELECT transaction_id, number FROM smtp_recipient"
    " WHERE transaction_id < :id ORDER BY transaction_id LIMIT :limit)",
    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE id < :id ORDER BY id LIMIT :limit)",
    "DELETE FROM smtp_transaction WHERE id IN (SELECT id FROM smtp_transaction WHERE id < :id"
    " ORDER BY id LIMIT :limit)",
    "DELETE FROM smtp_session WHERE id IN (SELECT id FROM smtp_session s WHERE id < :id"
    " AND NOT EXISTS (SELECT 1 FROM smtp_transaction WHERE session = s.id) ORDER BY id LIMIT :limit)",
    "DELETE FROM imap_session WHERE id IN (SELECT id FROM imap_session WHERE id < :id"
    " AND coalesce(ended, started) < :at ORDER BY id LIMIT :limit)",
    "DELETE FROM uptime WHERE id IN (SELECT id FROM uptime WHERE id < :id"
    " AND coalesce(stopped, alive) < :at ORDER BY id LIMIT :limit)",
)
"""What deletes one slice of each table, in order."""


def purge_rows(tx: Tx, statement: str, before: int) -> int:
    """One slice of what is older than a time; gives how many rows went."""
    return tx.execute(statement, {"id": first_id(before), "at": before, "limit": SLICE}).rowcount

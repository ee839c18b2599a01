"""What an admin sets while the server runs: names and values that must last and need no restart."""

from appliance.store.engine import Engine, Tx


class KV:
    """The `setting` table: text by name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, name: str, default: str = "") -> str:
        """The value of a name, or `default`."""
        row = self._engine.reader.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return default if row is None else str(row[0])

    def all(self) -> dict[str, str]:
        """Every setting, by name."""
        return dict(self._engine.reader.execute("SELECT name, value FROM setting ORDER BY name").fetchall())

    def set(self, tx: Tx, name: str, value: str) -> None:
        """Set or replace a value."""
        tx.execute(
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def unset(self, tx: Tx, name: str) -> None:
        """Remove a name; nothing happens where it is not set."""
        tx.execute("DELETE FROM setting WHERE name = ?", (name,))

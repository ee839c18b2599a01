"""The store, assembled: everything that lasts, in one data directory.

data_dir/appliance.db     the database (and its -wal, -shm)
data_dir/blobs/           bodies above 32 KiB, one immutable file each
data_dir/spool/           messages being received; emptied at start
"""

from collections.abc import Callable
from pathlib import Path

from appliance.store.engine import Engine
from appliance.store.engine_sqlite import SqliteFile
from appliance.store.feed import Feed
from appliance.store.migrate import migrate

DATABASE = "appliance.db"


class Store:
    """All rooms of the store on one engine."""

    def __init__(self, data_dir: Path, engine: Engine, feed: Feed) -> None:
        self.data_dir = data_dir
        self.engine = engine
        self.feed = feed

    def close(self) -> None:
        """Finish what is queued and close the database."""
        self.engine.close()


def open_store(data_dir: Path, *, now: Callable[[], int], ids: Callable[[], int]) -> Store:
    """Open the store in `data_dir`, made and migrated as needed.

    The caller holds the directory's lock (`appliance.store.lock`). `ids` must belong to the store alone: the
    writer thread calls it. Needs no running loop.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / DATABASE
    migrate(path)
    feed = Feed()
    return Store(data_dir, Engine(SqliteFile(path), feed, now=now, ids=ids), feed)

"""The store, assembled: everything that lasts, in one data directory.

- `appliance.db`: the database (with its -wal and -shm)
- `blobs/`: bodies above 32 KiB, one immutable file each
- `spool/`: messages being received; emptied at start
- `ballast`: room set aside for deleting when the disk is full
- `lock`: held by the process that has the directory (`appliance.store.lock`)
"""

from collections.abc import Callable
from pathlib import Path

from appliance.store.accept import Acceptor
from appliance.store.audit import Audit
from appliance.store.blobs import Blobs
from appliance.store.check import Check
from appliance.store.credentials import Credentials
from appliance.store.directory import Directory
from appliance.store.disk import DiskGuard, default_reserve
from appliance.store.engine import Engine
from appliance.store.engine_sqlite import SqliteFile
from appliance.store.feed import Feed
from appliance.store.files import FilePool, sync_directory
from appliance.store.kv import KV
from appliance.store.mailboxes import Mailboxes
from appliance.store.messages import Messages
from appliance.store.migrate import migrate
from appliance.store.operators import Operators
from appliance.store.record import Recorder
from appliance.store.record_policy import RecordPolicy
from appliance.store.record_upkeep import RECORD_DAYS
from appliance.store.spool import MemoryBudget, Spool, empty_spool
from appliance.store.trace import Traces
from appliance.store.upkeep import Upkeep
from appliance.store.uptime import Uptime

DATABASE = "appliance.db"
BYTES_IN_FLIGHT = 256 * 1024 * 1024
MAX_MESSAGE_SIZE = 50 * 1024 * 1024


class Store:
    """All rooms of the store on one engine."""

    def __init__(
        self,
        data_dir: Path,
        engine: Engine,
        feed: Feed,
        guard: DiskGuard,
        budget: MemoryBudget,
        *,
        privacy: str = "full",
        record_days: int = RECORD_DAYS,
    ) -> None:
        self.data_dir = data_dir
        self.engine = engine
        self.feed = feed
        self.guard = guard
        """Whether there is room to take mail."""
        self.budget = budget
        """Message bytes held in memory."""
        self.pool = FilePool()
        self.spool_dir = data_dir / "spool"
        self.blobs = Blobs(engine, self.pool, data_dir / "blobs", self.spool_dir)
        self.directory = Directory(engine, feed)
        self.mailboxes = Mailboxes(engine)
        self.messages = Messages(engine)
        self.settings = KV(engine)
        self.record = Recorder(engine, RecordPolicy(self.directory, self.settings, feed, privacy))
        self.traces = Traces(engine)
        self.accept = Acceptor(engine, self.blobs, self.record)
        self.credentials = Credentials(engine)
        self.operators = Operators(engine)
        self.audit = Audit(engine)
        self.upkeep = Upkeep(engine, self.blobs, self.pool, guard, record_days=record_days)
        self.uptime = Uptime(engine)
        self.check = Check(engine, self.blobs, self.pool, self.audit)

    def new_spool(self, *, head_limit: int | None = None) -> Spool:
        """A spool for one message; `head_limit` is how much of its header block to keep at hand, in bytes."""
        if head_limit is None:
            return Spool(self.spool_dir, self.budget, self.pool, room=self.guard.ok)
        return Spool(self.spool_dir, self.budget, self.pool, head_limit=head_limit, room=self.guard.ok)

    def close(self) -> None:
        """Finish what is queued, end the threads and close the database; blocks for that long."""
        self.pool.close()
        self.engine.close()


def open_store(
    data_dir: Path,
    *,
    now: Callable[[], int],
    ids: Callable[[], int],
    disk_reserve: int | None = None,
    max_message_size: int = MAX_MESSAGE_SIZE,
    bytes_in_flight: int = BYTES_IN_FLIGHT,
    privacy: str = "full",
    record_days: int = RECORD_DAYS,
) -> Store:
    """Open the store in `data_dir`, made and migrated as needed.

    The caller holds the directory's lock (`appliance.store.lock`). `ids` is called on the writer thread and must
    belong to the store alone. `disk_reserve` None is the default for `max_message_size`; `bytes_in_flight` 0 is
    unlimited. `privacy` is what the record holds where no domain says otherwise (`appliance.store.privacy`), for
    `record_days` (0: for ever). Needs no running loop. Raises SchemaError with one line for the operator.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data_dir / "blobs").mkdir(mode=0o700, exist_ok=True)
    empty_spool(data_dir / "spool")
    sync_directory(data_dir)
    path = data_dir / DATABASE
    migrate(path)
    guard = DiskGuard(data_dir, default_reserve(max_message_size) if disk_reserve is None else disk_reserve)
    feed = Feed()
    engine = Engine(SqliteFile(path), feed, now=now, ids=ids)
    engine.relieve, guard.on_low = guard.relieve, engine.shrink
    return Store(data_dir, engine, feed, guard, MemoryBudget(bytes_in_flight), privacy=privacy, record_days=record_days)

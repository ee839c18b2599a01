"""Bodies: the exact bytes of messages, once for each domain, shared by recipients and copies.

A body is named by its SHA-256 within a domain (never across domains: privacy, and deletion). Up to 32 KiB it is
a BLOB in its row: atomic, and one fsync for a whole batch. Above, it is one immutable file
`blobs/<domain id>/<sha256>`, durable before the row that names it and deleted after that row (`body_files`).
"""

import sqlite3
import weakref
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from appliance.ids import id_text
from appliance.mail.delivery import Content
from appliance.store.body_files import BodyFiles, BodyReader, Hold
from appliance.store.engine import Engine, Tx
from appliance.store.errors import NotFound, StoreBroken, StoreError
from appliance.store.files import FilePool, as_store_error, is_disk_failure
from appliance.store.holds import Name

ROW_BYTES = 32 * 1024
"""Largest body kept in its row."""
MAX_INLINE = 250
"""Bodies of one `bodies_inline` call."""
GRACE_US = 24 * 3600 * 1_000_000
"""How long a body stays after its last message is gone; longer than any backup takes."""

_INSERT = """
INSERT INTO blob (id, domain, sha256, size, place, created_at, data) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (domain, sha256) DO NOTHING
"""
_FIND = "SELECT id FROM blob WHERE domain = ? AND sha256 = ?"
_NAMED = "SELECT 1 FROM blob WHERE domain = ? AND sha256 = ? AND place = 'file'"
# substr() of an empty BLOB is NULL.
_READ = "SELECT domain, sha256, size, coalesce(substr(data, ?, ?), data) FROM blob WHERE id = ?"


class StoredBody(msgspec.Struct, frozen=True, weakref=True):
    """A body ready for its rows: in memory, or in files that are durable in each of its domains.

    As long as this object lives, its files are safe from the collector: keep it until the job that inserts it
    is committed (a job that closes over it does).
    """

    size: int
    sha256: bytes
    data: bytes | None = None
    hold: Hold | None = None


class Body:
    """An open body, for reading it piece by piece; it stays readable when its message is deleted meanwhile."""

    def __init__(self, size: int, data: bytes | None, file: BodyReader | None, pool: FilePool) -> None:
        self.size = size
        self._data = data
        self._file = file
        self._pool = pool

    async def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start`; fewer only at the end."""
        if self._file is None:
            return (self._data or b"")[start : start + length]
        return await self._pool.run(self._file.read, start, length)

    def close(self) -> None:
        """Close its file; the bytes already read stay good."""
        if self._file is not None:
            self._file.close()


class Blobs:
    """The bodies of the store. Rows are read inline on the caller's thread, files on the file pool's."""

    def __init__(self, engine: Engine, pool: FilePool, root: Path, scratch: Path) -> None:
        self.files = BodyFiles(root, scratch, self.named)
        self._engine = engine
        self._pool = pool

    async def store(self, content: Content, domains: tuple[int, ...]) -> StoredBody:
        """Make a body ready for `insert` in these domains. A file of `content` is taken over, whatever happens.

        Raises StoreFull, StoreBroken (an fsync failed) or StoreError.
        """
        if content.size <= ROW_BYTES and content.data is not None:
            return StoredBody(content.size, content.sha256, content.data)
        try:
            hold = await self._pool.run(self._put, content, domains)
        except OSError as error:
            if is_disk_failure(error):
                self._engine.fail(error, "write to a message file")
                raise StoreBroken(f"write to a message file failed: {error}") from error
            raise as_store_error(error, "message file") from error
        stored = StoredBody(content.size, content.sha256, None, hold)
        weakref.finalize(stored, self.files.release, hold).atexit = False
        return stored

    def insert(self, tx: Tx, stored: StoredBody, domain: int) -> int:
        """The id of the body's row in a domain: the one that is there, or a new one."""
        tx.brings_mail = True
        blob = tx.new_id()
        place = "row" if stored.hold is None else "file"
        row = (blob, domain, stored.sha256, stored.size, place, tx.now, stored.data)
        if tx.execute(_INSERT, row).rowcount == 0:
            blob = tx.execute(_FIND, (domain, stored.sha256)).fetchone()[0]
        if stored.hold is not None:
            name = (domain, stored.sha256)
            if name not in stored.hold.names:
                raise StoreError(f"the body was not stored for domain {id_text(domain)}")
            tx.after_commit(partial(stored.hold.named.add, name))
        return blob

    async def body(self, blob: int, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of a body from `start`, all or up to `length`; a big one is read in pieces with `open`.

        Raises NotFound when there is no such body, StoreError when its file is missing.
        """
        name, size, data = self._row(self._engine.reader, blob, start, length)
        if data is not None:
            return data
        return await self._pool.run(self._read_file, name, start, size if length is None else length)

    def bodies_inline(self, blobs: Sequence[int]) -> dict[int, bytes | None]:
        """Many bodies by one statement (at most 250 ids); None where the body is a file, absent where there is none."""
        marks = ",".join("?" * len(blobs))
        return dict(self._engine.reader.execute(f"SELECT id, data FROM blob WHERE id IN ({marks})", blobs).fetchall())

    def read(self, connection: sqlite3.Connection, blob: int, start: int = 0, length: int | None = None) -> bytes:
        """As `body`, on the calling thread and through its connection: for reader threads only, it may block."""
        name, size, data = self._row(connection, blob, start, length)
        return data if data is not None else self._read_file(name, start, size if length is None else length)

    async def open(self, blob: int) -> Body:
        """Open a body for reading in pieces; the caller closes it."""
        name, size, data = self._row(self._engine.reader, blob, 0, None)
        if data is not None:
            return Body(size, data, None, self._pool)
        return Body(size, None, await self._pool.run(self._open_file, name), self._pool)

    def _row(
        self, connection: sqlite3.Connection, blob: int, start: int, length: int | None
    ) -> tuple[Name, int, bytes | None]:
        # A negative length would count backwards in SQL; the size of a row's body is bounded anyway.
        wanted = ROW_BYTES if length is None else max(length, 0)
        row = connection.execute(_READ, (max(start, 0) + 1, wanted, blob)).fetchone()
        if row is None:
            raise NotFound(f"there is no body {id_text(blob)}")
        domain, sha256, size, data = row
        return (domain, sha256), size, data

    def _open_file(self, name: Name) -> BodyReader:
        try:
            return BodyReader(self.files.path(name))
        except FileNotFoundError as error:
            raise StoreError(f"the file of a message body is missing: {self.files.path(name)}") from error

    def _read_file(self, name: Name, start: int, length: int) -> bytes:
        file = self._open_file(name)
        try:
            return file.read(start, length)
        finally:
            file.close()

    def _put(self, content: Content, domains: tuple[int, ...]) -> Hold:
        source = content.path
        if source is None:
            source = self.files.new_path()
            source.write_bytes(content.data or b"")
        return self.files.put(source, content.sha256, domains)

    def named(self, name: Name) -> bool:
        """Whether a committed row names a body file."""
        return self._engine.reader.execute(_NAMED, name).fetchone() is not None

"""Forward-only, numbered migrations, each in one transaction, with a copy of the database before the first.

A migration is a file `mNNNN_name.sql` in `migrations`; the number of the last one applied is the database's
`user_version`, which changes in the same transaction. There is no way back but the copy.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec
import structlog

from appliance.store.engine_sqlite import open_alone, prepare_new
from appliance.store.errors import SchemaError
from appliance.store.files import sync_directory, sync_file

log = structlog.get_logger("appliance.store")
_NAME = re.compile(r"m(\d{4})_([a-z0-9_]+)\.sql\Z")


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema."""

    number: int
    name: str
    script: str


@cache
def known_migrations() -> tuple[Migration, ...]:
    """Those this program has, in order; numbers start at 1 and have no gap.

    Read once: root may have to give up its right to read the program's files before it opens a database.
    """
    found = []
    for entry in resources.files("appliance.store.migrations").iterdir():
        if match := _NAME.match(entry.name):
            found.append(Migration(int(match[1]), match[2], entry.read_text("utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)) or not found:
        raise SchemaError("the program's migrations are incomplete: install it again")
    return tuple(found)


def migrate(path: Path, migrations: Sequence[Migration] | None = None) -> int:
    """Bring the database at `path` (made if absent) to the newest schema; returns its version.

    The caller holds the data directory's lock. Raises SchemaError, with one line for the operator, when the
    database was made by a newer program or is none at all; it is then left as it was.
    """
    steps = known_migrations() if migrations is None else tuple(migrations)
    with contextlib.closing(_open(path)) as connection:
        version = _version(connection, path)
        if version > steps[-1].number:
            raise SchemaError(
                f"{path}: its schema is version {version}, this program knows {steps[-1].number}: "
                "install the newer program again, or restore the copy made before the upgrade"
            )
        if version == 0:
            prepare_new(connection)
        else:
            # A copy that was put back is in no such mode: copies are single files.
            connection.execute("PRAGMA journal_mode = WAL")
            if version < steps[-1].number:
                _copy(connection, path, version)
        for step in steps[version:]:
            _apply(connection, step)
        return steps[-1].number


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit what is open."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = open_alone(path)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        raise SchemaError(f"{path}: not a database of this program ({error})") from error
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if version == 0 and tables:
        raise SchemaError(f"{path}: not a database of this program (it has tables, but no version)")
    return version


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements(step.script):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {step.number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    log.info("migrated", version=step.number, name=step.name)


def _copy(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """A whole copy beside the database, complete or not there: written aside, then renamed."""
    target = path.with_name(f"{path.name}.version-{version:04}")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(part),))
    sync_file(part)
    part.replace(target)
    sync_directory(target.parent)
    log.info("copied the database before migrating it", copy=str(target))

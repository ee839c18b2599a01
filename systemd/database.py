"""What `install` does with the database between two versions; runs as the service's user, beside or without the daemon.

`schema FILE` prints the number of its schema, `copy FILE COPY` makes a whole copy (also of one that is in use),
`restore FILE COPY ASIDE` sets the file aside as ASIDE.db, links what it alone may name into ASIDE/ and puts the copy in
its place (the daemon is stopped), `since FILE COPY` prints how many messages it has that came after the copy was made.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

MICROSECONDS = 1_000_000


@contextlib.contextmanager
def opened(path: Path, mode: str = "ro") -> Iterator[sqlite3.Connection]:
    """A connection to a database that is there; closed at the end."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=30)) as connection:
        yield connection


def schema(path: Path) -> int:
    """The number of the last migration that was applied."""
    with opened(path) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version


def copy(path: Path, target: Path) -> None:
    """A copy that is complete and on the disk, or is not there."""
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    with opened(path) as source, contextlib.closing(sqlite3.connect(part)) as made:
        # In one step: copying while others write would begin anew with each of their commits.
        source.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    sync(target.parent)


def restore(path: Path, source: Path, aside: Path) -> None:
    """The copy becomes the database; what was there lies aside, whole, with the bodies that came after the copy."""
    made = source.stat().st_mtime
    aside.mkdir(mode=0o700)
    # The older version would take the bodies that no row of its own names for left-overs.
    for body in (path.parent / "blobs").glob("*/*"):
        if body.stat().st_mtime >= made:
            os.link(body, aside / f"{body.parent.name}-{body.name}")
    with opened(path, "rw") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.replace(aside.with_name(f"{aside.name}.db"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    copy(source, path)
    # As the store made it, and expects to find it; the copy is one file that needs no other beside it.
    with opened(path, "rw") as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def since(path: Path, source: Path) -> int:
    """Messages that were saved after the copy was made."""
    made = int(source.stat().st_mtime * MICROSECONDS)
    with opened(path) as connection:
        count: int = connection.execute("SELECT count(*) FROM message WHERE savedate >= ?", (made,)).fetchone()[0]
        return count


def sync(directory: Path) -> None:
    """The names in it are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(verb: str, *places: str) -> None:
    """Runs one verb; a refusal is one line, and exit code 1."""
    os.umask(0o077)
    verbs: dict[str, Callable[..., int | None]] = {"schema": schema, "copy": copy, "restore": restore, "since": since}
    try:
        result = verbs[verb](*map(Path, places))
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"{places[0]}: {error}")
    if result is not None:
        print(result)


if __name__ == "__main__":
    main(*sys.argv[1:])

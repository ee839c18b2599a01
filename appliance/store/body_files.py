"""Body files on disk: stored before the row that names them, deleted after it."""

import errno
import itertools
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.ids import id_text, parse_id
from appliance.store.files import sync_directory, sync_file
from appliance.store.holds import Holds, Name

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV)


class Hold:
    """What keeps the files of one stored body from the collector, and which of them rows name by now."""

    __slots__ = ("named", "names")

    def __init__(self, names: tuple[Name, ...]) -> None:
        self.names = names
        self.named: set[Name] = set()


class BodyReader:
    """An open body file. Blocks: use it on a thread of the file pool."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start`."""
        return os.pread(self._file.fileno(), length, start)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class BodyFiles:
    """The directory `blobs`. Everything here blocks: use it on a thread of the file pool.

    `scratch` is a directory on the same file system that is emptied at start; `named` says whether a committed
    row names a file.
    """

    def __init__(self, root: Path, scratch: Path, named: Callable[[Name], bool]) -> None:
        self.root = root
        self.scratch = scratch
        self._named = named
        self._holds = Holds()
        self._left: deque[Name] = deque()
        self._numbers = itertools.count()

    def path(self, name: Name) -> Path:
        """Where a body lies."""
        return self.root / id_text(name[0]) / name[1].hex()

    def new_path(self) -> Path:
        """A fresh name in the scratch directory."""
        return self.scratch / f"body-{next(self._numbers)}"

    def put(self, source: Path, sha256: bytes, domains: tuple[int, ...]) -> Hold:
        """Take over a complete file for these domains; durable on return. Raises OSError.

        `source` is gone afterwards, whatever happens. Domains share the bytes by hard links.
        """
        self.delete_left()
        hold = Hold(tuple((domain, sha256) for domain in dict.fromkeys(domains)))
        taken = 0
        try:
            for name in hold.names:
                self._holds.take(name)
                taken += 1
            # File, name, directory, and only then (by the caller) the row: after a crash at any point there is
            # either no row, or a row with a whole file.
            sync_file(source)
            for name in hold.names[1:]:
                self._place(self._link(source), name)
            self._place(source, hold.names[0])
        except BaseException:
            source.unlink(missing_ok=True)
            self.release(Hold(hold.names[:taken]))
            raise
        return hold

    def release(self, hold: Hold) -> None:
        """End a hold. A file that no row came to name is deleted by the next put or collection. Never blocks."""
        for name in hold.names:
            self._holds.drop(name)
            if name not in hold.named:
                self._left.append(name)

    def delete_left(self) -> None:
        """Delete what was stored and never named by a row: its transaction failed, or its session broke."""
        while True:
            try:
                name = self._left.popleft()
            except IndexError:
                return
            self.delete(name)

    def delete(self, name: Name) -> bool:
        """Delete a file unless it is being stored, or a row names it (again); True when it is gone."""
        if not self._holds.begin_death(name):
            return False
        try:
            # Only now: a row that was written under an earlier hold is committed, and so it is seen.
            if self._named(name):
                return False
            self.path(name).unlink(missing_ok=True)
            return True
        finally:
            self._holds.end_death(name)

    def names(self) -> Iterator[tuple[Name, os.stat_result]]:
        """Every body file with its size and times; anything else in the directory is passed over."""
        if not self.root.is_dir():
            return
        with os.scandir(self.root) as directories:
            for directory in directories:
                with os.scandir(directory.path) as entries:
                    for entry in entries:
                        try:
                            name = parse_id(directory.name), bytes.fromhex(entry.name)
                            yield name, entry.stat(follow_symlinks=False)
                        except (ValueError, FileNotFoundError):
                            continue

    def _place(self, source: Path, name: Name) -> None:
        """Rename a durable file to its final name, over an equal one that may be there."""
        target = self.path(name)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self.root)
        os.replace(source, target)
        sync_directory(target.parent)

    def _link(self, source: Path) -> Path:
        """A second name for the same bytes; a durable copy where the file system has no hard links."""
        path = self.new_path()
        try:
            os.link(source, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            shutil.copyfile(source, path)
            sync_file(path)
        return path

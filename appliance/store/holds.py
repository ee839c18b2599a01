"""Which body files are being stored or deleted right now, so that neither undoes the other.

The collector deletes a body's row first and its file second. Between the two the same content may arrive again,
find the file there, and write a row for a file that is about to go. So:

1. Whoever stores takes a hold on the name *before* it looks at the directory, and keeps it until its row is
   committed (or will never be).
2. Whoever deletes marks the name as dying, which fails while there is a hold, and *then* looks whether a row
   names it. A row written under an earlier hold was committed before that hold ended, so it is seen.
3. A hold waits while the name is dying: what it then puts in the directory is there to stay.
"""

import threading
from collections import Counter

Name = tuple[int, bytes]
"""A body file: domain id and SHA-256."""


class Holds:
    """The names in use. Any thread; blocks only for the time of one unlink."""

    def __init__(self) -> None:
        # Re-entrant, as Condition's own lock is: `drop` may run in the garbage collector, so at any allocation
        # of a thread that is in here already.
        self._changed = threading.Condition(threading.RLock())
        self._held: Counter[Name] = Counter()
        self._dying: set[Name] = set()

    def take(self, name: Name) -> None:
        """Hold a name, once it is not dying."""
        with self._changed:
            self._changed.wait_for(lambda: name not in self._dying)
            self._held[name] += 1

    def drop(self, name: Name) -> None:
        """End one hold."""
        with self._changed:
            self._held[name] -= 1
            if self._held[name] <= 0:
                del self._held[name]

    def begin_death(self, name: Name) -> bool:
        """Mark a name as dying; False where it is held, or somebody else is at it."""
        with self._changed:
            if self._held.get(name) or name in self._dying:
                return False
            self._dying.add(name)
            return True

    def end_death(self, name: Name) -> None:
        """The file is gone, or was spared."""
        with self._changed:
            self._dying.discard(name)
            self._changed.notify_all()

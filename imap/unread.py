"""What all slow readers together may leave unread: beyond it, whoever has stalled longest is cut off."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imap.connection import Connection

UNREAD_TOTAL = 64 * 1024 * 1024
"""Octets of answers that may wait in this process for clients that do not read (each holds at least `WRITE_AHEAD`)."""


class UnreadAnswers:
    """Connections whose client reads too slowly, the one that has stalled longest first, and what waits for them."""

    def __init__(self, total: int = UNREAD_TOTAL) -> None:
        self._total = total
        self._waiting: dict[Connection, int] = {}
        self.octets = 0
        """In all."""

    def note(self, connection: "Connection", octets: int) -> "list[Connection]":
        """So much waits for this client now; gives those that have to go for it, itself last of all."""
        self.octets += octets - self._waiting.get(connection, 0)
        self._waiting[connection] = octets
        excess, victims = self.octets - self._total, []
        for slow, held in self._waiting.items():
            if excess <= 0:
                break
            victims.append(slow)
            excess -= held
        return victims

    def forget(self, connection: "Connection") -> None:
        """The client has caught up, or is gone."""
        self.octets -= self._waiting.pop(connection, 0)

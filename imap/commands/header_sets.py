"""Header-field sets on the way through a FETCH: looked up where they are known, cut out and kept where not."""

from collections.abc import Mapping, Sequence

from appliance.store.header_cache import remember_fields
from appliance.store.messages import Row
from imap.front import Front
from imap.header_subset import subset_of
from imap.wire.fetch_att import BodySection

KEEP_OCTETS = 4 * 1024 * 1024
"""Octets newly cut in one FETCH that are kept; what is beyond is cut anew the next time."""


class HeaderSets:
    """The sets (BODY[HEADER.FIELDS ...]) of one FETCH, chunk by chunk."""

    def __init__(self, front: Front, mailbox: int, subsets: Mapping[str, BodySection]) -> None:
        self.known: dict[str, dict[int, bytes]] = {}
        """By key and UID, of the chunk looked up last."""
        self._front = front
        self._mailbox = mailbox
        self._subsets = subsets
        self._octets = 0
        self._new: dict[str, dict[int, bytes]] = {key: {} for key in subsets}

    def look_up(self, uids: Sequence[int]) -> bool:
        """Get what is kept for these messages; whether that is every set of each of them."""
        messages = self._front.store.messages
        self.known = {key: messages.cached_fields(self._mailbox, uids, key) for key in self._subsets}
        return all(len(kept) == len(uids) for kept in self.known.values())

    def cut(self, rows: Sequence[Row]) -> None:
        """Cut out what was not kept."""
        for key, section in self._subsets.items():
            kept, new = self.known[key], self._new[key]
            for row in rows:
                if row.uid not in kept and row.header is not None:
                    kept[row.uid] = fields = subset_of(section, row.header)
                    self._octets += len(fields)
                    if self._octets <= KEEP_OCTETS:
                        new[row.blob] = fields

    def remember(self) -> None:
        """Keep what was cut out, after the answer: nobody waits for it."""
        for key, new in self._new.items():
            if new:
                self._front.background(self._write(key, new))

    async def _write(self, key: str, new: Mapping[int, bytes]) -> None:
        await self._front.store.engine.write(lambda tx: remember_fields(tx, key, new), size=sum(map(len, new.values())))

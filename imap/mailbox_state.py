"""The mailboxes in memory: their truth, kept true by the feed, shared by all sessions that have them open.

The feed only marks a state as stale; `changes_since` brings it up to date, lazily, before it is used. So ten
sessions on one folder cost one question to the store. States stay cached when nobody has them open: a SELECT
then reads no message at all.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from appliance.records import Changes, FlagState, MailboxInfo, Snapshot, Topic
from appliance.store import mailbox_acts
from appliance.store.store import Store
from imap.truth import Truth
from imap.view import MailboxView

CACHED_MESSAGES = 2_000_000
"""Messages (13 bytes each) in memory from which on mailboxes that nobody has open are let go."""
OVERHEAD = 200
"""What an empty state costs, in messages."""
INLINE_MESSAGES = 5_000
"""Messages up to which a mailbox is read on the loop (some 5 ms); larger ones are read in the reader pool."""


class MailboxState:
    """One mailbox: its truth, and who wants to be woken when there is news."""

    __slots__ = ("_recent_saved", "_stop", "_store", "_wakers", "id", "stale", "truth")

    def __init__(self, store: Store, snapshot: Snapshot) -> None:
        self.id = snapshot.info.id
        self.truth = Truth(snapshot)
        self.stale = True
        """Whether the store may know more: from the start, as the snapshot may be older than the subscription."""
        self._store = store
        self._recent_saved = snapshot.info.recent_uid
        self._wakers: dict[MailboxView, Callable[[], None]] = {}
        self._stop = store.feed.subscribe(Topic("mailbox", self.id), self._changed)

    @property
    def info(self) -> MailboxInfo | None:
        """The mailbox as of the last refresh; None once it has been deleted."""
        return self.truth.info

    def open(self, waker: Callable[[], None], *, read_only: bool) -> MailboxView:
        """A view for a session; `waker` runs on every report of the feed, and must be quick."""
        view = self.truth.open(read_only=read_only)
        self._wakers[view] = waker
        return view

    def close(self, view: MailboxView) -> None:
        """The session of this view has left."""
        self.truth.close(view)
        del self._wakers[view]

    @property
    def watched(self) -> bool:
        """Whether a session has it open."""
        return bool(self._wakers)

    def refresh(self) -> None:
        """Catch up with the store if the feed has said that something changed."""
        info = self.info
        if self.stale and info is not None:
            self.stale = False
            self.truth.apply(self._store.messages.changes_since(self.id, info.highestmodseq, info.uidnext))

    def refresh_flags(self, changed: Sequence[FlagState]) -> None:
        """Catch up after a command that changed just these flags.

        Where nobody else has changed anything since, the store is not asked again for what it has just told.
        """
        info = self._store.mailboxes.by_id(self.id) if changed else None
        known = self.info
        if (
            info is None
            or known is None
            or info.uidnext != known.uidnext
            or (info.highestmodseq != known.highestmodseq + 1)
        ):
            self.refresh()
            return
        self.stale = False
        self.truth.apply(Changes(info, (), tuple(changed), ()))

    @property
    def recent_unsaved(self) -> bool:
        """Whether a session has claimed \\Recent messages since that was last written."""
        return self.truth.recent_uid > self._recent_saved and self.info is not None

    async def save_recent(self) -> None:
        """Make the claims of \\Recent last; losing them does no harm, so nobody waits for it."""
        self._recent_saved = uid = self.truth.recent_uid
        await self._store.engine.write(lambda tx: mailbox_acts.set_recent(tx, self.id, uid))

    def forget(self) -> None:
        """Leave the feed."""
        self._stop()

    def _changed(self, topic: Topic) -> None:
        self.stale = True
        for waker in self._wakers.values():
            waker()


class MailboxStates:
    """The states of all mailboxes in use or lately used, bounded by the number of messages."""

    def __init__(self, store: Store, limit: int = CACHED_MESSAGES) -> None:
        self._store = store
        self._limit = limit
        self._states: OrderedDict[int, MailboxState] = OrderedDict()

    async def open(self, mailbox: int) -> MailboxState | None:
        """The state of a mailbox, up to date; None when there is no such mailbox."""
        if mailbox not in self._states:
            snapshot = await self._snapshot(mailbox)
            if snapshot is None:
                return None
            if mailbox not in self._states:
                self._states[mailbox] = MailboxState(self._store, snapshot)
                self._evict(self._states[mailbox])
        state = self._states[mailbox]
        self._states.move_to_end(mailbox)
        state.refresh()
        if state.info is None:
            del self._states[mailbox]
            state.forget()
            return None
        return state

    def holds(self, mailbox: int) -> bool:
        """Whether the mailbox is in memory."""
        return mailbox in self._states

    async def _snapshot(self, mailbox: int) -> Snapshot | None:
        info = self._store.mailboxes.by_id(mailbox)
        if info is None:
            return None
        if info.exists <= INLINE_MESSAGES:
            return self._store.messages.snapshot(mailbox)
        return await self._store.engine.read(lambda connection: self._store.messages.snapshot(mailbox))

    def _evict(self, newest: MailboxState) -> None:
        """Let the states go that were used least lately, until the rest fits."""
        held = sum(len(state.truth.uids) + OVERHEAD for state in self._states.values())
        for mailbox, state in tuple(self._states.items()) if held > self._limit else ():
            if held <= self._limit:
                return
            if not state.watched and state is not newest:
                held -= len(state.truth.uids) + OVERHEAD
                del self._states[mailbox]
                state.forget()

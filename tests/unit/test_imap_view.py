"""A client that believes only the lines it is sent always ends with the truth, and is never told too early."""

import re
import sys
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.records import FLAGGED, KEYWORDED, SEEN, Changes, FlagState, MailboxInfo, Snapshot
from imap.truth import Truth
from imap.view import MailboxView
from imap.wire.flags import flag_text
from imap.wire.sequence_set import SequenceSet
from imap.wire.status import ImapError


class Box:
    """The rows of a mailbox, and the answer to `changes_since`."""

    def __init__(self, count: int = 0, recent_uid: int = 1) -> None:
        self.rows = {uid: FlagState(uid, 0, (), 1) for uid in range(1, count + 1)}
        self.gone: dict[int, int] = {}
        self.uidnext, self.modseq, self.recent_uid = count + 1, 1, recent_uid
        self.asked = (1, self.uidnext)
        self.truth = Truth(self.snapshot())

    def info(self) -> MailboxInfo:
        return MailboxInfo(1, 1, 1, "INBOX", 7, self.uidnext, self.recent_uid, self.modseq, len(self.rows), 0, 0, None)

    def snapshot(self) -> Snapshot:
        rows = list(self.rows.values())
        flags = bytearray(r.flags | (KEYWORDED if r.keywords else 0) for r in rows)
        uids, modseqs = array("I", [r.uid for r in rows]), array("Q", [r.modseq for r in rows])
        return Snapshot(self.info(), uids, flags, modseqs, {r.uid: r.keywords for r in rows if r.keywords})

    def add(self, flags: int = 0) -> int:
        self.modseq += 1
        self.rows[self.uidnext] = FlagState(self.uidnext, flags, (), self.modseq)
        self.uidnext += 1
        return self.uidnext - 1

    def expunge(self, *uids: int) -> None:
        self.modseq += 1
        for uid in uids:
            del self.rows[uid]
            self.gone[uid] = self.modseq

    def flag(self, uid: int, flags: int, keywords: tuple[str, ...] = ()) -> None:
        self.modseq += 1
        self.rows[uid] = FlagState(uid, flags, keywords, self.modseq)

    def sync(self, *, whole: bool = False) -> None:
        modseq, uidnext = self.asked
        rows = self.rows.values()
        new = tuple(r for r in rows if r.uid >= uidnext)
        flags = tuple(r for r in rows if r.uid < uidnext and (whole or r.modseq > modseq))
        gone = () if whole else tuple(sorted(uid for uid, at in self.gone.items() if at > modseq))
        self.asked = (self.modseq, self.uidnext)
        self.truth.apply(Changes(self.info(), new, flags, gone, whole))


class Client:
    """Replays announced lines; what it does not know of a new message it fetches through the view."""

    def __init__(self, box: Box, *, read_only: bool = False) -> None:
        self.box = box
        self.view = box.truth.open(read_only=read_only)
        self.slots: list[tuple[int, bytes | None]] = []
        self._grow(self.view.count)

    def _grow(self, count: int) -> None:
        assert count >= len(self.slots)
        for number in range(len(self.slots) + 1, count + 1):
            selection = self.view.resolve(SequenceSet.parse(str(number)), uid=False)
            self.slots.append((selection.uids[0], self.view.flag_texts(selection)[0]))

    def drain(self, may_announce_expunge: bool) -> list[bytes]:
        lines = self.view.drain(may_announce_expunge)
        for line in lines:
            self._read(line, may_announce_expunge)
        return lines

    def _read(self, line: bytes, may_announce_expunge: bool) -> None:
        if line.startswith((b"* FLAGS", b"* OK [")):
            return
        match = re.fullmatch(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH \(FLAGS \((.*)\)\))\r\n", line)
        assert match is not None, line
        number = int(match[1])
        if match[2] == b"EXPUNGE":
            assert may_announce_expunge
            del self.slots[number - 1]
        elif match[2] == b"EXISTS":
            self._grow(number)
        elif match[2] != b"RECENT":
            self.slots[number - 1] = (self.slots[number - 1][0], match[3])

    def check(self) -> None:
        assert [uid for uid, _ in self.slots] == list(self.box.truth.uids)
        for uid, text in self.slots:
            assert text is not None
            row = self.box.rows[uid]
            recent = b"\\Recent" if self.view.is_recent(uid) else b""
            assert set(text.split()) == set(b" ".join((flag_text(row.flags, row.keywords), recent)).split())


def test_expunges_come_highest_first_then_exists_recent_and_flags():
    box = Box(5, recent_uid=6)
    client = Client(box)
    box.expunge(2, 4)
    box.flag(5, SEEN)
    box.add()
    box.sync()
    assert client.view.pending_expunge
    assert client.drain(True) == [
        b"* 4 EXPUNGE\r\n",
        b"* 2 EXPUNGE\r\n",
        b"* 4 EXISTS\r\n",
        b"* 1 RECENT\r\n",
        b"* 3 FETCH (FLAGS (\\Seen))\r\n",
    ]
    assert client.drain(True) == []


def test_expunged_messages_keep_their_numbers_until_told():
    box = Box(3)
    client = Client(box)
    box.expunge(1)
    box.flag(3, FLAGGED)
    box.add()
    box.sync()
    assert client.drain(False) == [
        b"* 4 EXISTS\r\n",
        b"* 4 RECENT\r\n",
        b"* 3 FETCH (FLAGS (\\Flagged \\Recent))\r\n",
    ]
    selection = client.view.resolve(SequenceSet.parse("1:*"), uid=True)
    assert (list(selection.uids), list(selection.numbers)) == ([1, 2, 3, 4], [1, 2, 3, 4])
    assert client.view.flag_texts(selection)[0] is None
    assert client.drain(True) == [b"* 1 EXPUNGE\r\n"]


def test_expunge_of_nothing_says_nothing():
    box = Box()
    client = Client(box)
    box.expunge(box.add())
    box.sync()
    assert client.drain(True) == []
    assert client.view.count == 0


def test_uid_commands_are_told_flags_with_uids():
    box = Box(2, recent_uid=3)
    client = Client(box)
    box.expunge(1)
    box.flag(2, SEEN)
    box.sync()
    assert client.view.drain(True, uid=True) == [b"* 1 EXPUNGE\r\n", b"* 1 FETCH (UID 2 FLAGS (\\Seen))\r\n"]


def test_recent_goes_to_one_session_and_examine_takes_none():
    box = Box(3, recent_uid=2)
    examiner, first, second = Client(box, read_only=True), Client(box), Client(box)
    assert [c.view.recent_count for c in (examiner, first, second)] == [2, 2, 0]
    assert list(first.view.recent_uids()) == [2, 3]
    box.add()
    box.sync()
    assert second.drain(False) == [b"* 4 EXISTS\r\n", b"* 1 RECENT\r\n"]
    assert first.drain(False) == [b"* 4 EXISTS\r\n", b"* 2 RECENT\r\n"]
    assert box.truth.recent_uid == 5
    assert box.truth.unclaimed() == 0


def test_own_silent_store_is_not_announced_but_what_others_did_is():
    box = Box(3, recent_uid=4)
    own, other = Client(box), Client(box)
    box.flag(2, FLAGGED)
    with own.view.silence("add", SEEN, (), array("I", [1, 2])):
        box.flag(1, SEEN)
        box.flag(2, FLAGGED | SEEN)
        box.sync()
    assert own.drain(False) == [b"* 2 FETCH (FLAGS (\\Seen \\Flagged))\r\n"]
    assert len(other.drain(False)) == 2


@pytest.mark.parametrize(
    ("mode", "before", "named", "after", "silent"),
    [
        ("add", SEEN, FLAGGED, SEEN | FLAGGED, True),
        ("remove", SEEN | FLAGGED, SEEN, FLAGGED, True),
        ("replace", SEEN, FLAGGED, FLAGGED, True),
        ("replace", SEEN, FLAGGED, FLAGGED | SEEN, False),
        ("remove", SEEN, SEEN, FLAGGED, False),
    ],
)
def test_silence_covers_exactly_the_command(mode, before, named, after, silent):
    box = Box(1, recent_uid=2)
    box.flag(1, before)
    box.sync()
    client = Client(box)
    with client.view.silence(mode, named, (), array("I", [1])):
        box.flag(1, after)
        box.sync()
    assert (client.drain(False) == []) is silent


def test_touch_announces_what_did_not_change_and_told_takes_back():
    box = Box(2, recent_uid=3)
    client = Client(box)
    client.view.touch([1, 2])
    client.view.told([1])
    assert client.drain(False) == [b"* 2 FETCH (FLAGS ())\r\n"]


def test_new_keywords_are_named_before_they_are_used():
    box = Box(1, recent_uid=2)
    client = Client(box)
    box.flag(1, 0, ("$Junk",))
    box.sync()
    flags, permanent, fetch = client.drain(False)
    assert flags.endswith(b" $Junk)\r\n")
    assert b"PERMANENTFLAGS" in permanent
    assert fetch == b"* 1 FETCH (FLAGS ($Junk))\r\n"


def test_changes_told_twice_are_announced_once():
    box = Box(3, recent_uid=4)
    client = Client(box)
    box.flag(2, SEEN)
    box.expunge(1)
    box.add()
    asked = box.asked
    box.sync()
    assert len(client.drain(True)) == 4
    box.asked = asked
    box.sync()
    assert client.drain(True) == []
    client.check()


def test_flags_of_a_message_not_yet_told_are_not_announced():
    box = Box(1, recent_uid=2)
    client = Client(box)
    uid = box.add()
    box.sync()
    box.flag(uid, SEEN)
    box.sync()
    assert client.drain(False) == [b"* 2 EXISTS\r\n", b"* 1 RECENT\r\n"]
    client.check()


def test_changes_that_name_every_message_remove_the_others():
    box = Box(4, recent_uid=5)
    client = Client(box)
    box.expunge(1, 3)
    box.flag(4, SEEN)
    box.add()
    box.sync(whole=True)
    assert client.drain(True)[:3] == [b"* 3 EXPUNGE\r\n", b"* 1 EXPUNGE\r\n", b"* 3 EXISTS\r\n"]
    client.check()


def test_a_message_that_came_and_went_between_two_drains_is_never_told():
    box = Box(2)
    one, two = Client(box), Client(box)
    box.expunge(1)
    third = box.add()
    box.sync()
    one.drain(False)
    box.expunge(third)
    box.add()
    box.sync()
    for client in (one, two):
        client.drain(False)
    assert [uid for uid, _ in one.slots] == [1, 2, 3, 4]
    assert [uid for uid, _ in two.slots] == [1, 2, 4]
    for client in (one, two):
        client.drain(True)
        client.check()


def test_many_untold_flags_cost_no_memory_and_are_all_told():
    box = Box(5000, recent_uid=5001)
    client = Client(box)
    for uid in range(1, 5001):
        box.flag(uid, SEEN)
    box.sync()
    assert sys.getsizeof(client.view._changed) < 300_000
    assert len(client.drain(False)) == 5000
    client.check()


def test_an_idle_view_is_small():
    view = Box(1000).truth.open()
    parts = [getattr(view, name) for name in MailboxView.__slots__ if name.startswith("_")]
    assert sys.getsizeof(view) + sum(map(sys.getsizeof, parts)) < 2000


@pytest.mark.parametrize("text", ["4", "1:4", "*:9"])
def test_sequence_numbers_above_the_count_are_bad(text):
    with pytest.raises(ImapError, match="BAD"):
        Box(3).truth.open().resolve(SequenceSet.parse(text), uid=False)


def test_uid_sets_take_what_is_there():
    view = Box(3).truth.open()
    for text, expected in {"9:*": [3], "4": [], "2:4294967295": [2, 3], "*": [3], "3,1": [1, 3]}.items():
        assert list(view.resolve(SequenceSet.parse(text), uid=True).uids) == expected
    assert len(Box().truth.open().resolve(SequenceSet.parse("1:*"), uid=True)) == 0


def test_chunks_cut_a_selection_without_losing_a_number():
    selection = Box(20).truth.open().resolve(SequenceSet.parse("1:3,7,9:20"), uid=False)
    chunks = list(selection.chunks(4))
    assert [len(c) for c in chunks] == [4, 4, 4, 4]
    assert [n for c in chunks for n in c.numbers] == list(selection.numbers)
    assert [u for c in chunks for u in c.uids] == list(selection.uids)


def test_first_unseen_and_keyword_limit():
    box = Box(3)
    assert box.truth.first_unseen() == 1
    box.flag(1, SEEN)
    box.flag(2, SEEN, ("a", "b"))
    box.sync()
    assert box.truth.first_unseen() == 3
    assert box.truth.takes(["A", "c"])
    assert not box.truth.takes([f"k{n}" for n in range(499)])


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 31)),
        st.tuples(st.just("expunge"), st.integers(0, 50)),
        st.tuples(st.just("flag"), st.integers(0, 50), st.integers(0, 31)),
        st.tuples(st.just("keyword"), st.integers(0, 50), st.sampled_from(["$a", "$b", "c"])),
        st.tuples(st.just("silent"), st.integers(0, 50), st.integers(0, 2)),
        st.tuples(st.just("sync"), st.booleans()),
        st.tuples(st.just("drain"), st.integers(0, 2), st.booleans()),
        st.tuples(st.just("reopen"), st.integers(0, 2)),
    ),
    max_size=60,
)


def _silent_store(box: Box, client: Client, uid: int) -> None:
    """What a handler does, and what its client then believes of the message."""
    box.sync()
    client.drain(False)
    with client.view.silence("add", SEEN, (), array("I", [uid])):
        row = box.rows[uid]
        box.flag(uid, row.flags | SEEN, row.keywords)
        box.sync()
    number = client.view.number(uid)
    assert number is not None
    client.slots[number - 1] = (uid, b" ".join((client.slots[number - 1][1] or b"", b"\\Seen")))


@settings(max_examples=200, deadline=None)
@given(start=st.integers(0, 6), actions=ACTIONS)
def test_every_view_ends_with_the_truth(start, actions):
    box = Box(start)
    clients = [Client(box, read_only=read_only) for read_only in (False, False, True)]
    for name, *arguments in actions:
        uids = list(box.rows)
        if name == "add":
            box.add(arguments[0])
        elif name == "sync":
            box.sync(whole=arguments[0])
        elif name == "drain":
            clients[arguments[0]].drain(arguments[1])
        elif name == "reopen":
            box.sync()
            box.truth.close(clients[arguments[0]].view)
            clients[arguments[0]] = Client(box)
        elif uids:
            uid = uids[arguments[0] % len(uids)]
            if name == "expunge":
                box.expunge(uid)
            elif name == "flag":
                box.flag(uid, arguments[1], box.rows[uid].keywords)
            elif name == "keyword":
                box.flag(uid, box.rows[uid].flags, (arguments[1],))
            else:
                _silent_store(box, clients[arguments[1]], uid)
    box.sync()
    for client in clients:
        client.drain(True)
        client.check()
        assert client.view.uids is box.truth.uids

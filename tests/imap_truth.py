"""A mailbox in memory with messages 1 to n, all \\Seen and none \\Recent."""

from array import array

from appliance.records import SEEN, MailboxInfo, Snapshot
from imap.truth import Truth


def truth_of(count: int) -> Truth:
    info = MailboxInfo(1, 1, 1, "INBOX", 7, count + 1, count + 1, 1, count, 0, 0, None)
    uids, flags = array("I", range(1, count + 1)), bytearray([SEEN]) * count
    return Truth(Snapshot(info, uids, flags, array("Q", [1]) * count, {}))

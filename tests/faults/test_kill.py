"""kill -9 in the middle of load: what was answered 250 is there exactly once, anything else at most once."""

from __future__ import annotations

import asyncio
import imaplib
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.ids import parse_id
from tests.process import PASSWORD, Appliance
from tests.traffic import Sender, make_message

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

ROUNDS = 20
CONNECTIONS = 20
A_ROUND = 150
"""Messages that become due in each round."""
OPEN_LIMIT = 2.0
"""Seconds from exec to the banner after a kill: the promise of the store."""
USERS = 5


def recipient_of(key: str) -> str:
    return f"user{int(key.split('-')[1]) % USERS}@dest.test"


async def load_then_kill(appliance: Appliance, sender: Sender, after: int) -> None:
    """Send on all connections and kill the daemon once `after` more messages have their 250."""
    sender.stop_after = len(sender.accepted) + after
    sender.reached = asyncio.Event()
    load = asyncio.create_task(sender.run(CONNECTIONS))
    done = asyncio.create_task(sender.reached.wait())
    await asyncio.wait({load, done}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    appliance.kill()
    done.cancel()
    await load


def mailbox_state(data: Path) -> dict[int, tuple[int, int, int, dict[int, int]]]:
    """For each mailbox: uidvalidity, uidnext, highestmodseq, and the blob that stands at each UID."""
    database = next(iter(data.glob("*.db")))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        boxes = db.execute("SELECT id, uidvalidity, uidnext, highestmodseq FROM mailbox").fetchall()
        return {
            box: (
                validity,
                uidnext,
                modseq,
                dict(db.execute("SELECT uid, blob FROM message WHERE mailbox = ?", (box,))),
            )
            for box, validity, uidnext, modseq in boxes
        }


def assert_only_forward(
    before: dict[int, tuple[int, int, int, dict[int, int]]], now: dict[int, tuple[int, int, int, dict[int, int]]]
) -> None:
    for box, (validity, uidnext, modseq, uids) in before.items():
        assert now[box][0] == validity
        assert now[box][1] >= uidnext
        assert now[box][2] >= modseq
        assert uids.items() <= now[box][3].items(), "a UID was lost or names another message"


def stored_ids(appliance: Appliance) -> Counter[str]:
    """How often each Message-ID is in the inboxes, read as a mail client would."""
    found: Counter[str] = Counter()
    for user in range(USERS):
        client = imaplib.IMAP4("127.0.0.1", appliance.imap)
        client.login(f"user{user}@dest.test", PASSWORD)
        client.select("INBOX", readonly=True)
        _, rows = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        found.update(re.findall(r"<(m-\d+)>", " ".join(r[1].decode() for r in rows if isinstance(r, tuple))))
        client.logout()
    return found


def unrecorded(data: Path, heard: Iterable[str]) -> list[str]:
    """The traces among the 250s heard that the record cannot tell: session, transaction, the accepted recipient."""
    database = next(iter(data.glob("*.db")))
    sql = """
    SELECT s.peer, s.helo, t.outcome, t.code, t.transcript, r.address, r.outcome FROM smtp_transaction t
    JOIN smtp_session s ON s.id = t.session JOIN smtp_recipient r ON r.transaction_id = t.id WHERE t.id = ?
    """
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        traces = [answer.split()[-1] for answer in heard]
        return [trace for trace in traces if not told(trace, db.execute(sql, (parse_id(trace),)).fetchall())]


def told(trace: str, rows: list[tuple[str, str, str, int, str, str, str]]) -> bool:
    """Whether a message's rows, one for its one recipient, say all that happened."""
    if len(rows) != 1:
        return False
    peer, helo, outcome, code, transcript, address, fate = rows[0]
    facts = peer, helo, outcome, code, fate
    said = f"RCPT TO:<{address}>", f"250 2.0.0 OK {trace}"
    return facts == ("127.0.0.1", "sender.test", "accepted", 250, "accepted") and all(one in transcript for one in said)


def runs(data: Path) -> list[tuple[int, int, int | None]]:
    """Start, last sign of life and orderly end of each run of the server."""
    database = next(iter(data.glob("*.db")))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        return db.execute("SELECT started, alive, stopped FROM uptime ORDER BY id").fetchall()


async def test_kill_nine_twenty_times(tmp_path: Path) -> None:
    """Twenty kills under load on twenty connections; nothing lost, nothing doubled, numbers only forward.

    And nothing off the record: what was heard to be accepted can be told, and when nobody listened is known.
    """
    chance = random.Random(20)
    appliance = Appliance(tmp_path)
    appliance.start()
    appliance.cli("domain", "add", "dest.test")
    for user in range(USERS):
        appliance.add_mailbox(f"user{user}@dest.test")
    sender = Sender(appliance.mx, {}, recipient_of)
    starts: list[float] = []
    state = mailbox_state(appliance.data)
    for turn in range(ROUNDS):
        sender.messages |= {
            f"m-{n}": make_message(f"m-{n}", chance.choice([500, 5000, 40_000, 90_000]))
            for n in range(turn * A_ROUND, (turn + 1) * A_ROUND)
        }
        await load_then_kill(appliance, sender, after=chance.randrange(20, A_ROUND - 20))
        starts.append(appliance.start())
        now = mailbox_state(appliance.data)
        assert_only_forward(state, now)
        assert unrecorded(appliance.data, sender.accepted.values()) == []
        state = now
    await sender.run(CONNECTIONS)
    assert sender.open() == []
    found = stored_ids(appliance)
    assert appliance.run("check").returncode == 0, appliance.run("check").stdout
    assert appliance.stop() == 0
    assert unrecorded(appliance.data, sender.accepted.values()) == []
    *killed, last = runs(appliance.data)
    assert last[2] is not None
    assert [stopped for _, _, stopped in killed] == [None] * ROUNDS
    for (_, alive, _), (started, _, _) in pairwise([*killed, last]):
        assert alive < started
    assert {key: found[key] for key in sender.messages} == dict.fromkeys(sender.messages, 1)
    assert max(starts) < OPEN_LIMIT, starts
    assert any(count > 1 for count in sender.attempts.values()), (
        "no kill hit a message in flight: the test proves nothing"
    )

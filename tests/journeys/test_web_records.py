"""The page of a record: what happened in one sentence, to whom, by which line; and who read it."""

import asyncio
import smtplib
from collections.abc import Callable
from typing import Any

import pytest

from admin.record_words import lines, tell
from appliance import provision
from appliance.ids import id_text
from tests.house import ACTOR, House
from tests.web_house import ADMINISTRATOR, OWNER, people, signed_in

TEXT = (
    b"From: Joe <joe@far.test>\r\nTo: ann@one.test\r\nSubject: Lunch <b>?\r\nMessage-ID: <1@far.test>\r\n\r\nhello\r\n"
)


@pytest.fixture
async def town(house: House) -> House:
    await people(house)
    return house


async def say(house: House, act: Callable[[smtplib.SMTP], Any]) -> None:
    """One SMTP session; on record when this returns."""

    def session() -> None:
        with smtplib.SMTP("127.0.0.1", house.mx, "far.test", timeout=20) as client:
            client.ehlo()
            act(client)

    await asyncio.to_thread(session)
    async with asyncio.timeout(10):
        while True:
            if not house.appliance.sessions:
                break
            await asyncio.sleep(0)
    await house.store.record.flush()


def newest(house: House, table: str = "smtp_transaction") -> str:
    return id_text(house.store.engine.reader.execute(f"SELECT max(id) FROM {table}").fetchone()[0])


def to(*recipients: str, data: bytes = TEXT) -> Callable[[smtplib.SMTP], Any]:
    def act(client: smtplib.SMTP) -> None:
        client.mail("joe@far.test")
        for one in recipients:
            client.rcpt(one)
        if any(one == OWNER for one in recipients):
            client.data(data)

    return act


async def test_an_accepted_message(town: House) -> None:
    await town.send(TEXT, OWNER, mail_from="joe@far.test")
    async with signed_in(town, ADMINISTRATOR) as visitor:
        answer = await visitor.get(f"/records/{newest(town)}")
        assert answer.status_code == 200
        for part in (
            "Accepted",
            "brought mail from &lt;joe@far.test&gt; for &lt;ann@one.test&gt;",
            "It is in the mailbox.",
        ):
            assert part in answer.text
        assert "Lunch &lt;b&gt;?" in answer.text
        assert f"250 2.0.0 OK {newest(town)}</span> <strong>this line decided the result</strong>" in answer.text
        assert answer.text.count("this line decided") == 1


async def test_a_refused_recipient_by_the_transactions_id_and_the_sessions(town: House) -> None:
    await say(town, to("nobody@one.test"))
    async with signed_in(town, ADMINISTRATOR) as visitor:
        for id in (newest(town), newest(town, "smtp_session"), newest(town).upper()):
            text = (await visitor.get(f"/records/{id}")).text
            assert "We refused it: there is no such mailbox here." in text
            assert text.count("this line decided the result") == 1
            assert "550 5.1.1 &lt;nobody@one.test&gt;: no such user" in text


async def test_a_message_without_any_recipient_left(town: House) -> None:
    def act(client: smtplib.SMTP) -> None:
        client.mail("joe@far.test")
        client.rcpt("nobody@one.test")
        assert client.docmd("DATA")[0] == 554

    await say(town, act)
    async with signed_in(town, ADMINISTRATOR) as visitor:
        text = (await visitor.get(f"/records/{newest(town)}")).text
    assert "We refused it: there is no such mailbox here." in text
    assert "no such user</span> <strong>this line decided the result</strong>" in text
    assert "What to do:" in text


async def test_a_session_of_several_messages_lists_them(town: House) -> None:
    def act(client: smtplib.SMTP) -> None:
        to(OWNER)(client)
        to("nobody@one.test", OWNER)(client)

    await say(town, act)
    async with signed_in(town, ADMINISTRATOR) as visitor:
        text = (await visitor.get(f"/records/{newest(town, 'smtp_session')}")).text
        assert "connected with 2 transactions" in text
        assert "Messages of this session" in text
        part = (await visitor.get(f"/records/{newest(town)}")).text
        assert "Accepted in part" in part
        assert "1 of 2 did not get it" in part
        assert "Other messages of this session" in part


async def test_what_privacy_kept_back_is_said(town: House) -> None:
    await provision.set_domain(town.store, ACTOR, "one.test", privacy="metadata")
    await say(town, to(OWNER))
    async with signed_in(town, ADMINISTRATOR) as visitor:
        text = (await visitor.get(f"/records/{newest(town)}")).text
    assert "neither transcript nor subject was kept" in text
    assert "Lunch" not in text
    assert "joe@far.test" not in text


async def test_reading_a_record_is_audited(town: House) -> None:
    await town.send(TEXT, OWNER)
    async with signed_in(town, ADMINISTRATOR) as visitor:
        await visitor.get(f"/records/{newest(town)}")
        row = town.store.audit.newest(1)[0]
        assert (row.actor, row.act, row.object, row.source) == (ADMINISTRATOR, "record.read", newest(town), "127.0.0.1")
        assert town.store.audit.verify() is None


@pytest.mark.parametrize("id", ["0000000000000", "zzzzzzzzzzzzz", "x", "a" * 500, "%00", "..%2f", "<script>"])
async def test_what_is_not_on_record_is_said_plainly(town: House, id: str) -> None:
    async with signed_in(town, ADMINISTRATOR) as visitor:
        seen = town.store.audit.newest(1)[0].seq
        answer = await visitor.get(f"/records/{id}")
        assert answer.status_code == 404
        assert "There is no such" in answer.text
        assert "<script>" not in answer.text.replace("<script src", "")
        assert town.store.audit.newest(1)[0].seq == seen


async def test_an_id_is_found_by_the_form(town: House) -> None:
    async with signed_in(town, ADMINISTRATOR) as visitor:
        assert (await visitor.get("/records?id=%20abc%20")).headers["location"] == "/records/abc"
        assert (await visitor.get("/records?id=//evil.test")).headers["location"] == "/records/%2F%2Fevil.test"
        assert (await visitor.get("/records")).headers["location"] == "/"


@pytest.mark.parametrize(
    "text", ["", "no line of ours", "+1 < x", "(3 lines left out)", "+0.1 > 250 OK\n+0.2 > 250 OK"]
)
def test_any_transcript_can_be_shown(text: str) -> None:
    found = lines(text, 250, "OK")
    assert len(found) == len(text.splitlines())
    assert [one.decided for one in found[:-1]].count(True) == 0


def test_a_reply_of_several_lines_is_marked_at_its_last() -> None:
    found = lines("+0.1 > 550-5.7.1 no\n+0.1 > 550 5.7.1 never\n+0.2 < QUIT\n", 550, "5.7.1 no 5.7.1 never")
    assert [one.decided for one in found] == [False, True, False]


def shape(**changes: Any) -> dict[str, Any]:
    found = {
        "kind": "smtp", "open": False, "outcome": "quit", "account": None, "peer": "192.0.2.7", "rdns": None,
        "helo": "far.test", "tls_failure": None, "transactions": [],
    }  # fmt: skip
    return found | changes


@pytest.mark.parametrize(
    ("found", "transaction", "state", "words"),
    [
        (shape(), None, "off", "and tried no message. It ended: the peer said QUIT."),
        (shape(tls_failure="unknown ca"), None, "broken", "could not agree with us on TLS: unknown ca."),
        (shape(open=True), None, "waiting", "still open"),
        (shape(kind="imap", account="ann@one.test", outcome="logout"), None, "ok", "ann@one.test was signed in from"),
        (shape(), ("lost", "", []), "warning", "connection was lost before we had all of it"),
        (shape(), ("deferred", "4.2.1 one.test: domain suspended", ["a@b.test"]), "warning", "is suspended"),
        (shape(), ("refused", "9.9.9 whatever", ["a@b.test"]), "broken", "We refused it: of the reply below."),
        (shape(account="ann@one.test"), ("accepted", "2.0.0 OK", ["a@b.test"]), "ok", "ann@one.test, signed in from"),
    ],
)
def test_it_is_told_in_a_sentence(found, transaction, state, words) -> None:
    one = None
    if transaction is not None:
        outcome, reply, names = transaction
        to = [{"address": name, "outcome": outcome, "code": 1, "reply": reply} for name in names]
        one = {"outcome": outcome, "code": 0, "reply": reply, "recipients": to, "from": "joe@far.test"}
    told = tell(found, one)
    assert (told.state, words in told.words) == (state, True), told

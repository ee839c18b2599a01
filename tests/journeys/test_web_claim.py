"""Claiming a mailbox in a browser, setting mail programs up, and changing one's own password."""

import asyncio
import imaplib
import re
import smtplib
import ssl

import pytest

from appliance import provision
from appliance.identity.invite import LIFETIME_US
from appliance.identity.throttle import MAX_FAILURES
from tests.house import ACTOR, PASSWORD, House
from tests.store_house import START
from tests.web_house import ADMINISTRATOR, OWNER, csrf_token, people, signed_in, trusting, visiting

NEW = "velvet anchor thirty rivers"
ADDRESS = "maria@one.test"


@pytest.fixture
async def town(house: House) -> House:
    await people(house)
    return house


async def invite(house: House, actor: str = ADMINISTRATOR) -> str:
    """A mailbox that waits for its owner; gives the token."""
    return (await provision.add_mailbox(house.store, actor, ADDRESS)).token


def choose(password: str, again: str | None = None) -> dict[str, str]:
    return {"password": password, "again": password if again is None else again}


def state(house: House) -> str:
    account = house.store.directory.account(ADDRESS)
    assert account is not None
    return account.state


async def test_the_page_says_who_it_is_for_and_looking_uses_nothing_up(town: House) -> None:
    token = await invite(town)
    async with visiting(town) as visitor:
        for _ in range(3):
            answer = await visitor.get(f"/i/{token}")
            assert answer.status_code == 200
            await visitor.client.head(f"/i/{token}")
        assert f'value="{ADDRESS}" readonly' in answer.text
        assert f"You were invited by {ADMINISTRATOR}." in answer.text
        assert "and ends <time" in answer.text
        assert "in 2 days" in answer.text
        for url in re.findall(r'(?:src|href|action|hx-post)="([^"]*)"', answer.text):
            assert url.startswith(("/", "#")), url
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert state(town) == "unclaimed"


async def test_the_owner_claims_is_signed_in_and_sets_a_mail_program_up(town: House, capsys) -> None:
    token = await invite(town)
    async with visiting(town) as visitor:
        answer = await visitor.submit(f"/i/{token}", choose(NEW))
        assert (answer.status_code, answer.headers["location"]) == (303, "/me")
        text = (await visitor.get("/me")).text
        assert "The mailbox is yours." in text
        for port, security in ((town.imaps, "SSL/TLS"), (town.submissions, "SSL/TLS")):
            assert f">{port}</code>" in text
            assert security in text
        for port in (town.imap, town.submission):
            assert f"port {port} with STARTTLS" in text
        assert f'<code id="in-user">{ADDRESS}</code>' in text
        assert text.count('class="qr"') == 3
        assert "style=" not in text
    row = next(one for one in town.store.audit.newest(3) if one.act == "mailbox.claim")
    assert (row.actor, row.source) == (ADDRESS, "127.0.0.1")
    assert await asyncio.to_thread(read_and_send, town) == b"OK"
    said = capsys.readouterr()
    assert token not in said.out + said.err
    files = [path.read_bytes() for path in (town.directory / "data").rglob("*") if path.is_file()]
    assert not any(token.encode() in data or NEW.encode() in data for data in files)


def read_and_send(house: House) -> bytes:
    """With what the page said."""
    client = imaplib.IMAP4_SSL("127.0.0.1", house.imaps, ssl_context=trusting(), timeout=20)
    client.login(ADDRESS, NEW)
    client.logout()
    with smtplib.SMTP_SSL("127.0.0.1", house.submissions, "laptop.test", timeout=20, context=trusting()) as sender:
        sender.login(ADDRESS, NEW)
        sender.sendmail(ADDRESS, [OWNER], f"From: {ADDRESS}\r\nSubject: x\r\n\r\nhello\r\n".encode())
    return b"OK"


async def test_an_administrator_who_tries_the_link_stays_signed_in(town: House) -> None:
    token = await invite(town)
    async with signed_in(town, ADMINISTRATOR) as visitor:
        answer = await visitor.submit(f"/i/{token}", choose(NEW))
        assert answer.status_code == 200
        assert f"{ADDRESS} is claimed" in answer.text
        assert f'<code id="out-user">{ADDRESS}</code>' in answer.text
        assert (await visitor.get("/")).status_code == 200


async def test_a_weak_password_is_refused_with_advice_and_kept_nowhere(town: House) -> None:
    token = await invite(town)
    async with visiting(town) as visitor:
        for password, again, words in (
            ("short", None, "too short"),
            ("maria@one.test", None, "too easy to guess"),
            ("passwordpassword", None, "too easy to guess"),
            (NEW, "another", "This is not the same password."),
            ("", None, "Choose a password."),
            ("x" * 5000, None, "too long"),
        ):
            answer = await visitor.submit(f"/i/{token}", choose(password, again))
            assert answer.status_code == 422, password
            assert words in answer.text
            assert not password or f'value="{password}"' not in answer.text.replace(f'value="{ADDRESS}" readonly', "")
    assert state(town) == "unclaimed"


async def test_the_meter_judges_on_the_server_and_only_for_the_link(town: House) -> None:
    token = await invite(town)
    async with visiting(town) as visitor:
        csrf = csrf_token((await visitor.get(f"/i/{token}")).text)
        for password, value, words in (("abc", 0, "9 more characters"), (NEW, 4, "Very good")):
            answer = await visitor.post(f"/i/{token}/strength", {"csrf": csrf, "password": password})
            assert answer.status_code == 200
            assert f'value="{value}"' in answer.text
            assert words in answer.text
            assert password not in answer.text
        assert (await visitor.post(f"/i/{token}/strength", {"password": NEW})).status_code == 403
        unknown = await visitor.post(f"/i/{'0' * 64}/strength", {"csrf": csrf, "password": NEW})
        assert unknown.status_code == 404
        answers = [
            (await visitor.post(f"/i/{token}/strength", {"csrf": csrf, "password": "abc"})).status_code
            for _ in range(60)
        ]
        assert set(answers) == {200, 204}  # so many a second; the judge sits behind the form
    assert state(town) == "unclaimed"


class Clock:
    time = START

    def __call__(self) -> int:
        return self.time


async def test_unknown_used_and_ended_links_look_alike_and_say_what_to_do(tmp_path) -> None:
    clock = Clock()
    async with House(tmp_path, now=clock) as house:
        await people(house)
        token = await invite(house)
        replaced = token
        token = (await provision.invite_owner(house.store, ACTOR, ADDRESS)).token
        async with visiting(house) as visitor:
            clock.time += LIFETIME_US
            ended = await visitor.get(f"/i/{token}")
            token = (await provision.invite_owner(house.store, ACTOR, ADDRESS)).token
            assert "You were invited by whoever runs this server." in (await visitor.get(f"/i/{token}")).text
            csrf = csrf_token((await visitor.get(f"/i/{token}")).text)
            assert (await visitor.submit(f"/i/{token}", choose(NEW))).status_code == 303
        async with visiting(house) as visitor:
            used = await visitor.get(f"/i/{token}")
            unknown = await visitor.get(f"/i/{'0' * 64}")
            old = await visitor.get(f"/i/{replaced}")
            posted = await visitor.post(f"/i/{token}", {"csrf": csrf, **choose(PASSWORD)})
        assert [one.status_code for one in (ended, used, unknown, old, posted)] == [410, 410, 404, 404, 403]
        for answer, words in (
            (ended, "A link is good for 72 hours. Ask whoever runs this server for a new one."),
            (used, "If that was you, sign in with the password you chose."),
            (unknown, "Check that all of it was copied."),
        ):
            assert words in answer.text
            assert token not in answer.text
        shapes = {re.sub(r">[^<]*<", "><", one.text) for one in (ended, used, unknown)}
        assert len(shapes) == 1


async def test_two_who_claim_at_once(town: House) -> None:
    token = await invite(town)
    async with visiting(town) as one, visiting(town) as other:
        answers = await asyncio.gather(*[who.submit(f"/i/{token}", choose(NEW)) for who in (one, other)])
    assert sorted(answer.status_code for answer in answers) == [303, 410]


async def test_guessing_links_is_shut_out_by_address_and_sign_in_is_not(town: House, capsys) -> None:
    token = await invite(town)
    async with visiting(town) as visitor:
        for number in range(MAX_FAILURES):
            assert (await visitor.get(f"/i/{number:064}")).status_code == 404
        answer = await visitor.get(f"/i/{token}")
        assert answer.status_code == 429
        assert "Wait a quarter of an hour." in answer.text
        assert int(answer.headers["retry-after"]) > 800
        assert (await visitor.sign_in(OWNER)).status_code == 303
    said = capsys.readouterr().out
    assert "/i/…" in said
    assert token not in said
    assert "0" * 32 not in said


@pytest.mark.parametrize("token", ["x", "0" * 5000, "%00", "%ff", "..", "a b", "é", "<b>"])
async def test_any_token_is_refused_in_plain_words(town: House, token: str) -> None:
    async with visiting(town) as visitor:
        answer = await visitor.get(f"/i/{token}")
        assert answer.status_code in (400, 404, 414, 303), answer.status_code


# Changing one's own password


@pytest.mark.parametrize(("name", "home"), [(OWNER, "/me"), (ADMINISTRATOR, "/")])
async def test_a_new_password_ends_every_other_session_and_rotates_this_one(town: House, name: str, home: str) -> None:
    async with signed_in(town, name) as visitor, signed_in(town, name) as other:
        before = dict(visitor.cookies)
        answer = await visitor.submit("/password", {"old": PASSWORD, **choose(NEW)})
        assert (answer.status_code, answer.headers["location"]) == (303, "/password")
        assert "Your password is changed." in (await visitor.get("/password")).text
        assert (await visitor.get(home)).status_code == 200
        assert (await other.get(home)).status_code == 303
        assert visitor.cookies["__Host-session"] != before["__Host-session"]
        other.cookies = before
        assert (await other.get(home)).status_code == 303
    row = next(one for one in town.store.audit.newest(3) if one.act.endswith(".password"))
    assert (row.actor, row.object, row.source) == (name, name, "127.0.0.1")
    async with visiting(town) as visitor:
        assert (await visitor.sign_in(name, PASSWORD)).status_code == 422
        assert (await visitor.sign_in(name, NEW)).status_code == 303


async def test_mail_programs_are_signed_out_at_once(town: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", town.imaps, ssl=trusting())
    await reader.readline()
    writer.write(f"a LOGIN {OWNER} {PASSWORD}\r\n".encode())
    assert b"a OK" in await reader.readline()
    async with signed_in(town, OWNER) as visitor:
        await visitor.submit("/password", {"old": PASSWORD, **choose(NEW)})
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"* BYE")
        await town.store.record.flush()
        assert "Mail program" in (await visitor.get("/me")).text
    writer.close()


@pytest.mark.parametrize("name", [OWNER, ADMINISTRATOR])
async def test_the_old_password_is_asked_for_at_the_same_door(town: House, name: str) -> None:
    async with signed_in(town, name) as visitor:
        answer = await visitor.submit("/password", {"old": "wrong", **choose(NEW)})
        assert (answer.status_code, "This is not your password." in answer.text) == (422, True)
        for data, words in (
            (choose(NEW), "Type the password you have now."),
            ({"old": PASSWORD, **choose("short")}, "too short"),
            ({"old": PASSWORD, **choose(PASSWORD)}, "you have already"),
            ({"old": PASSWORD, **choose(NEW, "x")}, "not the same password"),
        ):
            answer = await visitor.submit("/password", data)
            assert (answer.status_code, words in answer.text) == (422, True), data
        for _ in range(MAX_FAILURES):
            town.appliance.logins.failed(name, _peer(), "web")
        answer = await visitor.submit("/password", {"old": PASSWORD, **choose(NEW)})
        assert (answer.status_code, "Too many tries from your address." in answer.text) == (429, True)
        csrf = csrf_token((await visitor.get("/password")).text)
        meter = await visitor.post("/password/strength", {"csrf": csrf, "password": NEW})
        assert "Very good" in meter.text


def _peer():
    from appliance.mail.envelope import Peer

    return Peer("127.0.0.1")


async def test_an_owners_home_lists_folders_and_sign_ins(town: House) -> None:
    await town.send(b"From: joe@far.test\r\nSubject: x\r\n\r\nhello\r\n", OWNER)

    def read() -> None:
        client = imaplib.IMAP4_SSL("127.0.0.1", town.imaps, ssl_context=ssl._create_unverified_context(), timeout=20)
        client.login(OWNER, PASSWORD)
        client.xatom("ID", '("name" "Tester" "version" "1")')
        client.logout()

    await asyncio.to_thread(read)
    async with asyncio.timeout(10):
        while True:
            if not town.appliance.sessions:
                break
            await asyncio.sleep(0)
    await town.store.record.flush()
    async with signed_in(town, OWNER) as visitor:
        text = (await visitor.get("/me")).text
    assert "Inbox" in text
    assert 'data-label="Messages">1<' in text
    assert "This one" in text
    assert "python-httpx" in text
    assert "Tester" in text

"""Who gets to see what: sessions, roles, forms from elsewhere."""

import re

import pytest

from admin import web_session
from admin.access import GUARDS, administrator, anyone, owner
from admin.app import make_app
from appliance import provision
from appliance.identity.password import PasswordsBusy
from appliance.identity.throttle import MAX_FAILURES
from appliance.store import credential_acts, operator_acts
from tests.house import PASSWORD, House
from tests.store_house import START
from tests.web_house import ADMINISTRATOR, HOST, OWNER, csrf_token, people, registered, signed_in, visiting

MINUTE = 60_000_000
SESSION = "__Host-session"


@pytest.fixture
async def peopled(house: House) -> House:
    await people(house)
    return house


def filled(path: str) -> str:
    """A route's path with something for each of its parameters."""
    return re.sub(r"\{[a-z_]+:[a-z]+\}", "0000000000000", path)


def routes(house: House) -> list[tuple[str, str, object]]:
    """Every page there is: method, path, guard."""
    found = []
    for path, handler in registered(house):
        guard = next(one for one in handler.guards or () if one in GUARDS)
        found += [(method, filled(path), guard) for method in handler.http_methods]
    assert len(found) > 5
    return found


# Roles


async def test_every_page_sends_nobody_to_sign_in(peopled):
    async with visiting(peopled) as nobody:
        for method, path, guard in routes(peopled):
            if guard is anyone:
                continue
            for headers in ({}, {"cookie": f"{SESSION}=0"}, {"cookie": f"{SESSION}={'0' * 64}"}):
                answer = await nobody.client.request(method, path, headers=headers)
                assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in"), path
                if method == "GET":
                    assert (await nobody.client.head(path, headers=headers)).status_code == 303
                    assert (await nobody.client.request("OPTIONS", path, headers=headers)).status_code == 405


@pytest.mark.parametrize(("name", "theirs"), [(OWNER, owner), (ADMINISTRATOR, administrator)])
async def test_nobody_gets_a_page_of_the_other_role(peopled, name, theirs):
    others = {administrator, owner} - {theirs}
    async with signed_in(peopled, name) as visitor:
        token = csrf_token((await visitor.get("/me" if theirs is owner else "/")).text)
        for method, path, guard in routes(peopled):
            if guard not in others:
                continue
            headers = visitor._headers({"x-csrf-token": token})
            for one in (method, "HEAD") if method == "GET" else (method,):
                answer = await visitor.client.request(one, path, headers=headers)
                home = answer.status_code == 303 and path == "/" and answer.headers["location"] == "/me"
                assert answer.status_code == 403 or home, (one, path)


async def test_a_page_that_does_not_say_who_may_ask_refuses_the_start(house, monkeypatch):
    from litestar import get

    from admin import app

    @get("/open")
    async def open_page() -> None: ...

    monkeypatch.setattr(app, "PAGES", ((open_page,),))
    with pytest.raises(ValueError, match="/open: name one guard"):
        make_app(house.appliance.web_house)


# Signing in


@pytest.mark.parametrize(("name", "home"), [(ADMINISTRATOR, "/"), (OWNER, "/me"), (OWNER.upper(), "/me")])
async def test_one_form_leads_each_to_their_own_pages(peopled, name, home):
    async with visiting(peopled) as visitor:
        answer = await visitor.sign_in(name)
        assert (answer.status_code, answer.headers["location"]) == (303, home)
        assert (await visitor.get(home)).status_code == 200
        assert (await visitor.get("/sign-in")).headers["location"] == home


async def test_a_wrong_password_keeps_the_name_and_says_no_more(peopled):
    async with visiting(peopled) as visitor:
        for name in (ADMINISTRATOR, OWNER, "nobody@one.test"):
            answer = await visitor.sign_in(name, "wrong")
            assert answer.status_code == 422
            assert "The address or the password is wrong." in answer.text
            assert f'value="{name}"' in answer.text
            assert "wrong" not in re.sub("is wrong", "", answer.text)
            assert SESSION not in visitor.cookies


async def test_guessing_is_told_to_wait_in_plain_words(peopled):
    for _ in range(MAX_FAILURES):
        peopled.appliance.logins.failed("x@one.test", peer("127.0.0.1"), "web")
    async with visiting(peopled) as visitor:
        answer = await visitor.sign_in(ADMINISTRATOR)
    assert answer.status_code == 429
    assert "Too many tries from your address. Wait 15 minutes" in answer.text
    assert 890 <= int(answer.headers["retry-after"]) <= 900


def peer(address):
    from appliance.mail.envelope import Peer

    return Peer(address)


async def test_a_busy_pool_says_so(peopled, monkeypatch):
    async def full(*_):
        raise PasswordsBusy

    monkeypatch.setattr(peopled.appliance.passwords, "verify", full)
    async with visiting(peopled) as visitor:
        answer = await visitor.sign_in(OWNER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("/domains?find=a&state=live", "/domains?find=a&state=live"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("/\t/evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("/sign-in?next=/", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
async def test_signing_in_leads_back_to_our_own_pages_only(peopled, target, there):
    async with visiting(peopled) as visitor:
        answer = await visitor.sign_in(ADMINISTRATOR, next=target)
        assert answer.headers["location"] == there
        assert (await visitor.client.get("/sign-in", params={"next": target}, headers=visitor._headers({}))).headers[
            "location"
        ] == there


async def test_a_page_asked_for_before_signing_in_comes_after_it(peopled):
    async with visiting(peopled) as visitor:
        away = (await visitor.get("/domains?state=live")).headers["location"]
        assert away == "/sign-in?next=%2Fdomains%3Fstate%3Dlive"
        field = re.search(r'name="next" value="([^"]*)"', (await visitor.get(away)).text)[1]
        assert (await visitor.sign_in(ADMINISTRATOR, next=field)).headers["location"] == "/domains?state=live"


async def test_an_owner_is_not_led_to_a_page_that_is_not_theirs(peopled):
    async with visiting(peopled) as visitor:
        assert (await visitor.sign_in(OWNER, next="/domains")).headers["location"] == "/me"


# Sessions


async def test_a_session_planted_before_signing_in_opens_nothing(peopled):
    planted = "a" * 64
    async with visiting(peopled) as victim, visiting(peopled) as attacker:
        victim.cookies[SESSION] = attacker.cookies[SESSION] = planted
        await victim.sign_in(ADMINISTRATOR)
        assert victim.cookies[SESSION] != planted
        assert (await victim.get("/")).status_code == 200
        assert (await attacker.get("/")).status_code == 303


async def test_signing_in_again_ends_the_session_before(peopled):
    async with signed_in(peopled, OWNER) as visitor, visiting(peopled) as thief:
        thief.cookies = dict(visitor.cookies)
        token = csrf_token((await visitor.get("/me")).text)
        answer = await visitor.post("/sign-in", {"csrf": token, "name": ADMINISTRATOR, "password": PASSWORD})
        assert answer.headers["location"] == "/"
        assert (await thief.get("/me")).status_code == 303


async def test_signing_out_ends_it_in_the_ledger_and_says_so(peopled):
    async with signed_in(peopled, ADMINISTRATOR) as visitor, visiting(peopled) as thief:
        thief.cookies = dict(visitor.cookies)
        answer = await visitor.submit("/sign-out", page="/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert SESSION not in visitor.cookies
        assert "You are signed out." in (await visitor.get("/sign-in")).text
        assert "You are signed out." not in (await visitor.get("/sign-in")).text
        assert (await thief.get("/")).status_code == 303


async def test_cookies_are_strict_for_administrators_and_kept_from_scripts(peopled):
    for name, same_site in ((ADMINISTRATOR, "Strict"), (OWNER, "Lax")):
        async with visiting(peopled) as visitor:
            fields = (await visitor.sign_in(name)).headers.get_list("set-cookie")
            assert fields == [f"{SESSION}={visitor.cookies[SESSION]}; Path=/; Secure; HttpOnly; SameSite={same_site}"]
            assert len(visitor.cookies[SESSION]) == 64


async def test_the_ledger_keeps_who_and_from_where_but_no_token(peopled):
    async with signed_in(peopled, OWNER) as visitor:
        account = peopled.store.directory.account(OWNER)
        row = next(one for one in peopled.store.credentials.ledger(account.id) if one.kind == "session")
        assert (row.name[:12], row.last_used_from) == ("python-httpx", "127.0.0.1")
        assert visitor.cookies[SESSION].encode() not in (peopled.directory / "data/appliance.db").read_bytes()


class Ticking:
    """A clock that is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> int:
        return self.time


async def test_a_session_ends_when_idle_and_after_half_a_day_in_any_case(tmp_path):
    clock = Ticking()
    async with House(tmp_path, now=clock) as house:
        async with signed_in(house, ADMINISTRATOR) as visitor:
            clock.time += web_session.IDLE_US - MINUTE
            assert (await visitor.get("/")).status_code == 200
            clock.time += web_session.IDLE_US - MINUTE
            assert (await visitor.get("/")).status_code == 200
            clock.time += web_session.IDLE_US
            assert (await visitor.get("/")).status_code == 303
        async with signed_in(house, ADMINISTRATOR) as visitor:
            began = clock.time
            while clock.time + 20 * MINUTE < began + web_session.LIFE_US:
                clock.time += 20 * MINUTE
                assert (await visitor.get("/")).status_code == 200
            clock.time = began + web_session.LIFE_US
            assert (await visitor.get("/")).status_code == 303


async def test_a_restart_signs_nobody_out(tmp_path):
    async with House(tmp_path) as house, signed_in(house, ADMINISTRATOR) as visitor:
        cookies = dict(visitor.cookies)
    async with House(tmp_path) as house, visiting(house) as again:
        again.cookies = cookies
        form = csrf_token((await again.get("/")).text)
        assert (await again.post("/sign-out", {"csrf": form})).status_code == 303


async def test_suspending_or_removing_ends_sessions_at_once(peopled):
    async with signed_in(peopled, OWNER) as visitor:
        await provision.suspend_mailbox(peopled.store, "cli:0", OWNER)
        assert (await visitor.get("/me")).status_code == 303
        await provision.resume_mailbox(peopled.store, "cli:0", OWNER)
        assert (await visitor.get("/me")).status_code == 200
        await provision.remove_mailbox(peopled.store, "cli:0", OWNER)
        assert (await visitor.get("/me")).status_code == 303
    operator = peopled.store.operators.by_email(ADMINISTRATOR)
    async with signed_in(peopled, ADMINISTRATOR) as visitor:
        await peopled.store.engine.write(lambda tx: operator_acts.suspend_operator(tx, operator.id))
        assert (await visitor.get("/")).status_code == 303


async def test_revoking_the_password_ends_the_sessions_it_opened(peopled):
    account = peopled.store.directory.account(OWNER)
    async with signed_in(peopled, OWNER) as visitor:
        password = peopled.store.credentials.password_of(account.id)
        await peopled.store.engine.write(lambda tx: credential_acts.revoke(tx, password.id))
        assert (await visitor.get("/me")).status_code == 303
    operator = peopled.store.operators.by_email(ADMINISTRATOR)
    async with signed_in(peopled, ADMINISTRATOR) as visitor:
        change = operator_acts.change_password
        await peopled.store.engine.write(lambda tx: change(tx, operator.id, b"x", created_by="test"))
        assert (await visitor.get("/")).status_code == 303


# Forms


def forms(house: House) -> list[str]:
    return [path for method, path, _ in routes(house) if method == "POST"]


@pytest.mark.parametrize("name", [ADMINISTRATOR, OWNER, ""])
@pytest.mark.parametrize("token", ["", "0" * 64, "ö" * 64, "other"])
async def test_no_form_is_taken_without_the_token_of_this_very_session(peopled, name, token):
    async with visiting(peopled) as visitor, visiting(peopled) as other:
        if name:
            await visitor.sign_in(name)
        else:
            await visitor.get("/sign-in")
        if token == "other":
            token = csrf_token((await other.get("/sign-in")).text)
        for path in forms(peopled):
            answer = await visitor.post(path, {"csrf": token, "name": OWNER, "password": PASSWORD})
            assert answer.status_code in (403, 303)
            assert answer.status_code == 403 or answer.headers["location"] == "/sign-in"
            assert answer.status_code == 403 or path not in ("/sign-in", "/sign-out")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": f"http://{HOST}"},
        {"origin": f"https://{HOST}.evil.test"},
        {"origin": f"https://{HOST}:8443"},
    ],
)
async def test_no_form_is_taken_from_another_site_though_it_had_the_token(peopled, headers):
    async with visiting(peopled) as visitor:
        token = csrf_token((await visitor.get("/sign-in")).text)
        data = {"csrf": token, "name": ADMINISTRATOR, "password": PASSWORD}
        answer = await visitor.post("/sign-in", data, **headers)
        assert answer.status_code == 403
        assert "did not come from our own page" in answer.text
        assert SESSION not in visitor.cookies
        own = {"origin": f"https://{HOST}", "sec_fetch_site": "same-origin"}
        assert (await visitor.post("/sign-in", data, **own)).status_code == 303


async def test_a_form_too_big_or_of_another_kind_is_refused_in_plain_words(peopled):
    async with visiting(peopled) as visitor:
        token = csrf_token((await visitor.get("/sign-in")).text)
        sent = {"csrf": token, "name": "x" * 1_100_000, "password": "x"}
        answer = await visitor.post("/sign-in", sent)
        assert (answer.status_code, "A form may hold one megabyte" in answer.text) == (413, True)
        long = await visitor.post("/sign-in", {"csrf": token, "name": "x" * 5000, "password": "x"})
        assert (long.status_code, "too long" in long.text) == (422, True)
        for body, kind, status in (
            (b'{"name": "x"}', "application/json", 415),
            (b"--x", "multipart/form-data; boundary=x", 415),
            (b"csrf=%ff", "application/x-www-form-urlencoded", 400),
            ("csrf=ö".encode(), "application/x-www-form-urlencoded", 400),
            (b"&".join([b"a=1"] * 1000), "application/x-www-form-urlencoded", 400),
        ):
            headers = visitor._headers({"content-type": kind})
            assert (await visitor.client.post("/sign-in", content=body, headers=headers)).status_code == status

        async def endless():
            for _ in range(20):
                yield b"a" * 100_000

        headers = visitor._headers({"content-type": "application/x-www-form-urlencoded"})
        answer = await visitor.client.post("/sign-in", content=endless(), headers=headers)
        assert answer.status_code == 413


async def test_htmx_is_sent_to_sign_in_as_a_whole_page(peopled):
    async with visiting(peopled) as visitor:
        answer = await visitor.get("/domains", hx_request="true")
        assert (answer.status_code, answer.headers["hx-redirect"][:8], answer.text) == (200, "/sign-in", "")

"""Mailboxes by the pages: added with a link that is shown once, looked through, ended, suspended, removed."""

import html
import json
import re

import pytest

from admin.pages.mailboxes_frame import standing
from appliance import provision
from appliance.identity.invite import ClaimRefused, claim, token_hash
from appliance.identity.operators import make_operator
from appliance.ids import id_text
from appliance.records import Account
from appliance.store import credential_acts
from tests.house import PASSWORD, House
from tests.web_house import ADMINISTRATOR, OWNER, Browser, people, signed_in

ENDS = ("/sign-ins", "/settings", "/remove", "/invite")
"""Pages of a mailbox beside its first."""
LINK = re.compile(r"https://[^<\s]*/i/([0-9a-f]{64})")


@pytest.fixture
async def peopled(house: House) -> House:
    await people(house)
    return house


@pytest.fixture
async def visitor(peopled: House):
    async with signed_in(peopled, ADMINISTRATOR) as one:
        yield one


def text_of(page: str) -> str:
    """What a page says, without its tags."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


def newest(house: House) -> tuple[str, str, str, str]:
    row = house.store.audit.newest(1)[0]
    return row.actor, row.act, row.object, row.source


def count(house: House) -> int:
    return house.store.audit.newest(1)[0].seq


def account(house: House, address: str = OWNER) -> Account:
    found = house.store.directory.account(address)
    assert found is not None
    return found


def path(house: House, address: str = OWNER) -> str:
    return f"/mailboxes/{id_text(account(house, address).id)}"


async def done(visitor: Browser, where: str, data: dict[str, str], *, page: str = "") -> str:
    """What the page after an act says; the act must lead on."""
    answer = await visitor.submit(where, data, page=page)
    assert answer.status_code == 303, text_of(answer.text)
    return text_of((await visitor.get(answer.headers["location"])).text)


# Adding, and the link


@pytest.mark.parametrize(
    ("data", "address", "quota"),
    [
        ({"address": "bob", "domain": "one.test", "quota": ""}, "bob@one.test", None),
        ({"address": "Bob@One.test", "domain": "", "quota": "5 GB"}, "bob@one.test", 5 << 30),
        ({"address": "bob@one.test", "domain": "ONE.test", "quota": "100"}, "bob@one.test", 100),
        ({"address": "bob b", "domain": "one.test", "quota": ""}, '"bob b"@one.test', None),
        ({"address": "zoë", "domain": "one.test", "quota": ""}, "zoë@one.test", None),
    ],
)
async def test_adding_shows_a_link_that_works_and_is_on_record(peopled, visitor, data, address, quota):
    answer = await visitor.submit("/mailboxes/add", data)
    assert answer.status_code == 200
    (token,) = set(LINK.findall(answer.text))
    assert answer.headers["cache-control"] == "no-store"
    rows = [(row.actor, row.act, row.object, row.source) for row in peopled.store.audit.newest(2)]
    who = (ADMINISTRATOR, address, "127.0.0.1")
    assert rows == [(who[0], act, who[1], who[2]) for act in ("mailbox.invite", "mailbox.add")]
    assert token not in str(peopled.store.audit.newest(2))
    assert (account(peopled, address).state, account(peopled, address).quota_bytes) == ("unclaimed", quota)
    assert "Waiting: its owner is invited" in text_of((await visitor.get(path(peopled, address))).text)
    assert (await claim(peopled.store, peopled.appliance.passwords, token, PASSWORD, "test")).address == address
    said = text_of((await visitor.get(path(peopled, address))).text)
    assert "Its owner chose the password just now" in said


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"address": "", "domain": "one.test"}, "Type the address."),
        ({"address": "bob", "domain": ""}, "Type the domain, or the whole address above."),
        ({"address": "bob@two.test", "domain": "one.test"}, "This is no address of one.test"),
        ({"address": "bob", "domain": "two.test"}, "No domain two.test."),
        ({"address": "bob@nowhere.test", "domain": ""}, "No domain nowhere.test."),
        ({"address": "ann", "domain": "one.test"}, "Ann@one.test is a mailbox already."),
        ({"address": "sales", "domain": "one.test"}, "Sales@one.test is an alias already."),
        ({"address": "b\u200eob", "domain": "one.test"}, "character that cannot be shown"),
        ({"address": "x" * 65, "domain": "one.test"}, "longer than 64"),
        ({"address": "bob", "domain": "-.test"}, "Not a domain"),
        ({"address": "bob", "domain": "one.test", "quota": "much"}, "Type a size"),
        ({"address": '"><script>alert(1)</script>@one.test', "domain": ""}, "Not an address"),
    ],
)
async def test_what_cannot_be_added_says_why_and_keeps_what_was_typed(peopled, visitor, data, says):
    await provision.add_alias(peopled.store, "cli:0", "sales@one.test", [OWNER])
    before = count(peopled)
    answer = await visitor.submit("/mailboxes/add", data)
    assert (answer.status_code, says in text_of(answer.text)) == (422, True), text_of(answer.text)
    for value in data.values():
        assert f'value="{html.escape(value)}"'.replace("&quot;", "&#34;") in answer.text
    assert "<script>alert" not in answer.text
    assert count(peopled) == before


async def test_the_form_knows_the_domain_it_was_opened_for(peopled, visitor):
    assert 'value="one.test"' in (await visitor.get("/mailboxes/add?domain=one.test")).text
    assert "<script" not in (await visitor.get("/mailboxes/add?domain=<script>alert(1)")).text.split("</head>")[1]


async def test_a_link_is_shown_once_and_a_reload_makes_no_other(peopled, visitor):
    await provision.add_mailbox(peopled.store, "cli:0", "bob@one.test")
    own = path(peopled, "bob@one.test")
    made_for = account(peopled, "bob@one.test")
    latest = re.search(r'name="latest" value="([^"]*)"', (await visitor.get(own)).text)[1]
    made = await visitor.submit(f"{own}/invite", {"latest": latest}, page=own)
    (token,) = set(LINK.findall(made.text))
    assert newest(peopled) == (ADMINISTRATOR, "mailbox.invite", "bob@one.test", "127.0.0.1")
    before = count(peopled)
    said = await done(visitor, f"{own}/invite", {"latest": latest}, page=own)
    assert "A link was made already, and is shown once." in said
    assert count(peopled) == before
    for page in (own, f"{own}/sign-ins", f"{own}/settings", f"{own}/invite", "/mailboxes"):
        assert token not in (await visitor.get(page)).text
    again = re.search(r'name="latest" value="([^"]*)"', (await visitor.get(f"{own}/invite")).text)[1]
    (other,) = set(LINK.findall((await visitor.submit(f"{own}/invite", {"latest": again}, page=own)).text))
    with pytest.raises(ClaimRefused):
        await claim(peopled.store, peopled.appliance.passwords, token, PASSWORD, "test")
    await claim(peopled.store, peopled.appliance.passwords, other, PASSWORD, "test")
    assert (await visitor.get(f"{own}/invite")).headers["location"] == own
    last = max(one.id for one in peopled.store.credentials.ledger(made_for.id) if one.kind == "invite")
    assert (await visitor.submit(f"{own}/invite", {"latest": id_text(last)}, page=own)).status_code == 409


async def test_the_link_is_also_a_code_unless_it_opens_on_this_machine_only(peopled, visitor, monkeypatch):
    data = {"address": "bob@one.test"}
    page = (await visitor.submit("/mailboxes/add", data)).text
    assert "opens on this machine only" in page
    assert 'class="code"' not in page
    house = type(peopled.appliance.web_house)
    monkeypatch.setattr(house, "url", lambda self, path: f"https://mail.test{path}")
    page = (await visitor.submit("/mailboxes/add", {"address": "cat@one.test"})).text
    assert "<svg" in page.split('class="code"')[1]
    assert "style=" not in page


async def test_no_page_of_an_administrator_has_a_field_for_a_password(peopled, visitor):
    await provision.add_mailbox(peopled.store, "cli:0", "bob@one.test")
    own = path(peopled, "bob@one.test")
    pages = [
        "/mailboxes",
        "/mailboxes/add",
        own,
        f"{own}/sign-ins",
        f"{own}/settings",
        f"{own}/remove",
        f"{own}/invite",
    ]
    for page in pages:
        assert 'type="password"' not in (await visitor.get(page)).text


# One mailbox


@pytest.mark.parametrize(
    ("state", "suspended", "until", "words"),
    [
        ("active", None, None, ("ok", "Active")),
        ("active", 5, None, ("off", "Suspended")),
        ("unclaimed", 5, 20, ("off", "Suspended")),
        ("unclaimed", None, 20, ("waiting", "Invited")),
        ("unclaimed", None, 10, ("warning", "Invite expired")),
        ("unclaimed", None, None, ("warning", "Not invited")),
    ],
)
def test_how_an_owner_stands_is_one_of_the_five_words(state, suspended, until, words):
    one = Account(1, 1, OWNER, state, suspended, None, 0, None, 0, 0)
    stands = standing(one, until, 10)
    assert (stands.state, stands.words) == words


async def test_what_a_mailbox_holds_and_what_reaches_it(peopled, visitor):
    await peopled.send(b"Subject: hi\r\n\r\nhello\r\n", OWNER)
    await provision.add_alias(peopled.store, "cli:0", '"<b>x</b>"@one.test', [OWNER])
    await provision.set_domain(peopled.store, "cli:0", "one.test", catch_all=OWNER)
    page = (await visitor.get(path(peopled))).text
    said = text_of(page)
    assert re.search(r"Inbox\s+1\s+1\s+\d+ B", said)
    for words in ("Sent", "Junk", "Any other address of one.test", "postmaster@one.test and abuse@one.test", "Active"):
        assert words in said
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page


async def test_sign_ins_say_when_and_from_where_and_no_secret(peopled, visitor):
    own = path(peopled)
    async with signed_in(peopled, OWNER) as owner:
        owner.client.headers["user-agent"] = "<script>alert(1)</script>"
        await owner.submit("/sign-in", {"name": OWNER, "password": PASSWORD}, page="/me")
        page = (await visitor.get(f"{own}/sign-ins")).text
        said = text_of(page)
        assert "Password In force" in said
        assert "the owner" in said
        assert "127.0.0.1" in said
        assert "<script>alert" not in page
        ledger = peopled.store.credentials.ledger(account(peopled).id)
        assert not [one for one in ledger if one.secret_hash.hex() in page]
        assert owner.cookies["__Host-session"] not in page
        session = next(one for one in ledger if one.kind == "session" and one.revoked_at is None)
        where = f"{own}/sign-ins"
        said = await done(visitor, f"{own}/revoke", {"credential": id_text(session.id)}, page=where)
        assert "Web session ended: it opens nothing any more." in said
        assert newest(peopled) == (ADMINISTRATOR, "credential.revoke", OWNER, "127.0.0.1")
        row = json.loads(peopled.store.audit.newest(1)[0].before)
        assert row == {"id": id_text(session.id), "kind": "session"}
        assert (await owner.get("/me")).status_code == 303


async def test_an_invite_is_revoked_a_password_is_not(peopled, visitor):
    made = await provision.add_mailbox(peopled.store, "cli:0", "bob@one.test")
    bob, own = path(peopled, "bob@one.test"), path(peopled)
    (invite,) = peopled.store.credentials.ledger(made.account.id)
    password = peopled.store.credentials.password_of(account(peopled).id)
    before = count(peopled)
    for where, credential, status in (
        (own, id_text(invite.id), 404),
        (bob, id_text(password.id), 404),
        (own, id_text(password.id), 409),
        (own, "nonsense", 404),
        (own, "0000000000000", 404),
    ):
        answer = await visitor.submit(f"{where}/revoke", {"credential": credential}, page=f"{where}/sign-ins")
        assert answer.status_code == status
    assert count(peopled) == before
    assert peopled.store.credentials.password_of(account(peopled).id) == password
    await done(visitor, f"{bob}/revoke", {"credential": id_text(invite.id)}, page=f"{bob}/sign-ins")
    with pytest.raises(ClaimRefused):
        await claim(peopled.store, peopled.appliance.passwords, made.token, PASSWORD, "test")
    assert "Nobody can sign in: the owner's link has expired or was ended" in text_of((await visitor.get(bob)).text)


async def test_a_live_session_is_listed_and_ended(peopled, visitor):
    reader, writer = await peopled.connect(peopled.imap)
    writer.write(f"a LOGIN {OWNER} {PASSWORD}\r\n".encode())
    while not (await reader.readline()).startswith(b"a OK"):
        pass
    where = f"{path(peopled)}/sign-ins"
    page = (await visitor.get(where)).text
    assert "IMAP" in text_of(page)
    session = re.search(r'name="session" value="([^"]*)"', page)[1]
    await provision.add_mailbox(peopled.store, "cli:0", "bob@one.test")
    other = path(peopled, "bob@one.test")
    data = {"session": session}
    assert "over already" in await done(visitor, f"{other}/end-session", data, page=f"{other}/sign-ins")
    said = await done(visitor, f"{path(peopled)}/end-session", data, page=where)
    assert "The session is ended." in said
    assert newest(peopled)[:3] == (ADMINISTRATOR, "sessions.kick", session)
    assert (await reader.read()).startswith(b"* BYE")
    writer.close()


async def test_suspended_resumed_and_given_a_quota(peopled, visitor):
    own = path(peopled)
    said = await done(visitor, f"{own}/suspend", {}, page=f"{own}/settings")
    assert "nobody can sign in" in said
    assert newest(peopled) == (ADMINISTRATOR, "mailbox.suspend", OWNER, "127.0.0.1")
    assert account(peopled).suspended_at is not None
    await done(visitor, f"{own}/resume", {}, page=f"{own}/settings")
    assert (newest(peopled)[1], account(peopled).suspended_at) == ("mailbox.resume", None)
    before = count(peopled)
    await done(visitor, f"{own}/quota", {"quota": "2 GB"}, page=f"{own}/settings")
    assert (newest(peopled)[1], account(peopled).quota_bytes) == ("mailbox.quota", 2 << 30)
    assert "Nothing was different" in await done(visitor, f"{own}/quota", {"quota": "2048 MB"}, page=f"{own}/settings")
    assert count(peopled) == before + 1
    answer = await visitor.submit(f"{own}/quota", {"quota": "a lot"}, page=f"{own}/settings")
    assert (answer.status_code, 'value="a lot"' in answer.text) == (422, True)
    await done(visitor, f"{own}/quota", {"quota": ""}, page=f"{own}/settings")
    assert account(peopled).quota_bytes is None


async def test_removing_asks_for_the_address_and_shows_what_is_lost(peopled, visitor):
    await peopled.add_mailbox("bob@one.test")
    await peopled.send(b"Subject: hi\r\n\r\nhello\r\n", "bob@one.test")
    await provision.add_alias(peopled.store, "cli:0", "b@one.test", ["bob@one.test"])
    own = path(peopled, "bob@one.test")
    said = text_of((await visitor.get(f"{own}/remove")).text)
    assert "1 message (" in said
    assert "1 alias leads here, such as b@one.test" in said
    for wrong in ("", "bob", OWNER):
        answer = await visitor.submit(f"{own}/remove", {"confirm": wrong})
        assert (answer.status_code, "Type bob@one.test to confirm." in answer.text) == (422, True)
    answer = await visitor.submit(f"{own}/remove", {"confirm": "bob@one.test"})
    assert (answer.status_code, "the last target of b@one.test" in answer.text) == (422, True)
    await provision.remove_alias(peopled.store, "cli:0", "b@one.test")
    assert "and its mail are removed" in await done(visitor, f"{own}/remove", {"confirm": "Bob@One.test"})
    assert newest(peopled) == (ADMINISTRATOR, "mailbox.rm", "bob@one.test", "127.0.0.1")
    gone = await visitor.get(own)
    assert (gone.status_code, "it may have been removed" in gone.text) == (404, True)


@pytest.mark.parametrize("address", ['"<script>alert(1)</script>"@one.test', "a/b?c#d&e@one.test", "{{7*7}}@one.test"])
async def test_hostile_names_are_text_and_their_pages_work(peopled, visitor, address):
    answer = await visitor.submit("/mailboxes/add", {"address": address})
    assert answer.status_code == 200
    own = path(peopled, address)
    shown = html.escape(account(peopled, address).address).replace("&quot;", "&#34;")
    for page in ("/mailboxes", "/domains/one.test/mailboxes", own, f"{own}/sign-ins", f"{own}/settings"):
        text = (await visitor.get(page)).text
        assert shown in text
        assert "<script>alert" not in text
    await done(visitor, f"{own}/remove", {"confirm": account(peopled, address).address})


async def test_pages_of_a_mailbox_that_is_not_there(peopled, visitor):
    for name in ("0000000000000", "nonsense", "%3Cscript%3E", "x" * 300):
        for end in ("", *ENDS):
            answer = await visitor.get(f"/mailboxes/{name}{end}")
            assert (answer.status_code, "<script>alert" in answer.text) == (404, False)


# The list


async def listed(visitor: Browser, url: str) -> list[str]:
    """All rows of a list, page by page."""
    found: list[str] = []
    while url:
        page = (await visitor.get(url)).text
        found += [html.unescape(one) for one in re.findall(r'rowheader"><a href="[^"]*">([^<]*)<', page)]
        following = re.search(r'href="([^"]*)" rel="next"', page)
        url = html.unescape(following[1]) if following else ""
    return found


async def test_the_list_agrees_with_a_plain_model(peopled, visitor):
    """Every order with every filter, each page by page, beside sorted() of plain rows."""
    for domain in ("two.test", "three.test"):
        await peopled.add_domain(domain)
    for number in range(64):
        domain = ("one", "two", "two", "three")[number % 4]
        made = await provision.add_mailbox(peopled.store, "cli:0", f"u{number * 37 % 64:02}-é@{domain}.test")
        if number % 5 == 0:
            await provision.suspend_mailbox(peopled.store, "cli:0", made.account.address)
        elif number % 3 == 0:
            await peopled.store.engine.write(
                lambda tx, one=made: credential_acts.claim(tx, token_hash(one.token), b"x", "test")
            )
        used = (number % 7) * 1000
        await peopled.store.engine.write(
            lambda tx, one=made, used=used: tx.execute(
                "UPDATE account SET used_bytes = ? WHERE id = ?", (used, one.account.id)
            ).close()
        )
    rows = list(peopled.store.directory.accounts())
    assert len(rows) == 65
    orders = {
        "address": lambda one: (one.address,),
        "used": lambda one: (one.used_bytes, one.address),
        "added": lambda one: (one.id,),
    }
    states = {
        "": lambda one: True,
        "suspended": lambda one: one.suspended_at is not None,
        "active": lambda one: one.suspended_at is None and one.state == "active",
        "unclaimed": lambda one: one.suspended_at is None and one.state == "unclaimed",
    }
    for sort, key in orders.items():
        for sign in ("", "-"):
            for find, state, domain in (
                ("", "", ""), ("", "active", ""), ("U1", "", ""), ("É@TWO", "unclaimed", ""), ("", "", "two.test"),
                ("", "suspended", "two.test"), ("%", "", ""), ("_", "", ""), ("@one.test", "", "three.test"),
            ):  # fmt: skip
                fits = [
                    one.address
                    for one in sorted(rows, key=key, reverse=sign == "-")
                    if states[state](one)
                    and find.casefold() in one.address
                    and (not domain or one.address.endswith(f"@{domain}"))
                ]
                query = f"sort={sign}{sort}&find={find.replace('%', '%25')}&state={state}"
                assert await listed(visitor, f"/mailboxes?{query}&domain={domain}") == fits, (query, domain)
                if domain:
                    assert await listed(visitor, f"/domains/{domain}/mailboxes?{query}") == fits


async def test_a_list_that_is_empty_says_the_next_step(house):
    await make_operator(house.store, house.appliance.passwords, ADMINISTRATOR, PASSWORD, source="test")
    async with signed_in(house, ADMINISTRATOR) as visitor:
        assert "First a domain" in (await visitor.get("/mailboxes")).text
        await house.add_domain("one.test")
        for page in ("/mailboxes", "/domains/one.test/mailboxes"):
            assert "No mailboxes yet" in (await visitor.get(page)).text
        assert "No mailbox fits" in (await visitor.get("/mailboxes?find=zzz")).text

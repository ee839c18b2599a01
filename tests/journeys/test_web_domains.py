"""Domains by the pages: added, routed, given names and addresses, suspended, removed; each act once, on record."""

import html
import json
import re

import pytest

from appliance import provision
from appliance.provision.domains import catch_all_waiting
from tests.house import House
from tests.web_house import ADMINISTRATOR, OWNER, Browser, people, signed_in


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


def acts(house: House) -> list[tuple[str, str, str, str]]:
    """The newest audit row: who, what, to what, from where."""
    row = house.store.audit.newest(1)[0]
    return row.actor, row.act, row.object, row.source


def count(house: House) -> int:
    return house.store.audit.newest(1)[0].seq


async def done(visitor: Browser, path: str, data: dict[str, str], *, page: str = "") -> str:
    """What the page after an act says; the act must lead on."""
    answer = await visitor.submit(path, data, page=page)
    assert answer.status_code == 303, text_of(answer.text)
    return text_of((await visitor.get(answer.headers["location"])).text)


async def refused(visitor: Browser, path: str, data: dict[str, str], *, page: str = "") -> str:
    """The form again, with what was typed in it."""
    answer = await visitor.submit(path, data, page=page)
    assert answer.status_code == 422
    for value in data.values():
        assert f'value="{html.escape(value)}"'.replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in answer.text
    return text_of(answer.text)


NEW = {"name": "two.test", "unknown": "reject", "catch_all": "", "state": "live"}
NEW |= {"separators": "+", "quota": "", "privacy": "default"}


async def test_adding_a_domain_is_one_act_on_record(peopled, visitor):
    before = count(peopled)
    said = await done(visitor, "/domains/add", NEW)
    assert "two.test is added. Now add its first mailbox." in said
    assert "There is no mailbox yet." in said
    assert acts(peopled) == (ADMINISTRATOR, "domain.add", "two.test", "127.0.0.1")
    assert count(peopled) == before + 1
    domain = peopled.store.directory.domain("two.test")
    assert (domain.unknown, domain.state, domain.separators) == ("reject", "live", "+")
    assert (domain.quota_bytes, domain.privacy) == (None, None)


async def test_adding_with_everything(peopled, visitor):
    data = {"name": "Bücher.test", "unknown": "catch-all", "catch_all": "all", "state": "arriving"}
    data |= {"separators": "-+", "quota": "50 GB", "privacy": "no-subjects"}
    said = await done(visitor, "/domains/add", data)
    assert "xn--bcher-kva.test" in said
    domain = peopled.store.directory.domain("xn--bcher-kva.test")
    assert (domain.state, domain.separators, domain.quota_bytes, domain.privacy) == (
        "arriving", "-+", 50 << 30, "no-subjects",
    )  # fmt: skip
    assert catch_all_waiting(peopled.store, domain) == "all@xn--bcher-kva.test"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "Type the domain's name."),
        ({"name": "-bad-.test"}, "Not a domain"),
        ({"name": "one.test"}, "One.test is a domain already."),
        ({"name": "a b.test"}, "Not a domain"),
        ({"name": '"><script>alert(1)</script>'}, "Not a domain"),
        ({"unknown": "catch-all"}, "Type the mailbox that gets this mail."),
        ({"unknown": "catch-all", "catch_all": "x@other.test"}, "Type an address of two.test."),
        ({"unknown": "catch-all", "catch_all": "a b"}, "Not an address"),
        ({"separators": "@"}, "at most once"),
        ({"separators": "++"}, "at most once"),
        ({"quota": "lots"}, 'Type a size such as "5 GB"'),
        ({"quota": "0"}, 'Type a size such as "5 GB"'),
    ],
)
async def test_what_cannot_be_added_says_why_beside_the_field(peopled, visitor, changes, says):
    before = count(peopled)
    data = NEW | changes
    said = await refused(visitor, "/domains/add", data)
    assert says in said
    assert count(peopled) == before
    assert peopled.store.directory.domain("two.test") is None


@pytest.mark.parametrize(("field", "value"), [("unknown", "x"), ("state", ""), ("privacy", "all")])
async def test_a_choice_that_is_none_is_refused(peopled, visitor, field, value):
    answer = await visitor.submit("/domains/add", NEW | {field: value})
    assert (answer.status_code, "Choose one of these." in answer.text) == (422, True)


ROUTING = {"unknown": "reject", "catch_all": "", "contact": OWNER, "separators": "+"}


async def test_routing_shows_what_is_so_and_changes_it_in_one_act(peopled, visitor):
    await peopled.add_mailbox("bob@one.test")
    page = (await visitor.get("/domains/one.test/routing")).text
    assert f'value="{OWNER}"' in page
    before = count(peopled)
    data = {"unknown": "catch-all", "catch_all": "bob", "contact": "bob@one.test", "separators": "="}
    assert "The routing of one.test is changed." in await done(visitor, "/domains/one.test/routing", data)
    bob = peopled.store.directory.account("bob@one.test")
    domain = peopled.store.directory.domain("one.test")
    assert (domain.unknown, domain.catch_all_account, domain.contact_account) == ("catch_all", bob.id, bob.id)
    assert domain.separators == "="
    assert (acts(peopled), count(peopled)) == ((ADMINISTRATOR, "domain.set", "one.test", "127.0.0.1"), before + 1)
    assert "Caught by bob@one.test" in text_of((await visitor.get("/domains/one.test")).text)
    assert "Nothing was different" in await done(
        visitor, "/domains/one.test/routing", data | {"catch_all": "bob@one.test"}
    )
    assert count(peopled) == before + 1
    await done(visitor, "/domains/one.test/routing", data | {"unknown": "reject", "separators": ""})
    domain = peopled.store.directory.domain("one.test")
    assert (domain.unknown, domain.catch_all_account, domain.separators) == ("reject", None, "")


async def test_a_catch_all_that_is_still_to_be_made_waits(peopled, visitor):
    said = await done(visitor, "/domains/one.test/routing", ROUTING | {"unknown": "catch-all", "catch_all": "all"})
    assert "Unknown recipients are refused until all@one.test is made, then caught by it." in said
    assert 'value="all@one.test"' in (await visitor.get("/domains/one.test/routing")).text
    await done(visitor, "/domains/one.test/routing", ROUTING)
    assert catch_all_waiting(peopled.store, peopled.store.directory.domain("one.test")) == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"unknown": "catch-all"}, "Type the mailbox that gets this mail."),
        ({"unknown": "catch-all", "catch_all": "x@admin.test"}, "Type an address of one.test."),
        ({"contact": "nobody"}, "No mailbox nobody@one.test."),
        ({"contact": ""}, "Type the mailbox that gets mail for postmaster and abuse."),
        ({"contact": "<script>"}, "Not an address"),
        ({"separators": "ab"}, "at most once"),
    ],
)
async def test_routing_that_cannot_be(peopled, visitor, changes, says):
    before = count(peopled)
    assert says in await refused(visitor, "/domains/one.test/routing", ROUTING | changes)
    assert count(peopled) == before


async def test_settings_change_in_one_act_and_only_where_different(peopled, visitor):
    data = {"state": "arriving", "quota": "1.5 GB", "privacy": "metadata"}
    before = count(peopled)
    assert "The settings of one.test are changed." in await done(visitor, "/domains/one.test/settings", data)
    domain = peopled.store.directory.domain("one.test")
    assert (domain.state, domain.quota_bytes, domain.privacy) == ("arriving", 1536 << 20, "metadata")
    assert count(peopled) == before + 1
    assert 'value="1536 MB"' in (await visitor.get("/domains/one.test/settings")).text
    assert "Nothing was different" in await done(visitor, "/domains/one.test/settings", data | {"quota": "1536 MB"})
    assert count(peopled) == before + 1
    await done(visitor, "/domains/one.test/settings", {"state": "live", "quota": "", "privacy": "default"})
    domain = peopled.store.directory.domain("one.test")
    assert (domain.state, domain.quota_bytes, domain.privacy) == ("live", None, None)
    said = await refused(visitor, "/domains/one.test/settings", data | {"quota": "-5"})
    assert 'Type a size such as "5 GB"' in said


async def test_other_names_come_and_go(peopled, visitor):
    page = "/domains/one.test/settings"
    await done(visitor, "/domains/one.test/names/add", {"other": "Uno.test"}, page=page)
    assert acts(peopled) == (ADMINISTRATOR, "domain.alias.add", "one.test", "127.0.0.1")
    domain = peopled.store.directory.domain("one.test")
    assert peopled.store.directory.domain_aliases(domain.id) == ("uno.test",)
    for name, says in (
        ("uno.test", "a domain alias already"),
        ("one.test", "a domain already"),
        ("", "Type the other"),
    ):
        assert says in await refused(visitor, "/domains/one.test/names/add", {"other": name}, page=page)
    other = await visitor.get("/domains/uno.test")
    assert (other.status_code, "use that" in other.text) == (409, True)
    await done(visitor, "/domains/one.test/names/remove", {"other": "uno.test"}, page=page)
    assert acts(peopled)[1] == "domain.alias.rm"
    gone = await visitor.submit("/domains/one.test/names/remove", {"other": "uno.test"}, page=page)
    assert gone.status_code == 404
    assert (await visitor.submit("/domains/one.test/names/remove", {"other": "!"}, page=page)).status_code == 409


async def test_suspended_and_resumed(peopled, visitor):
    said = await done(visitor, "/domains/one.test/suspend", {}, page="/domains/one.test/settings")
    assert "Suspended" in said
    assert "no mail is taken" in said
    assert acts(peopled)[:3] == (ADMINISTRATOR, "domain.suspend", "one.test")
    assert peopled.store.directory.domain("one.test").suspended_at is not None
    said = await done(visitor, "/domains/one.test/resume", {}, page="/domains/one.test/settings")
    assert "one.test takes mail again." in said
    assert peopled.store.directory.domain("one.test").suspended_at is None


async def test_removing_asks_for_the_name_and_says_what_is_in_the_way(peopled, visitor):
    page = text_of((await visitor.get("/domains/one.test/remove")).text)
    assert "cannot go yet" in page
    assert "1 mailbox" in page
    answer = await visitor.submit("/domains/one.test/remove", {"confirm": "one.test"})
    assert (answer.status_code, peopled.store.directory.domain("one.test") is not None) == (422, True)
    await peopled.add_domain("two.test")
    await provision.reject_address(peopled.store, "cli:0", "x@two.test")
    assert "1 address that refuses" in text_of((await visitor.get("/domains/two.test/remove")).text)
    for wrong in ("", "two", "two.test x", "one.test"):
        assert "Type two.test to confirm." in await refused(visitor, "/domains/two.test/remove", {"confirm": wrong})
    assert "two.test is removed." in await done(visitor, "/domains/two.test/remove", {"confirm": " Two.test "})
    assert acts(peopled)[:3] == (ADMINISTRATOR, "domain.rm", "two.test")
    assert (await visitor.get("/domains/two.test")).status_code == 404


# Addresses


async def test_an_alias_comes_and_goes(peopled, visitor):
    await peopled.add_domain("two.test")
    await peopled.add_mailbox("bob@two.test")
    said = await done(
        visitor, "/domains/one.test/aliases/add", {"address": "Sales", "targets": "ann; bob@two.test,ann"}
    )
    assert "Mail for sales@one.test goes to ann@one.test, bob@two.test." in said
    assert acts(peopled) == (ADMINISTRATOR, "alias.add", "sales@one.test", "127.0.0.1")
    assert json.loads(peopled.store.audit.newest(1)[0].after) == {"targets": [OWNER, "bob@two.test"]}
    page = "/domains/one.test/addresses"
    assert "Goes to ann@one.test, bob@two.test" in text_of((await visitor.get(page)).text)
    await done(visitor, "/domains/one.test/aliases/remove", {"address": "sales@one.test"}, page=page)
    assert acts(peopled)[1:3] == ("alias.rm", "sales@one.test")
    assert "No aliases yet" in (await visitor.get(page)).text
    for wrong in ("sales@one.test", "ann@one.test", "x@two.test", "!"):
        gone = await visitor.submit("/domains/one.test/aliases/remove", {"address": wrong}, page=page)
        assert gone.status_code == 404
    assert peopled.store.directory.account(OWNER) is not None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"address": "", "targets": "ann"}, "Type the address."),
        ({"address": "sales", "targets": ""}, "Type the mailboxes that get this mail."),
        ({"address": "sales", "targets": "ann, nobody"}, "No mailbox nobody@one.test."),
        ({"address": "sales", "targets": ","}, "An alias needs at least one mailbox."),
        ({"address": "sales@two.test", "targets": "ann"}, "Type an address of one.test."),
        ({"address": "ann", "targets": "ann"}, "Ann@one.test is a mailbox already."),
        ({"address": "s", "targets": " ".join(["ann"] * 101)}, "Name at most 100 mailboxes."),
        ({"address": "<b>x", "targets": "<i>y"}, "Not an address"),
    ],
)
async def test_an_alias_that_cannot_be(peopled, visitor, data, says):
    before = count(peopled)
    assert says in await refused(visitor, "/domains/one.test/aliases/add", data)
    assert count(peopled) == before


async def test_an_address_refuses_with_words_of_its_own(peopled, visitor):
    form = (await visitor.get("/domains/one.test/rejects/add")).text
    assert 'value="550"' in form
    data = {"address": "old", "code": "551", "text": "We moved <b>away</b>"}
    await done(visitor, "/domains/one.test/rejects/add", data)
    assert acts(peopled) == (ADMINISTRATOR, "address.reject", "old@one.test", "127.0.0.1")
    page = (await visitor.get("/domains/one.test/addresses")).text
    assert "551 We moved &lt;b&gt;away&lt;/b&gt;" in page
    await done(visitor, "/domains/one.test/rejects/remove", {"address": "old@one.test"}, page="/domains/one.test")
    assert acts(peopled)[1] == "address.rm"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"code": "250"}, "Type a code such as 550"),
        ({"code": "five"}, "Type a code such as 550"),
        ({"code": "٥٥٠"}, "Type a code such as 550"),
        ({"code": ""}, "Type a code such as 550."),
        ({"text": ""}, "Type the words."),
        ({"text": "für immer"}, "printable ASCII"),
        ({"text": "x" * 201}, "1 to 200"),
        ({"address": "ann"}, "Ann@one.test is a mailbox already."),
    ],
)
async def test_a_refusal_that_cannot_be(peopled, visitor, changes, says):
    data = {"address": "old", "code": "550", "text": "Closed"} | changes
    assert says in await refused(visitor, "/domains/one.test/rejects/add", data)


HOSTILE = ["<script>alert(1)</script>@one.test", "'\"><img/src=x>@one.test", "{{7*7}}@one.test", "a/b?c#d@one.test"]


@pytest.mark.parametrize("typed", HOSTILE)
async def test_hostile_addresses_are_shown_as_text(peopled, visitor, typed):
    localpart = typed.rpartition("@")[0]
    address = '"' + localpart.replace('"', '\\"') + '"@one.test'
    await done(visitor, "/domains/one.test/aliases/add", {"address": address, "targets": "ann"})
    page = (await visitor.get("/domains/one.test/addresses")).text
    stored = provision.canonical_address(address)
    assert str(html.escape(stored)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in page
    assert "<script>alert" not in page
    assert "<img/src" not in page
    await done(visitor, "/domains/one.test/aliases/remove", {"address": stored}, page="/domains/one.test/addresses")


@pytest.mark.parametrize("path", ["", "/routing", "/addresses", "/settings", "/remove", "/aliases/add", "/rejects/add"])
@pytest.mark.parametrize("name", ["none.test", "%3Cscript%3E", "x" * 300, "a%00b"])
async def test_pages_of_a_domain_that_is_not_there(peopled, visitor, path, name):
    answer = await visitor.get(f"/domains/{name}{path}")
    assert (answer.status_code, "<script>alert" in answer.text) == (404, False)


async def test_addresses_are_filtered_sorted_and_paged(peopled, visitor):
    for number in range(70):
        text = f"{'old' if number % 2 else 'sale'}{number:02}@one.test"
        if number % 2:
            await provision.reject_address(peopled.store, "cli:0", text)
        else:
            await provision.add_alias(peopled.store, "cli:0", text, [OWNER])

    async def listed(url: str) -> list[str]:
        found: list[str] = []
        while url:
            page = (await visitor.get(url)).text
            found += re.findall(r'rowheader">([^<]*)<', page)
            following = re.search(r'href="([^"]*)" rel="next"', page)
            url = html.unescape(following[1]) if following else ""
        return found

    whole = sorted(f"{'old' if number % 2 else 'sale'}{number:02}@one.test" for number in range(70))
    path = "/domains/one.test/addresses"
    assert await listed(path) == whole
    assert await listed(f"{path}?sort=-address") == whole[::-1]
    assert await listed(f"{path}?kind=reject") == [one for one in whole if one.startswith("old")]
    assert await listed(f"{path}?find=E1") == [one for one in whole if "e1" in one]
    assert "No address fits" in (await visitor.get(f"{path}?find=zzz")).text

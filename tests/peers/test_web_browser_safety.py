"""What keeps people safe in real Chromium: cookies, no request elsewhere, nothing left behind after signing out, a form
that is sent twice."""

from urllib.parse import urlsplit

import pytest

from appliance import provision
from tests.chromium import SCREEN, chromium, looking
from tests.web_house import ADMINISTRATOR, OWNER, people

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]


@pytest.fixture
async def inhabited(house):
    await people(house)
    return house


@pytest.mark.parametrize(("name", "site"), [(ADMINISTRATOR, "Strict"), (OWNER, "Lax")])
async def test_cookies_are_seen_by_this_server_alone(inhabited, name, site):
    async with chromium() as browser, looking(browser, inhabited) as sight:
        await sight.goto("/sign-in")
        before = {one["name"]: one["value"] for one in await sight.page.context.cookies()}
        await sight.sign_in(name)
        cookies = await sight.page.context.cookies()
        session = next(one for one in cookies if one["name"] == "__Host-session")
        assert session["sameSite"] == site
        assert session["value"] not in before.values(), "a session has another token than whoever looked at the form"
        for one in cookies:
            assert one["name"].startswith("__Host-")
            assert one["secure"]
            assert one["httpOnly"]
            assert one["path"] == "/"
        assert await sight.page.evaluate("document.cookie") == ""
        assert await sight.page.evaluate("localStorage.length") == 0
        # htmx keeps the path of the page that is open, and no page.
        assert await sight.page.evaluate("Object.keys(sessionStorage)") == ["htmx-current-path-for-history"]


async def test_after_signing_out_the_way_back_shows_nothing(inhabited):
    async with chromium() as browser, looking(browser, inhabited) as sight:
        page = sight.page
        await sight.sign_in(ADMINISTRATOR)
        await page.click("nav.rail >> text=Mailboxes")
        await page.wait_for_selector(f"text={OWNER}")
        await page.click("tbody th a")
        await page.wait_for_selector("text=Storage by folder")
        await page.click("text=Sign out")
        await page.wait_for_selector("text=You are signed out.")
        for _ in range(3):
            await page.go_back()
            assert urlsplit(page.url).path == "/sign-in"
            assert OWNER not in await page.content()
        assert await sight.goto("/mailboxes") == 200
        assert urlsplit(page.url).path == "/sign-in"


async def test_no_request_leaves_for_elsewhere_and_nothing_breaks_the_policy(inhabited):
    asked: list[str] = []
    async with chromium() as browser, looking(browser, inhabited, viewport=SCREEN) as sight:
        sight.page.on("request", lambda request: asked.append(request.url))
        await sight.page.add_init_script(
            "window.broken = []; document.addEventListener('securitypolicyviolation',"
            " (event) => window.broken.push(event.violatedDirective + ' ' + event.blockedURI))"
        )
        await sight.sign_in(ADMINISTRATOR)
        for path in ("/", "/domains", "/domains?sort=-name", "/mailboxes", "/password", "/domains/one.test/settings"):
            await sight.goto(path)
            assert await sight.page.evaluate("window.broken") == []
        assert asked
        assert [url for url in asked if not url.startswith(f"{sight.origin}/")] == []
        assert sight.complaints == []
        # The policy is in force: what a hole in a page could write does not run.
        await sight.page.evaluate("""document.body.insertAdjacentHTML('beforeend',
            '<img src=x onerror="window.ran = true"><p style="color:red">x</p>')""")
        await sight.page.wait_for_function("window.broken.length >= 2")
        assert await sight.page.evaluate("window.ran === undefined")


async def test_a_button_that_is_pressed_twice_sends_its_form_once(inhabited):
    sent: list[str] = []
    async with chromium() as browser, looking(browser, inhabited) as sight:
        page = sight.page
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        await sight.sign_in(ADMINISTRATOR)
        await sight.goto("/mailboxes/add")
        await page.fill("#address", "eve@one.test")
        sent.clear()
        await page.dblclick("button.main")
        await page.wait_for_selector("#invite-link")
        assert len(sent) == 1
        assert "Nothing was saved" not in await page.inner_text("main")


async def test_without_javascript_a_form_sent_twice_says_what_is_there(inhabited):
    async with chromium() as browser, looking(browser, inhabited, java_script_enabled=False) as sight:
        page = sight.page
        await sight.sign_in(ADMINISTRATOR)
        await sight.goto("/domains/add")
        await page.fill("#name", "two.test")
        await page.click("button.main")
        await page.wait_for_selector("h1:has-text('two.test')")
        await page.go_back()
        await page.fill("#name", "two.test")
        await page.click("button.main")
        await page.wait_for_selector("text=two.test is a domain already")
        assert await page.input_value("#name") == "two.test"
        assert len([one for one in inhabited.store.directory.domains("", 9) if one.name == "two.test"]) == 1


async def test_an_invite_opened_twice_and_claimed_twice_has_one_owner(inhabited):
    token = (await provision.add_mailbox(inhabited.store, ADMINISTRATOR, "eve@one.test")).token
    async with chromium() as browser, looking(browser, inhabited) as first, looking(browser, inhabited) as second:
        for sight in (first, second):
            await sight.goto(f"/i/{token}")
            await sight.page.fill("#password", "velvet anchor thirty rivers")
            await sight.page.fill("#again", "velvet anchor thirty rivers")
        await first.page.dblclick("button.main")
        await first.page.wait_for_selector("text=The mailbox is yours.")
        await second.page.click("button.main")
        await second.page.wait_for_selector("h1:has-text('This link has been used')")
        assert token not in await first.page.content()

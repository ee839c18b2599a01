"""Every page in real Chromium: clean for axe in light and dark, on a screen and on a phone, within its weight, by the
keyboard alone, and with JavaScript off."""

import smtplib

import pytest

from admin.access import GUARDS, administrator, anyone, owner
from appliance import provision
from appliance.ids import id_text
from tests.chromium import MAX_PAGE, PHONE, SCREEN, Sight, chromium, looking
from tests.house import PASSWORD, House
from tests.web_house import ADMINISTRATOR, OWNER, people, registered

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

EXAMPLES = {
    "/domains/{name:str}": ("/domains/one.test", "/domains/asleep.test", "/domains/arriving.test"),
    "/domains/{name:str}/routing": ("/domains/one.test/routing",),
    "/domains/{name:str}/addresses": ("/domains/one.test/addresses", "/domains/asleep.test/addresses"),
    "/domains/{name:str}/aliases/add": ("/domains/one.test/aliases/add",),
    "/domains/{name:str}/rejects/add": ("/domains/one.test/rejects/add",),
    "/domains/{name:str}/mailboxes": ("/domains/one.test/mailboxes", "/domains/asleep.test/mailboxes"),
    "/domains/{name:str}/settings": ("/domains/one.test/settings", "/domains/asleep.test/settings"),
    "/domains/{name:str}/remove": ("/domains/one.test/remove", "/domains/asleep.test/remove"),
}
"""What stands for a page whose path has parameters."""
MAILBOX = "/mailboxes/{id:str}"
"""What pages of a mailbox begin with: they are looked at for every one there is."""
ELSEWHERE = {"/static/{name:str}", "/healthz", "/setup/{token:str}", "/i/{token:str}"}
"""No pages, or none of a server that is set up: those are in test_web_setup; an invite is tried on its own."""


@pytest.fixture
async def town(house: House) -> House:
    """Domains of every state, more than fit on a page, and somebody of each kind."""
    await people(house)
    await house.add_domain("asleep.test")
    await provision.suspend_domain(house.store, "cli:0", "asleep.test")
    await house.add_domain("arriving.test", state="arriving")
    await provision.add_alias(house.store, "cli:0", "sales@one.test", [OWNER])
    await provision.reject_address(house.store, "cli:0", '"<b>old</b>"@one.test')
    await provision.add_domain_alias(house.store, "cli:0", "one.test", "uno.test")
    await provision.add_mailbox(house.store, "cli:0", "a-rather-long-name-of-somebody-who-waits@one.test", "5GiB")
    await house.add_mailbox("asleep@one.test")
    await provision.suspend_mailbox(house.store, "cli:0", "asleep@one.test")
    for number in range(55):
        await house.add_domain(f"a-rather-long-name-of-a-domain-{number:02}.test")
    await house.send(b"From: joe@far.test\r\nSubject: Lunch?\r\n\r\nhello\r\n", OWNER, mail_from="joe@far.test")
    with pytest.raises(smtplib.SMTPException):
        await house.send(b"From: joe@far.test\r\n\r\nhello\r\n", "a-rather-long-name-of-nobody@one.test")
    await house.store.record.flush()
    return house


def records(house: House) -> list[str]:
    """The pages of what is on record."""
    rows = house.store.engine.reader.execute("SELECT id FROM smtp_transaction UNION SELECT id FROM smtp_session")
    return [f"/records/{id_text(id)}" for (id,) in rows.fetchall()]


def paths(house: House, *guards: object) -> list[str]:
    """The pages with one of these guards."""
    found: list[str] = []
    for route, handler in registered(house):
        guard = next(one for one in handler.guards or () if one in GUARDS)
        if "GET" in handler.http_methods and guard in guards and route not in ELSEWHERE:
            if route == "/records/{id:str}":
                found += records(house)
                continue
            if route.startswith(MAILBOX):
                found += [
                    f"/mailboxes/{id_text(one.id)}{route[len(MAILBOX) :]}" for one in house.store.directory.accounts()
                ]
                continue
            assert "{" not in route or route in EXAMPLES, f"{route}: name an example in EXAMPLES"
            found += EXAMPLES.get(route, (route,))
    return found


async def offences(sight: Sight, path: str) -> list[str]:
    status = await sight.goto(path)
    found = [f"status {status}"] if status >= 400 else []
    found += await sight.faults()
    if (weight := await sight.weight()) > MAX_PAGE:
        found.append(f"{weight} bytes")
    found += sight.complaints
    sight.complaints.clear()
    return [f"{path}: {one}" for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [SCREEN, PHONE], ids=["screen", "phone"])
async def test_every_page_is_clean(town, scheme, viewport):
    found: list[str] = []
    async with chromium() as browser:
        for name, guards in (("", [anyone]), (ADMINISTRATOR, [administrator]), (OWNER, [owner])):
            async with looking(browser, town, viewport=viewport, color_scheme=scheme) as sight:
                if name:
                    await sight.sign_in(name)
                for path in paths(town, *guards):
                    found += await offences(sight, path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [SCREEN, PHONE], ids=["screen", "phone"])
async def test_the_link_of_an_invite_is_clean_and_claimed_by_the_keyboard_alone(town, scheme, viewport):
    token = (await provision.add_mailbox(town.store, ADMINISTRATOR, "maria@one.test")).token
    async with chromium() as browser, looking(browser, town, viewport=viewport, color_scheme=scheme) as sight:
        assert await offences(sight, f"/i/{token}") == []
        keyboard = sight.page.keyboard
        await sight.page.focus("#password")
        await keyboard.type("velvet anchor thirty rivers")
        await sight.page.wait_for_selector("#password-strength meter[value='4']")
        assert await sight.faults() == []
        await keyboard.press("Tab")
        await keyboard.type("velvet anchor thirty rivers")
        await keyboard.press("Enter")
        await sight.page.wait_for_selector("text=The mailbox is yours.")
        assert await sight.faults() == []
        assert sight.complaints == []


@pytest.mark.parametrize("path", ["/nothing-here", "/domains/none.test", "/domains?find=zzz", "/mailboxes?find=zzz"])
async def test_errors_and_empty_lists_are_clean_too(town, path):
    async with chromium() as browser, looking(browser, town, viewport=PHONE) as sight:
        await sight.sign_in(ADMINISTRATOR)
        await sight.goto(path)
        assert await sight.faults() == []


async def test_the_keyboard_alone_suffices(town):
    async with chromium() as browser, looking(browser, town) as sight:
        page, keyboard = sight.page, sight.page.keyboard
        await sight.goto("/sign-in")
        await keyboard.type(OWNER)
        for key in ("Tab",):
            await keyboard.press(key)
        await keyboard.type("wrong password")
        await keyboard.press("Enter")
        await page.wait_for_selector("text=The address or the password is wrong.")
        assert await page.input_value("#name") == OWNER
        await page.focus("#name")
        await page.fill("#name", ADMINISTRATOR)
        await keyboard.press("Tab")
        await keyboard.type(PASSWORD)
        await keyboard.press("Enter")
        await page.wait_for_selector("nav.rail")
        await keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
        await keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await sight.goto("/domains")
        await keyboard.press("/")
        await keyboard.type("asleep")
        await keyboard.press("Enter")
        await page.wait_for_selector("text=1 domain found")
        assert await page.evaluate("document.activeElement.id") == "find"


@pytest.mark.parametrize("scripts", [True, False], ids=["htmx", "no JavaScript"])
async def test_a_list_is_filtered_sorted_and_paged(town, scripts):
    async with chromium() as browser, looking(browser, town, java_script_enabled=scripts) as sight:
        page = sight.page
        await sight.sign_in(ADMINISTRATOR)
        await page.click("nav.rail >> text=Domains")
        await page.wait_for_url("**/domains")
        await page.click("text=Next")
        await page.wait_for_url("**after=**")
        await page.wait_for_selector("text=one.test")
        await page.click("a:has-text('Before')")
        await page.wait_for_url("**before=**")
        await page.click("th >> text=Domain")
        await page.wait_for_url("**sort=-name")
        await page.fill("#find", "arriving")
        await page.press("#find", "Enter")
        await page.wait_for_selector("text=1 domain found")
        await page.click("tbody >> text=arriving.test")
        await page.wait_for_selector("h1:has-text('arriving.test')")
        await page.go_back()
        await page.wait_for_selector("text=1 domain found")
        await page.click("text=Sign out")
        await page.wait_for_selector("text=You are signed out.")
        assert sight.complaints == []

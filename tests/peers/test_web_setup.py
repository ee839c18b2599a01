"""Set-up in real Chromium: every page clean for axe in light and dark, on a screen and on a phone; by the keyboard
alone; with JavaScript off."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.identity.setup_token import open_setup
from tests.chromium import MAX_PAGE, PHONE, SCREEN, Sight, chromium, looking
from tests.dns_server import DnsServer
from tests.house import PASSWORD, House

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

ZONE = """
    mail.example.test          A    198.51.100.7
    7.100.51.198.in-addr.arpa  PTR  vps.provider.test.
    example.test               MX   10 mx.oldhost.test.
    probe.test                 MX   10 mx.probe.test.
    mx.probe.test              A    127.0.0.1
"""
EMAIL = "anna@example.test"


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[House]:
    """A server that nobody has set up, and a DNS for its checks."""
    with DnsServer(ZONE) as dns:
        async with House(
            tmp_path,
            server={"hostname": "", "probe_domain": "probe.test", "addresses": ("198.51.100.7",)},
            dns={"nameservers": (dns.nameserver.text,)},
        ) as house:
            house.appliance.host_checks.port = house.mx
            yield house


async def link(house: House) -> str:
    return f"/setup/{(await open_setup(house.store, 'cli:0', 'cli')).token}"


class Tour:
    """Somebody who follows the screens; each page is looked at."""

    def __init__(self, sight: Sight) -> None:
        self.sight, self.page = sight, sight.page
        self.found: list[str] = []

    async def look(self, name: str, *, scripts: bool = True) -> None:
        if scripts:
            self.found += [f"{name}: {fault}" for fault in await self.sight.faults()]
            if (weight := await self.sight.weight()) > MAX_PAGE:
                self.found.append(f"{name}: {weight} bytes")
        # That a form came back with its faults is no complaint of the page.
        self.found += [f"{name}: {one}" for one in self.sight.complaints if "422" not in one]
        self.sight.complaints.clear()

    async def main(self, url: str) -> None:
        """Press the page's main button, to the page that follows."""
        await self.page.click("button.main, a.main")
        await self.page.wait_for_url(f"**{url}")


@pytest.mark.parametrize(
    ("viewport", "scheme", "scripts"),
    [(SCREEN, "light", True), (PHONE, "dark", True), (SCREEN, "dark", True), (PHONE, "light", False)],
    ids=["screen", "phone in the dark", "screen in the dark", "no JavaScript"],
)
async def test_from_the_link_to_a_mailbox(fresh, viewport, scheme, scripts):
    options = {"viewport": viewport, "color_scheme": scheme, "java_script_enabled": scripts}
    async with chromium() as browser, looking(browser, fresh, **options) as sight:
        tour, page = Tour(sight), sight.page
        await sight.goto(await link(fresh))
        await tour.look("welcome", scripts=scripts)
        await page.fill("#email", EMAIL)
        await page.fill("#password", "passwordpassword")
        await page.fill("#again", "passwordpassword")
        if scripts:
            await page.wait_for_selector("#password-strength meter")
        await page.click("button.main")
        await page.wait_for_selector("text=The password is too easy to guess")
        assert await page.input_value("#email") == EMAIL
        assert await page.locator("meter").count() == 1
        await tour.look("welcome, with faults", scripts=scripts)
        await page.fill("#password", PASSWORD)
        await page.fill("#again", PASSWORD)
        await tour.main("/setup/host")
        await tour.look("host", scripts=scripts)
        await page.fill("#hostname", "mail.example.test")
        await tour.main("/setup/checks")
        await page.wait_for_selector("text=Checked just now")
        await tour.look("checks", scripts=scripts)
        await tour.main("/setup/domain")
        assert await page.input_value("#name") == "example.test"
        await tour.look("domain", scripts=scripts)
        await tour.main("/setup/domain?name=example.test")
        assert await page.is_checked("#state-arriving")
        await tour.look("policy", scripts=scripts)
        await page.check("#unknown-catch-all")
        await tour.main("/setup/mailbox")
        assert await page.input_value("#address") == "anna", "who sets up is offered the own address"
        await tour.look("mailbox", scripts=scripts)
        await page.click("button.main")
        text = await page.inner_text("#invite-link")
        assert re.fullmatch(rf"https://localhost:{fresh.https}/i/[0-9a-f]{{64}}", text)
        await tour.look("invite", scripts=scripts)
        await sight.goto("/setup/mailbox")
        await tour.look("mailbox made", scripts=scripts)
        await sight.goto("/setup/domain")
        await tour.look("domain made", scripts=scripts)
        await page.click("nav.steps >> text=What is next" if viewport is SCREEN else "nav.steps li:last-child a")
        await page.wait_for_url("**/setup/done")
        await tour.look("done", scripts=scripts)
        await page.click("text=Finish")
        await page.wait_for_selector("text=Set-up is done.")
        assert not tour.found, "\n".join(tour.found)


async def test_the_keyboard_alone_suffices(fresh):
    async with chromium() as browser, looking(browser, fresh) as sight:
        page, keyboard = sight.page, sight.page.keyboard
        await sight.goto(await link(fresh))
        for text in (EMAIL, PASSWORD, PASSWORD):
            await keyboard.type(text)
            await keyboard.press("Tab")
        await keyboard.press("Enter")
        await page.wait_for_url("**/setup/host")
        await keyboard.type("mail.example.test")
        await keyboard.press("Enter")
        await page.wait_for_url("**/setup/checks")
        await page.focus("button.main")
        await page.wait_for_selector("text=Checked just now")
        assert await page.evaluate("document.activeElement.textContent") == "Continue", (
            "what arrives takes no focus away"
        )
        await keyboard.press("Enter")
        await page.wait_for_url("**/setup/domain")
        await keyboard.press("Enter")
        await page.wait_for_url("**name=example.test")
        await page.focus("button.main")
        await keyboard.press("Enter")
        await page.wait_for_url("**/setup/mailbox")
        await keyboard.press("Enter")
        await page.wait_for_selector("#invite-link")


async def test_a_link_that_is_good_no_more_is_a_page_too(fresh):
    async with chromium() as browser, looking(browser, fresh, viewport=PHONE) as sight:
        path = await link(fresh)
        await link(fresh)
        for one, status in ((path, 410), (f"/setup/{'0' * 64}", 404)):
            assert await sight.goto(one) == status
            assert await sight.faults() == []

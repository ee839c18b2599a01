"""Every page as people see it: `python -m tests.screenshots` fills docs/screenshots anew (Debian: chromium, pngquant).

Each page at 1280 and at 390 px, in light and in dark, from `appliance demo` and, for set-up, a fresh server. What is
named on the command line (`python -m tests.screenshots overview me`) is all that is written then.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.chromium import chromium
from tests.process import PASSWORD, ROOT
from tests.web_process import demonstration, served

WIDTHS = {1280: 800, 390: 844}
"""Pixels, and the least height beside them."""
TALLEST = 1400
"""Pixels of a picture; what is below is cut off."""
SCHEMES = ("light", "dark")
COLOURS, OF_CHARTS = 16, 64
"""Of a picture; one with a chart needs more of them to tell its bars apart."""
DOMAIN = "/domains/harbour.example"
DOMAINS = {
    "domains": "/domains",
    "domains-none-found": "/domains?find=zebra",
    "domain-add": "/domains/add",
    "domain": DOMAIN,
    "domain-suspended": "/domains/winter.example",
    "domain-routing": f"{DOMAIN}/routing",
    "domain-addresses": f"{DOMAIN}/addresses",
    "domain-alias-add": f"{DOMAIN}/aliases/add",
    "domain-reject-add": f"{DOMAIN}/rejects/add",
    "domain-mailboxes": f"{DOMAIN}/mailboxes",
    "domain-settings": f"{DOMAIN}/settings",
    "domain-remove": f"{DOMAIN}/remove",
}
MAILBOX = {"": "", "-sign-ins": "/sign-ins", "-settings": "/settings", "-remove": "/remove"}
"""Pages below that of one mailbox."""


class Camera:
    """Takes the four pictures of a page that is open."""

    def __init__(self, directory: Path, wanted: Sequence[str]) -> None:
        self.directory, self.wanted = directory, wanted
        self.taken = 0

    async def shoot(self, page: Page, name: str) -> None:
        """By the names NAME-1280-light.png and so on."""
        if self.wanted and name not in self.wanted:
            return
        for width, least in WIDTHS.items():
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                await page.set_viewport_size({"width": width, "height": least})
                height = await page.evaluate("document.documentElement.scrollHeight")
                await page.set_viewport_size({"width": width, "height": max(least, min(height, TALLEST))})
                path = self.directory / f"{name}-{width}-{scheme}.png"
                path.write_bytes(_smaller(await page.screenshot(), OF_CHARTS if name == "overview" else COLOURS))
                self.taken += 1

    async def shoot_all(self, page: Page, origin: str, pages: dict[str, str]) -> None:
        """Pages by name and path."""
        for name, path in pages.items():
            await page.goto(origin + path)
            await self.shoot(page, name)


def _smaller(png: bytes, colours: int) -> bytes:
    """With a palette: a page has few colours."""
    return subprocess.run(
        ["pngquant", "--speed", "1", "--nofs", str(colours), "-"], input=png, capture_output=True, check=True
    ).stdout


async def sign_in(page: Page, origin: str, name: str, password: str) -> None:
    await page.goto(f"{origin}/sign-in")
    await page.fill("#name", name)
    await page.fill("#password", password)
    await page.click("button.main")
    await page.wait_for_selector("nav.rail")


async def town(browser: Browser, camera: Camera) -> None:
    """What administrators and owners see of a server that is in use."""
    with demonstration() as told:
        origin = told["url"].rstrip("/")
        page = await _window(browser)
        await camera.shoot_all(page, origin, {"sign-in": "/sign-in", "claim-no-such-link": f"/i/{'0' * 64}"})
        await page.goto(told["invite"])
        await camera.shoot(page, "claim")
        await page.fill("#password", "passwordpassword")
        await page.fill("#again", "password")
        await page.click("button.main")
        await page.wait_for_selector(".fault")
        await camera.shoot(page, "claim-refused")
        await _owner(browser, camera, origin, told)
        await sign_in(page, origin, told["administrator"], told["password"])
        await camera.shoot_all(page, origin, {"overview": "/", **DOMAINS})
        await camera.shoot_all(page, origin, {"mailboxes": "/mailboxes", "mailbox-add": "/mailboxes/add"})
        await _mailboxes(page, camera, origin)
        await _records(page, camera, origin)
        await camera.shoot_all(page, origin, {"password-administrator": "/password", "not-found": "/nothing-here"})


async def _owner(browser: Browser, camera: Camera, origin: str, told: dict[str, object]) -> None:
    page = await _window(browser)
    await page.goto(str(told["invite"]))
    await page.fill("#password", PASSWORD)
    await page.fill("#again", PASSWORD)
    await page.click("button.main")
    await page.wait_for_selector("nav.rail")
    await camera.shoot(page, "me-first")
    await page.context.clear_cookies()
    await page.goto(str(told["invite"]))
    await camera.shoot(page, "claim-used")
    await sign_in(page, origin, "maria@harbour.example", str(told["password"]))
    await camera.shoot_all(page, origin, {"me": "/me", "password": "/password"})
    await page.goto(f"{origin}/domains")
    await camera.shoot(page, "not-allowed")
    await page.context.close()


async def _mailboxes(page: Page, camera: Camera, origin: str) -> None:
    await page.goto(f"{origin}/mailboxes?find=maria")
    path = await page.get_attribute("tbody th a", "href") or ""
    await camera.shoot_all(page, origin, {f"mailbox{name}": path + below for name, below in MAILBOX.items()})
    await page.goto(f"{origin}/mailboxes/add")
    await page.fill("#address", "lee@harbour.example")
    await page.click("button.main")
    await page.wait_for_selector("#invite-link, .copy code")
    await camera.shoot(page, "mailbox-invited")
    await page.click("text=Done")
    await page.wait_for_selector("dl.tiles")
    path = page.url.removeprefix(origin)
    await camera.shoot_all(page, origin, {"mailbox-unclaimed": path, "mailbox-invite": f"{path}/invite"})


async def _records(page: Page, camera: Camera, origin: str) -> None:
    # Of those whose letters any machine has the fonts for.
    for fate, name, sender in (("accepted", "record", "bakery"), ("refused", "record-refused", "offers")):
        await page.goto(f"{origin}/?fate={fate}")
        await page.click(f"#latest tbody tr:has-text('{sender}') th a")
        await page.wait_for_selector(".transcript")
        await camera.shoot(page, name)


async def first_steps(browser: Browser, camera: Camera) -> None:
    """Set-up, from the link in the terminal to its last page."""
    with tempfile.TemporaryDirectory() as directory, served(Path(directory)) as (_, printed):
        (link,) = re.findall(r"https://\S+/setup/[0-9a-f]{64}", printed)
        page = await _window(browser)
        await page.goto(link)
        await page.type("#password", PASSWORD)
        await page.wait_for_selector("#password-strength meter")
        await camera.shoot(page, "setup-1-administrator")
        await page.fill("#email", "root@far.test")
        await page.fill("#again", PASSWORD)
        await page.click("button.main")
        await page.wait_for_url("**/setup/host")
        await camera.shoot(page, "setup-2-host")
        await page.fill("#hostname", "mail.example.test")
        await page.click("button.main")
        await page.wait_for_selector("text=Checked just now")
        await camera.shoot(page, "setup-2-checks")
        await page.click("button.main")
        await page.wait_for_url("**/setup/domain")
        await camera.shoot(page, "setup-3-domain")
        await page.click("button.main")
        await page.wait_for_url("**name=example.test")
        await camera.shoot(page, "setup-3-policy")
        await page.click("button.main")
        await page.wait_for_url("**/setup/mailbox")
        await camera.shoot(page, "setup-4-mailbox")
        await page.fill("#address", "anna")
        await page.click("button.main")
        await page.wait_for_selector("#invite-link")
        await camera.shoot(page, "setup-4-invite")
        await page.click("a.main")
        await page.wait_for_url("**/setup/done")
        await camera.shoot(page, "setup-5-done")
        await page.click("button.main")
        await page.wait_for_selector("text=Set-up is done.")
        await camera.shoot(page, "overview-first")


async def _window(browser: Browser) -> Page:
    context = await browser.new_context(ignore_https_errors=True)
    return await context.new_page()


async def main(wanted: Sequence[str]) -> None:
    directory = ROOT / "docs" / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    camera = Camera(directory, wanted)
    async with chromium() as browser:
        await town(browser, camera)
        await first_steps(browser, camera)
    size = sum(path.stat().st_size for path in directory.glob("*.png"))
    print(f"{camera.taken} pictures; {directory} holds {size / 1_000_000:.1f} MB")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

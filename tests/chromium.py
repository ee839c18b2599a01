"""Debian's Chromium on the pages: as people see them, on a screen and on a phone, in light and in dark."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from tests.house import PASSWORD, House
from tests.process import Appliance

CHROMIUM = "/usr/bin/chromium"
SCREEN, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
MAX_PAGE = 100_000
"""Bytes a page may weigh with all it loads."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser; a missing one is an error that names it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


class Sight:
    """One person's window. What a page complains of (CSP, scripts, what was not loaded) is kept in `complaints`."""

    def __init__(self, page: Page, house: House | Appliance) -> None:
        self.page = page
        self.origin = f"https://localhost:{house.https}"
        self.complaints: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))

    async def goto(self, path: str) -> int:
        """Load a page; gives its status."""
        answer = await self.page.goto(self.origin + path)
        assert answer is not None
        return answer.status

    async def sign_in(self, name: str) -> None:
        """By the form, to the page one begins with."""
        await self.goto("/sign-in")
        await self.page.fill("#name", name)
        await self.page.fill("#password", PASSWORD)
        await self.page.click("button:has-text('Sign in')")
        await self.page.wait_for_selector("nav.rail")

    async def faults(self) -> list[str]:
        """What is wrong with the page for people who cannot see it well, and where it is wider than the window."""
        result = await Axe().run(self.page)
        found = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in result.response["violations"]]
        if await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append("wider than the window")
        return found

    async def weight(self) -> int:
        """Bytes of the page and of all that it loaded, as they were sent."""
        script = """performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
                    .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
        weight: int = await self.page.evaluate(script)
        return weight

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


@asynccontextmanager
async def looking(browser: Browser, house: House | Appliance, **options: Any) -> AsyncIterator[Sight]:
    """A window with cookies of its own; options are Playwright's, such as `viewport=PHONE`, `color_scheme="dark"`."""
    context = await browser.new_context(ignore_https_errors=True, **options)
    try:
        yield Sight(await context.new_page(), house)
    finally:
        await context.close()

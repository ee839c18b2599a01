"""A domain and a mailbox made in real Chromium, by the keyboard alone, with JavaScript and without."""

import pytest

from appliance.identity.invite import claim
from tests.chromium import PHONE, SCREEN, Sight, chromium, looking
from tests.house import PASSWORD, House
from tests.web_house import ADMINISTRATOR, people

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

WINDOWS = [
    {"viewport": SCREEN, "color_scheme": "light"},
    {"viewport": PHONE, "color_scheme": "dark", "java_script_enabled": False},
]


@pytest.fixture
async def town(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A server that others can reach, so that a link is a code, too."""
    await people(house)
    monkeypatch.setattr(type(house.appliance.web_house), "url", lambda self, path: f"https://mail.test{path}")
    return house


async def reach(sight: Sight, words: str) -> None:
    """Press Tab until what has those words (or that label) has the focus; it must be seen to have it."""
    focused = """() => { const one = document.activeElement;
                 return one.matches('main a, main button') ? one.textContent : one.labels?.[0]?.textContent ?? ''; }"""
    for _ in range(80):
        if words in await sight.page.evaluate(focused):
            assert await sight.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
        await sight.page.keyboard.press("Tab")
    raise AssertionError(f"no way to {words!r}")


async def say(sight: Sight, words: str, text: str) -> None:
    """Type into a field that is reached by Tab."""
    await reach(sight, words)
    await sight.page.keyboard.press("Control+a")
    await sight.page.keyboard.type(text)


async def press(sight: Sight, words: str) -> None:
    """Follow a link or press a button that is reached by Tab."""
    await reach(sight, words)
    await sight.page.keyboard.press("Enter")


@pytest.mark.parametrize("window", WINDOWS, ids=["screen", "phone without JavaScript"])
async def test_a_domain_and_a_mailbox_by_the_keyboard_alone(town: House, window: dict[str, object]) -> None:
    scripts = bool(window.get("java_script_enabled", True))
    async with chromium() as browser, looking(browser, town, **window) as sight:
        page = sight.page
        await sight.sign_in(ADMINISTRATOR)
        await sight.goto("/domains")
        await press(sight, "Add domain")
        await page.wait_for_url("**/domains/add")
        await page.keyboard.type("one.test")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=One.test is a domain already.")
        assert await page.input_value("#name") == "one.test"
        await say(sight, "Domain", "two.test")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=two.test is added.")
        await press(sight, "Add mailbox")
        await page.wait_for_url("**/mailboxes/add?domain=two.test")
        await page.keyboard.type("bob")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=Hand this link to the owner")
        link = await page.inner_text("#invite-link")
        assert await page.locator(".code svg").bounding_box() is not None
        if scripts:
            assert await sight.faults() == []
        await press(sight, "Done")
        await page.wait_for_selector("text=Waiting: its owner is invited")
        assert link not in await page.content()
        await claim(town.store, town.appliance.passwords, link.rpartition("/")[2], PASSWORD, "test")
        await press(sight, "Settings")
        await page.wait_for_url("**/settings")
        await press(sight, "Remove this mailbox")
        await page.wait_for_url("**/remove")
        await page.keyboard.type("bob@two.test")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=bob@two.test and its mail are removed.")
        assert sight.complaints == [one for one in sight.complaints if "422" in one]

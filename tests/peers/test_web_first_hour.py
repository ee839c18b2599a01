"""The first hour in real Chromium: from an empty directory to the first mail read, by somebody who knows nothing but
what the screens say. With the mouse, with the keyboard alone, with JavaScript off, on a phone."""

import asyncio
import imaplib
import re
import smtplib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

import pytest

from tests.chromium import PHONE, SCREEN, Sight, chromium, looking
from tests.process import Appliance
from tests.web_house import trusting
from tests.web_process import served

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

EMAIL, HOSTNAME, DOMAIN, MAILBOX = "root@far.test", "mail.example.test", "example.test", "anna@example.test"
PASSWORD, OWN_PASSWORD = "seven quiet lamps at dawn", "velvet anchor thirty rivers"
SUBJECT = "The first mail"
KEYSTROKE, POINTING, THINKING, WORD = 0.28, 1.6, 1.35, 60 / 238
"""Seconds of a person: to hit a key, to point and click, to make up one's mind before each act (the keystroke-level
model of Card, Moran and Newell), and to read a word (238 a minute: Brysbaert's mean)."""
GOAL = 5 * 60
"""Seconds from the link to the first mail read."""

TEXT = """() => {
    document.querySelectorAll('main .sr').forEach((one) => { one.hidden = true; });
    const text = document.querySelector('main').innerText;
    document.querySelectorAll('main .sr').forEach((one) => { one.hidden = false; });
    return text;
}"""
"""What eyes see of a page."""


class Person:
    """Somebody before a screen, who presses what can be seen there; everything they do is counted."""

    def __init__(self, sight: Sight) -> None:
        self.sight, self.page = sight, sight.page
        self.pages = self.acts = self.keys = self.words = 0
        self.read: set[str] = set()
        self.faults: list[str] = []

    async def see(self, text: str) -> None:
        """A page that says this has come: it is read."""
        await self.page.get_by_text(text).first.wait_for()
        self.pages += 1
        lines = {one.strip() for one in (await self.page.evaluate(TEXT)).splitlines()}
        self.words += sum(len(one.split()) for one in lines - self.read)
        self.read |= lines
        self.faults += [f"{text}: {one}" for one in self.sight.complaints]
        if await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            self.faults.append(f"{text}: wider than the window")
        self.sight.complaints.clear()

    async def write(self, label: str, text: str) -> None:
        """Into the field of that name, in place of what is there."""
        self.acts += 1
        await self.go_to(self.page.get_by_label(label, exact=True))
        await self.page.keyboard.press("ControlOrMeta+A")
        await self.page.keyboard.type(text)
        self.keys += len(text)

    async def press(self, words: str) -> None:
        """The button or link of that name."""
        self.acts += 1
        button = self.page.get_by_role("button", name=words, exact=True)
        await self.strike(button.or_(self.page.get_by_role("link", name=words, exact=True)))

    async def choose(self, label: str) -> None:
        """One of a few."""
        self.acts += 1
        await self.page.get_by_label(label).check()

    async def go_to(self, what) -> None:
        await what.click()

    async def strike(self, what) -> None:
        await what.click()

    def seconds(self) -> float:
        """About what it takes who reads every word, each line once."""
        return self.keys * KEYSTROKE + self.acts * (POINTING + THINKING) + self.words * WORD


class Typist(Person):
    """Somebody without a mouse: Tab to what is wanted, which must then be seen to have the focus, and Enter."""

    async def go_to(self, what) -> None:
        for _ in range(40):
            if await what.evaluate("one => one === document.activeElement"):
                self.faults += [f"{what}: {one}" for one in await self._unseen()]
                return
            await self.page.keyboard.press("Tab")
            self.keys += 1
        raise AssertionError(f"Tab does not lead to {what}")

    async def strike(self, what) -> None:
        await self.go_to(what)
        await self.page.keyboard.press("Enter")
        self.keys += 1

    async def choose(self, label: str) -> None:
        self.acts += 1
        wanted = self.page.get_by_label(label)
        name = await wanted.get_attribute("name")
        await self.go_to(self.page.locator(f"input[name={name}]:checked"))
        while not await wanted.is_checked():
            await self.page.keyboard.press("ArrowUp")
            self.keys += 1

    async def _unseen(self) -> list[str]:
        """What hides the focus."""
        script = """() => {
            const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
            const faults = [];
            if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) faults.push('no ring of focus');
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            if (!top || !(one === top || one.contains(top))) faults.push('the focus is out of sight');
            return faults;
        }"""
        found: list[str] = await self.page.evaluate(script)
        return found


@asynccontextmanager
async def person(browser, appliance: Appliance, kind: type[Person], options) -> AsyncIterator[Person]:
    async with looking(browser, appliance, **options) as sight:
        elsewhere = []
        sight.page.on("request", lambda request: elsewhere.append(request.url))
        yield kind(sight)
        assert {url for url in elsewhere if not url.startswith(f"{sight.origin}/")} == set(), "only from this server"


async def set_up(who: Person, printed: str) -> str:
    """From what the terminal says to the link of an invite."""
    (link,) = re.findall(r"https://\S+/setup/[0-9a-f]{64}", printed)
    await who.page.goto(link)
    await who.see("Welcome to your mail server")
    await who.write("Your e-mail address", EMAIL)
    await who.write("Password", PASSWORD)
    await who.write("The same password again", PASSWORD)
    await who.press("Continue")
    await who.see("What is this server called?")
    await who.write("Host name", HOSTNAME)
    await who.press("Use this name and check it")
    await who.page.get_by_text("Checked just now").first.wait_for()
    await who.see("How does it look from here?")
    await who.press("Continue")
    await who.see("Which domain gets its mail here?")
    assert await who.page.input_value("#name") == DOMAIN, "the name that suggests itself is offered"
    await who.press("Continue")
    await who.see(f"Mail for {DOMAIN}")
    # The DNS says that its mail arrives elsewhere; this person begins afresh.
    await who.choose("Here, or nowhere yet")
    await who.press(f"Add {DOMAIN}")
    await who.see("Who gets the first mailbox?")
    await who.write("Address", "anna")
    await who.press("Make the mailbox")
    await who.see(f"{MAILBOX} is ready for its owner")
    return await who.page.inner_text("#invite-link")


async def claim(owner: Person, link: str) -> dict[str, str]:
    """By the link of the invite; gives what the screen tells a mail program."""
    await owner.page.goto(link)
    await owner.see(f"Your mailbox {MAILBOX}")
    await owner.write("Password", OWN_PASSWORD)
    await owner.write("The same password again", OWN_PASSWORD)
    await owner.press("Claim my mailbox")
    await owner.see("The mailbox is yours.")
    told = {key: await owner.page.inner_text(f"#{key}") for key in ("in-server", "in-port", "out-server", "out-port")}
    return told | {"user": await owner.page.inner_text("#in-user")}


def send_and_read(told: dict[str, str]) -> str:
    """What a mail program does that was told so: a mail to oneself by TLS on the way out, and read on the way in."""
    mail = EmailMessage()
    mail["From"] = mail["To"] = told["user"]
    mail["Subject"] = SUBJECT
    mail.set_content("It works.")
    with smtplib.SMTP_SSL(told["out-server"], int(told["out-port"]), context=trusting(), timeout=20) as smtp:
        smtp.login(told["user"], OWN_PASSWORD)
        smtp.send_message(mail)
    with imaplib.IMAP4_SSL(told["in-server"], int(told["in-port"]), ssl_context=trusting(), timeout=20) as imap:
        imap.login(told["user"], OWN_PASSWORD)
        assert imap.select("INBOX") == ("OK", [b"1"])
        _, ((_, text), *_) = imap.fetch("1", "(BODY[])")
    return text.decode()


HANDS = {
    "mouse": (Person, {"viewport": SCREEN}),
    "keyboard": (Typist, {"viewport": SCREEN, "color_scheme": "dark"}),
    "no JavaScript": (Person, {"viewport": SCREEN, "java_script_enabled": False}),
    "phone": (Person, {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True}),
    "phone, no JavaScript": (Person, {"viewport": PHONE, "java_script_enabled": False}),
}


@pytest.mark.parametrize("hand", HANDS)
async def test_from_an_empty_directory_to_the_first_mail_read(tmp_path, hand):
    kind, options = HANDS[hand]
    with served(tmp_path) as (appliance, printed):
        async with (
            chromium() as browser,
            person(browser, appliance, kind, options) as who,
            person(browser, appliance, kind, options) as owner,
        ):
            began = time.monotonic()
            link = await set_up(who, printed)
            told = await claim(owner, link)
            assert told["out-port"] == str(appliance.submissions)
            assert told["in-port"] == str(appliance.imaps)
            text = await asyncio.to_thread(send_and_read, told)
            took = time.monotonic() - began
            assert f"Subject: {SUBJECT}" in text
            assert "It works." in text
            read = [sum(getattr(one, what) for one in (who, owner)) for what in ("pages", "acts", "keys", "words")]
            needed = who.seconds() + owner.seconds()
            print(
                f"\n{hand}: {read[0]} pages, {read[1]} fields and buttons, {read[2]} keys, {read[3]} words to read; "
                f"here in {took:.1f} s, by a person in about {needed:.0f} s"
            )
            assert needed < GOAL
            await end(who, owner)
            assert who.faults + owner.faults == []


async def end(who: Person, owner: Person) -> None:
    """What both see afterwards."""
    await who.press("Continue")
    await who.see("Your mail server is ready")
    assert f"The owner of {MAILBOX} has the password." in await who.page.inner_text("main")
    await who.press("Finish")
    await who.see("Set-up is done.")
    row = who.page.locator("#latest tbody tr").first
    assert f"{MAILBOX}" in await row.inner_text()
    assert "accepted" in (await row.inner_text()).lower()
    await owner.page.reload()
    await owner.see("Last sign-ins")
    tiles = await owner.page.inner_text("dl.tiles")
    assert re.search(r"Messages\s+1\b", tiles), tiles
    assert re.search(r"Unread\s+0\b", tiles), tiles

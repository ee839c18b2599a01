"""About a hundred messages as people write them: plain and HTML, with attachments, in threads, in several languages.

Nothing in them is left to chance, so that two demonstrations are alike.
"""

import base64
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

import msgspec

from appliance.demo.town import ALIAS, GONE, SPAMMER, STRANGERS, Stranger, addresses

MANY = 100
"""Letters from strangers; some lead to answers, which the people here send themselves."""
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GAZETTE = 4
"""Which of STRANGERS sends news."""
ANSWERED = 9
"""Every n-th letter gets an answer, and that one another: a thread."""

TALK = (
    (
        0,
        "Order 4711: two crates of rye bread",
        "Hello,\n\nthe two crates go out on Friday morning. Is the side door fine?\n\nBest\nLena",
    ),
    (
        1,
        "Lieferung am Freitag",
        "Guten Tag,\n\ndie Lieferung kommt am Freitag zwischen 8 und 10 Uhr. Passt das für Sie?\n\nViele Grüße",
    ),
    (
        5,
        "Réunion de jeudi",
        "Bonjour à tous,\n\nla réunion est déplacée à jeudi, 14 h, salle « Phare ».\n\nÀ bientôt\nAmélie",
    ),
    (3, "来週の予定について", "こんにちは。\n\n来週の水曜日に港へ行きます。会えますか。\n\n春樹"),
    (1, "Tide tables for next week", "Attached as always. High water on Tuesday is at 06:12, mind the quay.\n"),
    (
        1,
        "Invoice 2231",
        "Dear customer,\n\nyour invoice is attached. It is payable within 14 days.\n\nNorthern Shipping",
    ),
    (2, "Лекция в среду", "Здравствуйте!\n\nЛекция начнётся в среду в 18:00. Вход свободный.\n"),
    (5, "Cena el sábado", "¡Hola!\n\n¿Venís el sábado? Hay pescado fresco y sitio para todos.\n\nUn abrazo"),
    (0, "Lost keys", "Somebody left keys with a red float at the pier. They hang in the office now.\n"),
    (3, "Photos from the regatta", "Here is the first one. The others follow as soon as the boat is dry.\n"),
    (2, "Draft of the paper", "Section 3 is new; the figures are where you wanted them. Comments until Monday?\n"),
    (2, "مرحبا من الميناء", "مرحباً،\n\nالسفينة تصل غداً صباحاً.\n\nمع التحية"),
)
"""Whose (of STRANGERS), subject, text."""
NEWS = (
    "<html><body><h1>The Gazette</h1>"
    '<p>Today: <a href="https://gazette.example/">harbour fees</a> stay as they are.</p>'
    "<ul><li>Weather: <b>fog</b> until noon</li><li>Ferry: every hour</li></ul></body></html>"
)


class Letter(msgspec.Struct, frozen=True):
    """One message, ready for SMTP."""

    stranger: Stranger | None
    """Whose server brings it; None: somebody here sends it with a mail program."""
    mail_from: str
    recipients: tuple[str, ...]
    data: bytes
    hours_ago: float


def letters(now: float) -> Iterator[Letter]:
    """All of them, the oldest first; `now` is Unix time in seconds."""
    people = addresses()
    for number in range(MANY):
        stranger = STRANGERS[GAZETTE if number % 13 == 2 else TALK[number % len(TALK)][0]]
        # More of it by day than by night, and all of it within the hours that the overview shows.
        hours_ago = 23.2 * (1 - number / MANY) ** 1.25 + 0.05
        person = people[(number * 7 + number // len(people)) % len(people)]
        yield from _letter(stranger, person, number, hours_ago, now)


def _letter(stranger: Stranger, person: str, number: int, hours_ago: float, now: float) -> Iterator[Letter]:
    at = now - hours_ago * 3600
    first = _message(stranger, person, number, at)
    to = (
        person,
        *([ALIAS] if number % 17 == 5 else []),
        *(["somebody@lighthouse.example"] if number % 23 == 7 else []),
    )
    yield Letter(stranger, stranger.sender, to, first.as_bytes(), hours_ago)
    if number % ANSWERED == 0 and not person.endswith("winter.example"):
        other = next(one for one in addresses() if one != person)
        answer = _answer(first, person, other, number, at + 300)
        yield Letter(None, person, (other,), answer.as_bytes(), hours_ago - 0.01)
        thanks = _answer(answer, other, person, number + 1, at + 600)
        yield Letter(None, other, (person,), thanks.as_bytes(), hours_ago - 0.02)
    refused = REFUSED.get(number % 20)
    if refused is not None:
        bad = _message(SPAMMER, refused, number + 5000, at)
        yield Letter(SPAMMER, SPAMMER.sender, (refused,), bad.as_bytes(), hours_ago - 0.03)


REFUSED = {4: GONE, 9: "nobody@harbour.example", 13: "friend@elsewhere.example", 18: "ida@winter.example"}
"""To whom a letter goes that is not taken, and at which numbers: refused, unknown, not ours, taken for now."""


def _message(stranger: Stranger, person: str, number: int, at: float) -> EmailMessage:
    _, subject, text = TALK[number % len(TALK)]
    made = EmailMessage()
    made["From"] = Address(stranger.name, addr_spec=stranger.sender)
    made["To"] = person
    made["Subject"] = subject
    made["Date"] = formatdate(at)
    made["Message-ID"] = f"<{number}.demo@{stranger.helo}>"
    made.set_content(text)
    if stranger is STRANGERS[GAZETTE]:
        made.replace_header("Subject", f"The Gazette, number {1200 + number}")
        made["List-Unsubscribe"] = "<mailto:leave@gazette.example>"
        made.add_alternative(NEWS, subtype="html")
    elif "Invoice" in subject:
        made.add_attachment(
            b"%PDF-1.4\n% a demonstration\n" + b"0" * 24_000, "application", "pdf", filename="invoice-2231.pdf"
        )
    elif "Photos" in subject:
        made.add_attachment(PIXEL + bytes(60_000), "image", "png", filename="regatta-1.png")
    elif "Tide" in subject:
        made.add_attachment("day,high water\nTue,06:12\nWed,06:58\n", subtype="csv", filename="Gezeiten März.csv")
    return made


def _answer(to: EmailMessage, author: str, reader: str, number: int, at: float) -> EmailMessage:
    subject = str(to["Subject"])
    made = EmailMessage()
    made["From"], made["To"] = author, reader
    made["Subject"] = subject if subject.startswith("Re: ") else f"Re: {subject}"
    made["Date"] = formatdate(at)
    made["Message-ID"] = f"<{number}.answer.{int(at)}@{author.partition('@')[2]}>"
    made["In-Reply-To"] = str(to["Message-ID"])
    made["References"] = f"{to['References'] or ''} {to['Message-ID']}".strip()
    made.set_content("Thank you, that is fine with me.\n\n> " + subject + "\n")
    return made

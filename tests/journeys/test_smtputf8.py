"""Mail with addresses and a header in UTF-8 (RFC 6531, RFC 6532) comes in, and clients of IMAP see it in ASCII
(RFC 6857), every number and octet in agreement."""

import asyncio
import imaplib
import re
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import TypeVar

import pytest

from appliance.mail.encoded_words import decode_words
from appliance.store import directory_acts
from appliance.store.messages import Need
from tests.house import PASSWORD, House
from tests.process import Appliance

T = TypeVar("T")
PETER = "пётр@пример.рф"
MARY = "мария@пример.рф"
HOME = "xn--e1afmkfd.xn--p1ai"
HEADER = (
    "From: Пётр Иванов <пётр@пример.рф>\r\nTo: мария@пример.рф, Иван <ivan@пример.рф>\r\nSubject: Отчёт за квартал\r\n"
    "Message-ID: <отчёт@пример.рф>\r\nX-Plain:  kept \r\n\tas it is\r\n"
)
MIXED = (
    HEADER + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nПривет\r\n"
    "--b\r\nContent-Type: application/pdf; name=отчёт.pdf\r\n\r\nx\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Внутри\r\nFrom: <ü@x.example>\r\n\r\ny\r\n--b--\r\n"
)
SINGLE = HEADER + "Content-Type: text/plain; charset=utf-8; name=отчёт.txt\r\n\r\n" + "Привет, мир!\r\n" * 3
BIG = HEADER + "\r\n" + "Привет, мир!\r\n" * 40_000
NO_END = HEADER + "no field, and so the body\r\n"


@pytest.fixture
async def town(house: House) -> House:
    await house.add_domain("пример.рф")
    for address in (PETER, MARY, "ivan@пример.рф"):
        await house.add_mailbox(address)
    return house


async def run(act: Callable[[], T]) -> T:
    return await asyncio.to_thread(act)


def receive(house: House, message: str, *, utf8: bool = True) -> None:
    """The message over the MX, to Mary."""
    with smtplib.SMTP("127.0.0.1", house.mx, "sender.test", timeout=20) as client:
        sender, options = ("jörg@elsewhere.test", ["SMTPUTF8", "BODY=8BITMIME"]) if utf8 else ("j@elsewhere.test", [])
        to = MARY if utf8 else f"ivan@{HOME}"
        assert client.sendmail(sender, [to], message.encode(), mail_options=options) == {}


def opened(house: House, user: str = MARY) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", house.imap, timeout=20)
    client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
    assert client.select("INBOX")[0] == "OK"
    return client


def octets(client: imaplib.IMAP4, item: str, number: str = "1") -> bytes:
    """The literal or string of one item."""
    found = client.fetch(number, f"({item})")[1][0]
    assert isinstance(found, tuple)
    return found[1]


def told(client: imaplib.IMAP4, item: str, number: str = "1") -> bytes:
    """An answer without literals."""
    found = client.fetch(number, f"({item})")[1][0]
    assert isinstance(found, bytes), found
    return found


async def stored(house: House, user: str = MARY) -> bytes:
    account = house.store.directory.account(user.replace("пример.рф", HOME))
    assert account is not None
    mailbox = house.store.mailboxes.get(account.id, "INBOX")
    assert mailbox is not None
    (row,) = house.store.messages.rows(mailbox.id, [1], Need())
    return await house.store.blobs.body(row.blob)


@pytest.mark.parametrize("message", [MIXED, SINGLE, BIG, NO_END], ids=["mixed", "single", "big", "no-end"])
async def test_a_client_sees_ascii_and_all_numbers_agree(town: House, message: str) -> None:
    def act() -> None:
        receive(town, message)
        client = opened(town)
        whole = octets(client, "BODY.PEEK[]")
        header, text = octets(client, "BODY.PEEK[HEADER]"), octets(client, "BODY.PEEK[TEXT]")
        assert header.isascii()
        assert header.endswith(b"\r\n\r\n")
        assert all(line.strip() and len(line) <= 998 for line in header[:-4].split(b"\r\n"))
        assert header + text == whole
        assert text == message.encode()[len(message.encode()) - len(text) :]
        size = re.search(rb"RFC822.SIZE (\d+)", told(client, "RFC822.SIZE"))
        assert size is not None
        assert int(size[1]) == len(whole)
        assert whole == octets(client, "RFC822") == octets(client, "BODY[]")
        for item in ("ENVELOPE", "BODYSTRUCTURE", "BODY"):
            assert told(client, item).isascii()
        edges = {0, 1, 100, len(header) - 1, len(header), len(header) + 1, len(whole) - 1, len(whole), len(whole) + 9}
        for start in sorted(edges):
            for length in (1, 50, len(header)):
                assert octets(client, f"BODY.PEEK[]<{start}.{length}>") == whole[start : start + length]
        assert octets(client, "BODY.PEEK[HEADER]<10.30>") == header[10:40]
        fields = octets(client, "BODY.PEEK[HEADER.FIELDS (SUBJECT X-PLAIN RETURN-PATH MESSAGE-ID)]")
        assert fields == (
            b"Subject: =?utf-8?B?0J7RgtGH0ZHRgiDQt9CwINC60LLQsNGA0YLQsNC7?=\r\nX-Plain:  kept \r\n\tas it is\r\n\r\n"
        )
        others = octets(client, "BODY.PEEK[HEADER.FIELDS.NOT (X-PLAIN)]")
        assert others == header.replace(b"X-Plain:  kept \r\n\tas it is\r\n", b"")
        assert others == octets(client, "BODY.PEEK[HEADER.FIELDS.NOT (X-PLAIN)]")  # out of the cache now
        if message is SINGLE:
            assert octets(client, "BODY.PEEK[1.MIME]") == header
            assert octets(client, "BODY.PEEK[1]") == text
        client.logout()

    await run(act)
    assert (await stored(town)).endswith(message.encode())
    assert await town.store.check.check(bodies=True) == ()


async def test_the_forms(town: House) -> None:
    def act() -> tuple[bytes, bytes]:
        receive(town, MIXED)
        client = opened(town)
        return octets(client, "BODY.PEEK[HEADER]"), told(client, "ENVELOPE")

    header, envelope = await run(act)
    parsed = BytesParser(policy=policy.default).parsebytes(header)
    assert parsed["Subject"] == "Отчёт за квартал"
    assert decode_words(parsed["Downgraded-Return-Path"].encode()) == "<jörg@elsewhere.test>"
    assert decode_words(parsed["Downgraded-Delivered-To"].strip().encode()) == f"мария@{HOME}"
    assert decode_words(parsed["Downgraded-Message-ID"].encode()) == "<отчёт@пример.рф>"
    assert "with UTF8SMTP\tid" in parsed["Received"]
    assert " for " not in parsed["Received"]
    assert parsed["From"].groups[0].display_name.split() == ["Пётр", "Иванов", PETER]
    assert parsed["From"].addresses == ()
    assert [address.addr_spec for address in parsed["To"].addresses] == [f"ivan@{HOME}"]
    assert b'((NIL NIL "=?utf-8?B?0J/RkdGC0YAg0JjQstCw0L3QvtCy?= =?utf-8?B?INC' in envelope


async def test_search_finds_what_it_says(town: House) -> None:
    def act() -> list[list[bytes]]:
        receive(town, MIXED)
        client = opened(town)
        found = []
        for key, word in [
            ("SUBJECT", "ОТЧЁТ"), ("FROM", "пётр@"), ("FROM", "иванов"), ("TO", "мария@пример"), ("TEXT", "квартал"),
            ("BODY", "привет"), ("BODY", "внутри"), ("HEADER X-Plain", "kept"),
            ("TEXT", "ОТЧЁТ.PDF"), ("SUBJECT", "utf-8"),
        ]:  # fmt: skip
            vars(client)["literal"] = word.encode()
            found.append(client.search("UTF-8", key)[1])
        return found

    assert await run(act) == [[b"1"]] * 9 + [[b""]]


async def test_copies_stay_the_same(town: House) -> None:
    def act() -> None:
        receive(town, MIXED)
        client = opened(town)
        whole = octets(client, "BODY.PEEK[]")
        size = told(client, "RFC822.SIZE")
        client.copy("1", "Archive")
        client.uid("MOVE", "1", "Junk")
        for folder in ("Archive", "Junk"):
            client.select(folder)
            assert octets(client, "BODY.PEEK[]") == whole
            assert told(client, "RFC822.SIZE") == size

    await run(act)
    assert await town.store.check.check(bodies=True) == ()


@pytest.mark.parametrize("message", [MIXED, BIG], ids=["small", "big"])
async def test_what_a_client_put_there_comes_back(town: House, message: str) -> None:
    """Without UTF8=ACCEPT nothing is to be refused (RFC 6855 §4); a client gets its own octets."""

    def act() -> None:
        client = opened(town)
        client.append("INBOX", "", "", message.encode())
        client.noop()
        assert octets(client, "BODY.PEEK[]") == message.encode()
        assert octets(client, "BODY.PEEK[HEADER]") + octets(client, "BODY.PEEK[TEXT]") == message.encode()
        assert b"RFC822.SIZE %d)" % len(message.encode()) in told(client, "RFC822.SIZE")
        assert told(client, "ENVELOPE").isascii()
        assert told(client, "BODYSTRUCTURE").isascii()

    await run(act)
    assert await town.store.check.check(bodies=True) == ()


async def test_octets_that_nobody_declared_stay(town: House) -> None:
    """A header with 8-bit octets, as sloppy senders have it, is left as it is; what we tell of it is ASCII."""

    def act() -> bytes:
        receive(town, MIXED, utf8=False)
        client = opened(town, f"ivan@{HOME}")
        assert told(client, "ENVELOPE").isascii()
        assert told(client, "BODYSTRUCTURE").isascii()
        return octets(client, "BODY.PEEK[]")

    assert (await run(act)).endswith(MIXED.encode())


async def test_the_very_same_body_from_a_client(town: House) -> None:
    """It shares what is stored, so it is served alike, and the sizes say so."""

    def receive_it() -> bytes:
        receive(town, MIXED)
        return octets(opened(town), "BODY.PEEK[]")

    served = await run(receive_it)
    body = await stored(town)

    def append_it() -> None:
        client = opened(town)
        client.append("INBOX", "", "", body)
        client.noop()
        again = octets(client, "BODY.PEEK[]", "2")
        assert served.endswith(again)
        assert again == octets(client, "BODY.PEEK[HEADER]", "2") + octets(client, "BODY.PEEK[TEXT]", "2")
        assert b"RFC822.SIZE %d)" % len(again) in told(client, "RFC822.SIZE", "2")

    await run(append_it)
    assert await town.store.check.check(bodies=True) == ()


def signed_in(house: House, user: str) -> smtplib.SMTP:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = smtplib.SMTP("127.0.0.1", house.submission, "laptop.test", timeout=20)
    client.starttls(context=context)
    client.ehlo()
    claim = b64encode(f"\0{user}\0{PASSWORD}".encode()).decode("ascii")  # smtplib's own login is ASCII alone
    assert client.docmd(f"AUTH PLAIN {claim}")[0] == 235
    return client


async def test_submitted_by_a_mail_program(town: House) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = f"Пётр <{PETER}>", MARY, "Привет"
    message.set_content("Как дела?\n")

    def act() -> bytes:
        with signed_in(town, PETER) as client:
            assert client.has_extn("smtputf8")
            assert client.send_message(message) == {}
        return octets(opened(town), "BODY.PEEK[HEADER]")

    header = await run(act)
    parsed = BytesParser(policy=policy.default).parsebytes(header)
    assert "by mail.test with UTF8SMTPSA" in parsed["Received"]
    assert parsed["Subject"] == "Привет"
    assert parsed["From"].groups[0].display_name.split() == ["Пётр", PETER]
    raw = await stored(town)
    assert f"\tfor <мария@{HOME}>;".encode() in raw
    assert f"From: Пётр <{PETER}>\r\n".encode() in raw


async def test_what_a_client_fetched_and_sent_back_is_a_loop(town: House) -> None:
    def act() -> None:
        receive(town, MIXED)
        fetched = octets(opened(town), "BODY.PEEK[]")
        with pytest.raises(smtplib.SMTPDataError) as refused:
            receive(town, fetched.decode())
        assert refused.value.smtp_error == b"5.4.6 Routing loop"

    await run(act)


async def test_senders(town: House) -> None:
    account = town.store.directory.account(f"пётр@{HOME}")
    assert account is not None
    home = town.store.directory.resolve(HOME)
    assert home is not None
    await town.store.engine.write(lambda tx: directory_acts.add_alias(tx, home.id, "отдел", [account.id]))

    def act() -> list[str]:
        said = []
        with signed_in(town, "ПЁТР@пример.рф") as client:
            for sender in (PETER, "ПЁТР@пример.рф", "пётр+тег@пример.рф", "отдел@пример.рф", MARY):
                client.rset()
                code, text = client.mail(sender, ["SMTPUTF8"])
                said.append(f"{code} {text.decode()}")
        return said

    found = await run(act)
    assert found == [
        *["250 2.1.0 Sender OK"] * 4,
        rf"550 5.7.1 <\x{{43C}}\x{{430}}\x{{440}}\x{{438}}\x{{44F}}@{HOME}>: sender address not owned by account",
    ]


async def test_a_header_beyond_ascii_without_the_parameter(town: House) -> None:
    """Mail programs that know nothing of SMTPUTF8 send such headers all the same."""
    message = f"From: Иван <ivan@{HOME}>\r\nTo: ivan@{HOME}\r\nSubject: Привет\r\n\r\nx\r\n"

    def act() -> bytes:
        with signed_in(town, f"ivan@{HOME}") as client:
            assert client.sendmail(f"ivan@{HOME}", [f"ivan@{HOME}"], message.encode()) == {}
        return octets(opened(town, f"ivan@{HOME}"), "BODY.PEEK[]")

    assert (await run(act)).endswith(message.encode())


def test_the_command_line_takes_what_people_write(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    appliance.cli("domain", "add", "Bücher.example")
    assert appliance.cli("domain", "show", "bücher.EXAMPLE")["domain"] == "xn--bcher-kva.example"
    made = appliance.cli("mailbox", "add", "JÖRG@bücher.example")
    assert made["address"] == "jörg@xn--bcher-kva.example"
    decomposed = "jo\u0308rg@bücher.example"
    assert appliance.cli("mailbox", "show", decomposed)["address"] == "jörg@xn--bcher-kva.example"
    appliance.cli("alias", "add", "отдел@bücher.example", "Jörg@xn--bcher-kva.example")
    (alias,) = appliance.cli("alias", "list")
    assert (alias["address"], alias["targets"]) == ("отдел@xn--bcher-kva.example", ["jörg@xn--bcher-kva.example"])

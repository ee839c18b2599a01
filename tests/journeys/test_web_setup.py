"""Set-up in a browser, from the one-time link to the first mailbox; JavaScript is nowhere needed."""

import asyncio
import imaplib
import re
import smtplib
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from structlog.testing import capture_logs

from admin.pace import AT_ONCE
from appliance import provision
from appliance.identity.invite import claim
from appliance.identity.operators import make_operator
from appliance.identity.setup_token import LIFETIME_US, open_setup
from appliance.provision.hostname import choose_hostname
from tests.dns_server import DnsServer
from tests.house import PASSWORD, House
from tests.store_house import START
from tests.web_house import Browser, browser, csrf_token, trusting, visiting

EMAIL = "root@admin.test"
FIRST = {"email": EMAIL, "password": PASSWORD, "again": PASSWORD}
NAME = "mail.one.test"
ZONE = """
    mail.one.test              A    127.0.0.1
    mail.one.test              A    198.51.100.7
    7.100.51.198.in-addr.arpa  PTR  mail.one.test.
    one.test                   MX   10 mail.one.test.
    two.test                   MX   10 mx.old.test.
    alias.test                 MX   10 mx.alias.test.
    mx.alias.test              A    198.51.100.7
    slow.test                  !TIMEOUT
    null.test                  MX   0 .
    broken.test                !SERVFAIL
    probe.test                 MX   10 mx.probe.test.
    mx.probe.test              A    127.0.0.1
"""


class Clock:
    """A clock that is moved."""

    time = START

    def __call__(self) -> int:
        return self.time


def bare(directory: Path, *, server: dict[str, object] | None = None, **changes: Any) -> House:
    """A server to which nobody has given a name."""
    return House(directory, server={"hostname": "", "addresses": ("198.51.100.7",)} | (server or {}), **changes)


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[House]:
    async with bare(tmp_path) as house:
        yield house


async def link(house: House) -> str:
    """The path of a new link."""
    return f"/setup/{(await open_setup(house.store, 'cli:0', 'cli')).token}"


def guest(house: House) -> AbstractAsyncContextManager[Browser]:
    """A browser on this machine."""
    return visiting(house, host="localhost")


async def begin(house: House, visitor: Browser) -> None:
    """The first step, by a new link."""
    answer = await visitor.submit(await link(house), FIRST)
    assert (answer.status_code, answer.headers["location"]) == (303, "/setup"), answer.text


async def where(visitor: Browser) -> str:
    """The step at which set-up is resumed."""
    return str((await visitor.get("/setup")).headers["location"])


def first_mail(house: House) -> bytes:
    """The first message in the mailbox, as its owner's mail program reads it."""
    with imaplib.IMAP4_SSL("127.0.0.1", house.imaps, ssl_context=trusting()) as client:
        client.login("ann@one.test", PASSWORD)
        client.select("INBOX")
        found = client.fetch("1", "(BODY[])")[1][0]
        assert isinstance(found, tuple)
        return found[1]


# The link


async def test_from_the_link_to_the_first_mail_read(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        assert await where(visitor) == "/setup/host"
        answer = await visitor.submit("/setup/host", {"hostname": NAME})
        assert answer.headers["location"] == "/setup/checks"
        await visitor.submit("/setup/checked", page="/setup/checks")
        asked = (await visitor.get("/setup/domain")).text
        assert 'value="one.test"' in asked, "the name's own domain is offered"
        policy = await visitor.get("/setup/domain?name=One.Test")
        assert policy.status_code == 200
        fields = {"name": "one.test", "state": "live", "unknown": "reject"}
        answer = await visitor.submit("/setup/domain", fields, page="/setup/domain?name=one.test")
        assert answer.headers["location"] == "/setup/mailbox"
        invited = await visitor.submit("/setup/mailbox", {"address": "ann"})
        assert invited.status_code == 200
        token = re.search(rf"https://localhost:{fresh.https}/i/([0-9a-f]{{64}})", invited.text)
        assert token is not None
        ending = (await visitor.get(await where(visitor))).text
        assert f"one.test. MX 10 {NAME}." in ending
        assert str(fresh.imaps) in ending
        answer = await visitor.submit("/setup/finish", page="/setup/done")
        assert answer.headers["location"] == "/"
        assert "Set-up is done." in (await visitor.get("/")).text
    async with guest(fresh) as owner:
        claimed = await owner.submit(f"/i/{token[1]}", {"password": PASSWORD, "again": PASSWORD})
        assert claimed.status_code in (200, 303), claimed.text
    await fresh.send(b"Subject: the first\r\n\r\nx\r\n", "ann@one.test")
    assert b"Subject: the first" in await asyncio.to_thread(first_mail, fresh)
    acts = {(row.act, row.object): (row.actor, row.source) for row in fresh.store.audit.newest()}
    for act in (
        ("operator.add", EMAIL),
        ("server.hostname", NAME),
        ("domain.add", "one.test"),
        ("mailbox.add", "ann@one.test"),
        ("mailbox.invite", "ann@one.test"),
        ("setup.done", ""),
    ):
        assert acts[act] == (EMAIL, "127.0.0.1")
    assert acts["setup.link", ""] == ("cli:0", "cli")


async def test_looking_at_the_link_uses_nothing_up(fresh: House) -> None:
    path = await link(fresh)
    async with guest(fresh) as visitor:
        for _ in range(3):
            assert (await visitor.get(path)).status_code == 200
        assert (await visitor.client.head(path)).status_code == 200
        assert (await visitor.submit(path, FIRST)).status_code == 303


async def test_a_link_that_is_good_no_more(tmp_path: Path) -> None:
    clock = Clock()
    async with bare(tmp_path, now=clock) as house, guest(house) as visitor:
        first, second = await link(house), await link(house)
        token = csrf_token((await visitor.get(second)).text)
        clock.time += LIFETIME_US // 2
        third = await link(house)
        cases = {f"/setup/{'0' * 64}": 404, first: 410, second: 410}
        clock.time += LIFETIME_US - 1_000_000
        assert (await visitor.get(third)).status_code == 200
        clock.time += 2_000_000
        cases[third] = 410
        for path, status in cases.items():
            for answer in (await visitor.get(path), await visitor.post(path, {"csrf": token, **FIRST})):
                assert answer.status_code == status
                assert "appliance setup" in answer.text
        assert not house.store.operators.exist()


async def test_a_link_makes_one_administrator(fresh: House) -> None:
    path = await link(fresh)
    async with guest(fresh) as one, guest(fresh) as other:
        token = csrf_token((await other.get(path)).text)
        await one.submit(path, FIRST)
        assert (await one.get(path)).headers["location"] == "/setup", "the button to go back does no harm"
        late = await other.post(path, {"csrf": token, **FIRST, "email": "thief@admin.test"})
        assert (late.status_code, (await other.get(path)).status_code) == (410, 410)
        assert "has its administrator" in late.text
        assert (await other.get("/setup")).headers["location"].startswith("/sign-in")
    assert fresh.store.operators.by_email("thief@admin.test") is None


async def test_it_is_closed_once_there_is_an_administrator(fresh: House) -> None:
    path = await link(fresh)
    await make_operator(fresh.store, fresh.appliance.passwords, EMAIL, PASSWORD, source="test")
    async with guest(fresh) as visitor:
        assert (await visitor.get(path)).status_code == 410
        assert (await visitor.get(f"/setup/{'0' * 64}")).status_code == 404
        await visitor.sign_in(EMAIL)
        assert 'href="/setup"' not in (await visitor.get("/")).text
        for page in ("/setup", "/setup/domain", "/setup/mailbox", "/setup/done"):
            assert (await visitor.get(page)).headers["location"] == "/", page


async def test_the_host_name_can_be_changed_when_set_up_is_over(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        await visitor.submit("/setup/finish", page="/setup/host")
        text = (await visitor.get("/setup/host")).text
        assert "Steps of set-up" not in text
        assert "Decide later" not in text
        assert (await visitor.submit("/setup/host", {"hostname": NAME})).headers["location"] == "/setup/checks"
        await fresh.appliance.host_checks.done()
        text = (await visitor.get("/setup/checks")).text
        assert NAME in text
        assert "Continue" not in text
    assert await banner(fresh) == f"{NAME} ESMTP"


async def test_it_is_a_page_of_https_only(fresh: House) -> None:
    path = await link(fresh)
    async with browser(fresh, host=f"localhost:{fresh.http}", plain=True) as client:
        answer = await client.get(path)
        assert answer.status_code in (301, 308)
        assert answer.headers["location"].startswith(f"https://localhost:{fresh.https}/")
        assert (await client.post(path, data=FIRST)).status_code >= 400
    assert not fresh.store.operators.exist()


async def test_behind_nat_it_is_reached_by_an_address_that_we_do_not_know(fresh: House) -> None:
    path = await link(fresh)
    async with visiting(fresh, host="203.0.113.9") as visitor:
        assert (await visitor.submit(path, FIRST)).status_code == 303
        assert await where(visitor) == "/setup/host"
        await visitor.submit("/setup/host", {"hostname": NAME})
        assert (await visitor.get("/setup/checks")).status_code == 200
        await visitor.submit("/setup/finish", page="/setup/host")
        assert (await visitor.get("/")).status_code == 200, "the pages stay where set-up found them"
    async with browser(fresh, host="203.0.113.10", plain=True) as client:
        assert (await client.get("/")).status_code == 421


async def test_who_comes_without_a_link_is_told_where_it_is(fresh: House) -> None:
    async with guest(fresh) as visitor:
        assert "appliance setup" in (await visitor.get("/sign-in")).text
        await begin(fresh, visitor)
    async with guest(fresh) as visitor:
        assert "appliance setup" not in (await visitor.get("/sign-in")).text


# The administrator


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": "passwordpassword", "again": "passwordpassword"}, "too easy to guess"),
        ({"password": "short", "again": "short"}, "too short"),
        ({"again": "another-horse-battery"}, "not the same password"),
        ({"email": "nobody"}, "Not an e-mail address"),
        ({"email": ""}, "Type your e-mail address"),
        ({"password": "", "again": ""}, "Choose a password"),
    ],
)
async def test_what_is_wrong_stands_beside_the_field(fresh: House, fields: dict[str, str], words: str) -> None:
    path, sent = await link(fresh), {**FIRST, **fields}
    async with guest(fresh) as visitor:
        answer = await visitor.submit(path, sent)
        assert answer.status_code == 422
        assert words in answer.text
        assert f'value="{sent["email"]}"' in answer.text
        assert PASSWORD not in answer.text
        assert ("<meter" in answer.text) == bool(sent["password"])
        assert not fresh.store.operators.exist()
        assert (await visitor.submit(path, FIRST)).status_code == 303


async def test_the_meter_judges_on_the_server_and_logs_nothing(fresh: House) -> None:
    path = await link(fresh)
    token = path.rpartition("/")[2]

    async with guest(fresh) as visitor:
        mark = csrf_token((await visitor.get(path)).text)

        async def meter(password: str, **changes: str) -> httpx.Response:
            fields = {"csrf": mark, "token": token, "email": EMAIL, "password": password}
            return await visitor.post("/setup/strength", fields | changes)

        with capture_logs() as logs:
            cases = {"abc": "9 more characters", "passwordpassword": "easy to guess", PASSWORD: "ood."}
            for password, words in cases.items():
                text = (await meter(password)).text
                assert "<meter" in text
                assert words in text
                assert "csrf" not in text
            assert (await meter("")).status_code == 204
            assert (await meter(PASSWORD, token="0" * 64)).status_code == 404
            assert (await meter(PASSWORD, csrf="0" * 64)).status_code == 403
            # The e-mail address is what an attacker would try first.
            assert "asy to guess" in (await meter("root@admin.test")).text
            assert (await meter("x" * 5000)).status_code == 200
            answers = [(await meter(PASSWORD)).status_code for _ in range(2 * AT_ONCE)]
        assert 204 in answers, "only so many a second"
        assert not any(password in str(logs) for password in (*cases, token))


# Left and resumed


async def test_it_is_left_and_resumed_by_who_signs_in(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        await visitor.submit("/setup/skip", {"step": "host"}, page="/setup/host")
    async with guest(fresh) as visitor:
        await visitor.sign_in(EMAIL)
        assert 'href="/setup"' in (await visitor.get("/")).text
        assert await where(visitor) == "/setup/domain"
        assert (await visitor.get("/setup/host")).status_code == 200, "a step before can be gone back to"
        await visitor.submit("/setup/skip", {"step": "domain"}, page="/setup/domain")
        assert "there is none yet" in (await visitor.get("/setup/mailbox")).text
        await visitor.submit("/setup/skip", {"step": "mailbox"}, page="/setup/mailbox")
        await visitor.submit("/setup/skip", {"step": "host"}, page="/setup/mailbox")
        assert await where(visitor) == "/setup/done", "going over an earlier step again does not lead back"
        assert (await visitor.submit("/setup/skip", {"step": "x"}, page="/setup/mailbox")).status_code == 400


async def test_dismissing_it_ends_it(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        answer = await visitor.submit("/setup/finish", page="/setup/host")
        assert answer.headers["location"] == "/"
        assert 'href="/setup"' not in (await visitor.get("/")).text
        assert (await visitor.get("/setup")).headers["location"] == "/"
    assert fresh.store.audit.newest(1)[0].act == "setup.dismiss"


async def test_a_restart_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    async with bare(tmp_path) as house, guest(house) as visitor:
        await begin(house, visitor)
        await visitor.submit("/setup/host", {"hostname": NAME})
        cookies = visitor.cookies
    async with bare(tmp_path) as house, guest(house) as visitor:
        visitor.cookies = cookies
        assert "Not checked yet" in (await visitor.get("/setup/checks")).text
        assert await banner(house) == f"{NAME} ESMTP"


# The host name


async def banner(house: House) -> str:
    """What SMTP greets with."""
    reader, writer = await house.connect(house.mx)
    line = await reader.readline()
    writer.close()
    return line.decode().removeprefix("220 ").strip()


def names_of(port: int) -> list[str]:
    """The names in the certificate of a port inside TLS."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        trusting().wrap_socket(plain, server_hostname=NAME) as secured,
    ):
        return names_in(x509.load_der_x509_certificate(secured.getpeercert(True) or b""))


async def test_the_host_name_is_used_at_once(fresh: House) -> None:
    await fresh.add_domain("one.test")
    await fresh.add_mailbox("ann@one.test")
    reader, writer = await fresh.connect(fresh.mx)
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        await visitor.submit("/setup/host", {"hostname": "Mail.One.TEST"})
    # A session that was open gives the new name, too.
    await reader.readline()
    writer.write(b"EHLO x.test\r\n")
    assert (await reader.readline()).strip() in (b"250-mail.one.test", b"250 mail.one.test")
    writer.close()
    assert await banner(fresh) == f"{NAME} ESMTP"
    imap, other = await fresh.connect(fresh.imap)
    assert NAME.encode() in await imap.readline()
    other.close()
    for port in (fresh.https, fresh.submissions, fresh.imaps):
        assert NAME in await asyncio.to_thread(names_of, port)
    await fresh.send(b"Subject: x\r\n\r\nx\r\n", "ann@one.test")
    await asyncio.to_thread(submit, fresh)
    received = [text for text in stored(fresh) if f"by {NAME} with" in text]
    assert len(received) == 2
    assert re.search(rf"Message-ID: <\w+@{re.escape(NAME)}>", "\n".join(received))
    # The page begun under the name of before goes on; the new one is answered, too; a foreign one is not.
    for host, status in (("localhost", 303), (NAME, 303), (fresh.appliance.places.hostname, 303), ("evil.test", 421)):
        async with browser(fresh, host=host) as client:
            assert (await client.get("/")).status_code == status, host
    assert fresh.appliance.web_house.url("/") == f"https://localhost:{fresh.https}/"


def names_of_file(directory: Path) -> list[str]:
    """The names in the certificate that was made."""
    return names_in(x509.load_pem_x509_certificate((directory / "self-signed.pem").read_bytes()))


def names_in(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(found.get_values_for_type(x509.DNSName))


def submit(house: House) -> None:
    """One mail of the mailbox to itself."""
    with smtplib.SMTP_SSL("127.0.0.1", house.submissions, context=trusting(), timeout=20) as client:
        client.login("ann@one.test", PASSWORD)
        client.sendmail("ann@one.test", ["ann@one.test"], "From: ann@one.test\r\nSubject: y\r\n\r\ny\r\n")


def stored(house: House) -> list[str]:
    """The stored messages, as text."""
    rows = house.store.engine.reader.execute("SELECT data FROM blob").fetchall()
    return [bytes(row[0]).decode() for row in rows]


async def test_a_configured_host_name_is_shown_and_stays(tmp_path: Path) -> None:
    async with bare(tmp_path, server={"hostname": "set.test"}) as house, guest(house) as visitor:
        await begin(house, visitor)
        text = (await visitor.get("/setup/host")).text
        assert re.search(r'value="set.test" readonly', text)
        await visitor.submit("/setup/host", {"hostname": NAME})
        assert await banner(house) == "set.test ESMTP"
        assert house.appliance.host_checks.name == "set.test"


@pytest.mark.parametrize("name", ["", "no name", "-x.test", "192.0.2.1"])
async def test_what_is_no_host_name_is_refused_in_words(fresh: House, name: str) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        answer = await visitor.submit("/setup/host", {"hostname": name})
        assert answer.status_code == 422
        assert f'value="{name}"' in answer.text
        assert 'class="fault"' in answer.text
    assert fresh.appliance.hostname() == fresh.appliance.places.hostname


# The checks


@pytest.fixture
async def checked(tmp_path: Path) -> AsyncIterator[House]:
    with DnsServer(ZONE) as dns:
        tables = {"server": {"probe_domain": "probe.test"}, "dns": {"nameservers": (dns.nameserver.text,)}}
        async with bare(tmp_path, **tables) as house:
            house.appliance.host_checks.port = house.mx
            yield house


async def checks(house: House, visitor: Browser, name: str = NAME) -> str:
    await visitor.submit("/setup/host", {"hostname": name})
    await house.appliance.host_checks.done()
    return (await visitor.get("/setup/checks")).text


async def test_the_checks_say_what_the_dns_and_port_25_say(checked: House) -> None:
    async with guest(checked) as visitor:
        await begin(checked, visitor)
        text = await checks(checked, visitor)
        for words in (
            "mail.one.test leads to",
            "198.51.100.7 is called mail.one.test, and that name leads back.",
            f"mx.probe.test [127.0.0.1] answers: 220 {NAME} ESMTP",
            "GB free",
            "Clock",
        ):
            assert words in text, words
        assert "http-equiv" not in text
        absent = await checks(checked, visitor, "absent.one.test")
        assert "absent.one.test has no address in the DNS." in absent
        assert (await visitor.submit("/setup/checked", page="/setup/checks")).headers["location"] == "/setup/domain"


async def test_a_blocked_port_25_is_an_answer(checked: House) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        checked.appliance.host_checks.port = unused.getsockname()[1]
        async with guest(checked) as visitor:
            await begin(checked, visitor)
            assert "you will need a relay" in await checks(checked, visitor)
            await visitor.submit("/setup/checked", page="/setup/checks")
            assert await where(visitor) == "/setup/domain"


async def test_without_a_domain_to_try_the_page_says_so(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        await visitor.submit("/setup/host", {"hostname": "localhost"})
        await fresh.appliance.host_checks.done()
        assert "Not checked: no domain to try is configured." in (await visitor.get("/setup/checks")).text


async def test_the_page_refreshes_itself_and_the_job_goes_on_without_it(tmp_path: Path) -> None:
    with DnsServer(f"{ZONE}\nprobe.test !HOLD MX") as dns:
        tables = {"server": {"probe_domain": "probe.test"}, "dns": {"nameservers": (dns.nameserver.text,)}}
        async with bare(tmp_path, **tables) as house, guest(house) as visitor:
            house.appliance.host_checks.port = house.mx
            await begin(house, visitor)
            await visitor.submit("/setup/host", {"hostname": NAME})
            text = (await visitor.get("/setup/checks")).text
            assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text
            assert 'hx-trigger="every 1s"' in text
            assert "Checking" in text
            dns.release()
            await house.appliance.host_checks.done()
        # Nobody looked meanwhile; stopping does not wait for what is under way, either.
        assert house.appliance.host_checks.checks


# Domain and mailbox


@pytest.mark.parametrize(
    ("name", "words", "state"),
    [
        ("one.test", "is sent to this server already", "live"),
        ("alias.test", "is sent to this server already", "live"),
        ("slow.test", "could not be looked up", "live"),
        ("two.test", "goes to mx.old.test now", "arriving"),
        ("three.test", "it has no MX record", "live"),
        ("null.test", "takes no mail", "live"),
        ("broken.test", "could not be looked up", "live"),
    ],
)
async def test_where_a_domains_mail_goes_now_is_looked_up(checked: House, name: str, words: str, state: str) -> None:
    async with guest(checked) as visitor:
        await begin(checked, visitor)
        await visitor.submit("/setup/host", {"hostname": NAME})
        text = (await visitor.get(f"/setup/domain?name={name}")).text
        assert words in text
        chosen = re.search(r'id="state-(\w+)" name="state" value="\w+" checked', text)
        assert chosen is not None
        assert chosen[1] == state
        await visitor.submit("/setup/domain", {"name": name, "state": state, "unknown": "reject"})
    domain = checked.store.directory.domain(name)
    assert domain is not None
    assert (domain.state, domain.unknown) == (state, "reject")


async def test_the_first_mailbox_catches_all_where_that_was_chosen(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        fields = {"name": "one.test", "state": "live", "unknown": "catch-all"}
        await visitor.submit("/setup/domain", fields, page="/setup/domain?name=one.test")
        assert (
            "It gets all mail for one.test that no other mailbox takes." in (await visitor.get("/setup/mailbox")).text
        )
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await fresh.send(b"Subject: x\r\n\r\nx\r\n", "nobody@one.test")
        wrong = await visitor.submit("/setup/mailbox", {"address": "a b"})
        assert (wrong.status_code, 'value="a b"' in wrong.text) == (422, True)
        assert (await visitor.submit("/setup/mailbox", {"address": "Ann@One.test"})).status_code == 200
    domain = fresh.store.directory.domain("one.test")
    ann = fresh.store.directory.account("ann@one.test")
    assert domain is not None
    assert ann is not None
    assert (domain.unknown, domain.catch_all_account) == ("catch_all", ann.id)
    await fresh.send(b"Subject: x\r\n\r\nx\r\n", "nobody@one.test")


@pytest.mark.parametrize(("name", "words"), [("", "Type the"), ("a..b", 'class="fault"'), ("x y", 'class="fault"')])
async def test_what_is_no_domain_is_refused_in_words(fresh: House, name: str, words: str) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        answer = await visitor.get(f"/setup/domain?name={name}")
        assert (answer.status_code, words in answer.text) == (422, True)
        fields = {"name": name, "state": "live", "unknown": "reject"}
        assert (await visitor.submit("/setup/domain", fields)).status_code == 422
        fields = {"name": "one.test", "state": "x", "unknown": "reject"}
        assert (await visitor.submit("/setup/domain", fields)).status_code == 422


async def test_what_the_command_line_made_or_removed_is_seen(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        await fresh.add_domain("cli.test")
        assert "cli.test is added" in (await visitor.get("/setup/domain")).text
        fields = {"name": "bücher.test", "state": "live", "unknown": "catch-all"}
        await visitor.submit("/setup/domain", fields, page="/setup/domain?other=1")
        assert "@xn--bcher-kva.test" in (await visitor.get("/setup/mailbox")).text
        assert (await visitor.submit("/setup/mailbox", {"address": "ann@Bücher.test"})).status_code == 200
        domain = fresh.store.directory.domain("xn--bcher-kva.test")
        assert domain is not None
        assert domain.unknown == "catch_all"
        await provision.set_domain(fresh.store, "cli:0", domain.name, unknown="reject")
        await provision.remove_mailbox(fresh.store, "cli:0", f"ann@{domain.name}")
        await provision.remove_domain(fresh.store, "cli:0", domain.name)
        assert "@cli.test" in (await visitor.get("/setup/mailbox")).text
        assert "cli.test. MX" in (await visitor.get("/setup/done")).text or "." not in fresh.appliance.hostname()


async def test_without_a_new_certificate_the_name_is_used_all_the_same(fresh: House) -> None:
    place = fresh.appliance.places.data_dir / "tls"
    before = names_of_file(place)
    place.rename(place.with_name("aside"))
    place.write_text("in the way")
    with capture_logs() as logs:
        await choose_hostname(fresh.store, fresh.settings, "cli:0", NAME)
        assert await banner(fresh) == f"{NAME} ESMTP"
    assert [one["hostname"] for one in logs if one["event"] == "no certificate for the new name"] == [NAME]
    assert await asyncio.to_thread(names_of, fresh.https) == before


async def test_a_lost_invite_is_made_anew_as_long_as_the_mailbox_is_unclaimed(fresh: House) -> None:
    async with guest(fresh) as visitor:
        await begin(fresh, visitor)
        fields = {"name": "one.test", "state": "live", "unknown": "reject"}
        await visitor.submit("/setup/domain", fields)
        first = (await visitor.submit("/setup/mailbox", {"address": "ann"})).text
        assert "one.test is added" in (await visitor.get("/setup/domain")).text
        page = (await visitor.get("/setup/mailbox")).text
        latest = re.search(r'name="latest" value="(\w+)"', page)
        assert latest is not None
        second = (await visitor.submit("/setup/link", {"latest": latest[1]}, page="/setup/mailbox")).text
        # Sent again by a reload, neither form ends the link that was just handed out.
        for path, fields in (("/setup/link", {"latest": latest[1]}), ("/setup/mailbox", {"address": "ann"})):
            again = await visitor.submit(path, fields, page="/setup/mailbox")
            assert again.headers["location"] == "/setup/mailbox"
            assert "shown once" in (await visitor.get("/setup/mailbox")).text
        tokens = [re.search(r"/i/([0-9a-f]{64})", text) for text in (first, second)]
        assert all(tokens)
        assert tokens[0][1] != tokens[1][1]
        await claim(fresh.store, fresh.appliance.passwords, tokens[1][1], PASSWORD, "test")
        text = (await visitor.get("/setup/mailbox")).text
        assert "its owner has the password" in text
        assert "/setup/link" not in text

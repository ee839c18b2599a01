"""The way in to the pages: hosts, methods, fields of every answer, errors in plain words, bounds on time and size."""

import asyncio
import contextlib
import json
import re
import socket
import ssl
import subprocess

import httpx
import pytest
import structlog

from admin import connection, entrance, server, web_session
from admin.headers import CSP
from tests.house import House
from tests.web_house import browser, trusting


async def raw(house: House, data: bytes, *, plain: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has sent `data`."""
    port, context = (house.http, None) if plain else (house.https, trusting())
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(data)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize(
    ("host", "path", "location"),
    [
        ("mail.test", "/", "https://mail.test:{port}/"),
        ("mail.test:8080", "/domains?q=a%20b", "https://mail.test:{port}/domains?q=a%20b"),
        ("MAIL.TEST.", "/a", "https://mail.test:{port}/a"),
        ("localhost", "/i/abc", "https://localhost:{port}/i/abc"),
        ("one.test", "/", "https://one.test:{port}/"),
    ],
)
async def test_http_leads_to_the_same_page_by_https(house, host, path, location):
    await house.add_domain("one.test")
    async with browser(house, host=host, plain=True) as client:
        for method in ("GET", "HEAD"):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["location"]) == (308, location.format(port=house.https))
            assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("host", ["evil.test", "mail.test.evil.test", "user@mail.test", "mail.test/", ""])
async def test_no_page_and_no_redirect_for_a_name_that_is_not_ours(house, host):
    async with browser(house, host=host, plain=True) as client:
        answer = await client.get("/")
        assert answer.status_code == 421
        assert "location" not in answer.headers
    async with browser(house, host=host) as client:
        answer = await client.get("/")
        assert answer.status_code == 421
        assert "does not go by that name" in answer.text


@pytest.mark.parametrize("target", [b"http://evil.test/", b"//evil.test/", b"/\\evil.test", b"/%0d%0aLocation:%20x"])
async def test_no_target_leads_to_somebody_else(house, target):
    reader, writer = await raw(house, b"GET " + target + b" HTTP/1.1\r\nHost: mail.test\r\n\r\n", plain=True)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    locations = re.findall(r"(?i)^location: (.*?)\r$", head, re.MULTILINE)
    assert all(one.startswith(f"https://mail.test:{house.https}/") for one in locations)
    assert len(locations) == head.startswith("HTTP/1.1 308")
    writer.close()


async def test_http_takes_nothing_and_says_that_it_lives(house):
    async with browser(house, plain=True) as client:
        assert (await client.post("/sign-in", data={"password": "x"})).status_code == 403
        assert (await client.get("/healthz", headers={"Host": "anything.example"})).text == "OK\n"


async def test_every_answer_carries_the_fields_that_protect_it(house):
    async with browser(house) as client:
        answers = [
            await client.get("/healthz"),
            await client.head("/healthz"),
            await client.get("/static/app.css"),
            await client.get("/nothing-here"),
            await client.post("/healthz"),
            await client.request("OPTIONS", "/healthz"),
            await client.request("TRACE", "/healthz"),
            await client.get("/", headers={"Host": "evil.test"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 405, 405, 405, 421]
    for answer in answers:
        fields = answer.headers
        assert fields["content-security-policy"] == CSP
        assert fields["x-content-type-options"] == "nosniff"
        assert fields["referrer-policy"] == "same-origin"
        assert fields["cross-origin-opener-policy"] == fields["cross-origin-resource-policy"] == "same-origin"
        assert "cache-control" in fields
        assert "server" not in fields
        assert fields["date"].endswith("GMT")
        assert "unsafe" not in fields["content-security-policy"]
    assert answers[0].headers["strict-transport-security"] == "max-age=31536000"
    assert answers[3].headers["cache-control"] == "no-store"


async def test_localhost_is_not_bound_to_https_for_other_programs(house):
    async with browser(house, host=f"localhost:{house.https}") as client:
        assert "strict-transport-security" not in (await client.get("/healthz")).headers


async def test_an_error_is_plain_words_and_a_trace_id_that_the_log_has(house):
    with structlog.testing.capture_logs() as logged:
        async with browser(house) as client:
            answer = await client.get("/i/secrettoken/beyond")
    trace = re.search(r"<code>([0-9a-hjkmnp-tv-z]{13})</code>", answer.text)[1]
    assert "There is no such page" in answer.text
    assert [entry["trace"] for entry in logged if entry.get("status") == 404] == [trace]
    assert "secrettoken" not in json.dumps(logged, default=str)


async def test_a_fault_of_ours_says_nothing_of_itself(house, monkeypatch):
    monkeypatch.setattr(type(house.store.directory), "resolve", lambda *_: 1 / 0)
    async with browser(house, host="one.test") as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "ZeroDivision" not in answer.text
    assert answer.headers["content-security-policy"] == CSP


async def test_more_requests_than_can_be_served_are_told_to_come_back(house, monkeypatch):
    monkeypatch.setattr(entrance, "MAX_REQUESTS", 0)
    async with browser(house) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.headers["content-security-policy"] == CSP


async def test_a_stop_does_not_wait_for_a_request_that_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "GRACE_SECONDS", 0.2)
    begun = asyncio.Event()

    async def endless(*_):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(web_session, "recognise", endless)
    async with House(tmp_path) as house, browser(house) as client:
        asked = asyncio.create_task(client.get("/"))
        await begun.wait()
        await house.appliance.web.drain(10)
        answer = await asked
    assert answer.status_code == 503
    assert "The server is stopping" in answer.text


async def test_static_files_are_kept_by_version(house):
    async with browser(house) as client:
        url = re.search(r'href="(/static/app\.css\?v=[0-9a-f]+)"', (await client.get("/nothing")).text)[1]
        kept = await client.get(url)
        assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert kept.headers["content-encoding"] == "gzip"
        other = await client.get("/static/app.css?v=old", headers={"If-None-Match": kept.headers["etag"]})
        assert (other.status_code, other.headers["cache-control"]) == (304, "no-cache")
        for name in ("..%2fapp.py", "%2e%2e/app.py", "app.py", "../templates/base.html"):
            assert (await client.get(f"/static/{name}")).status_code in (404, 405)


async def test_a_request_that_is_never_complete_gives_its_place_back(house, monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    for start in (
        b"",
        b"GET / HTTP/1.1\r\nHost: mail.test\r\n",
        b"POST /x HTTP/1.1\r\nHost: mail.test\r\nContent-Length: 9\r\n\r\nx",
    ):
        # What was still under way when it was given up may come back as a reset.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(20):
                reader, writer = await raw(house, start)
                assert (await reader.read())[:12] in (b"", b"HTTP/1.1 404")
        writer.close()
    assert house.appliance.web.open == 0


async def test_one_that_asks_on_and_on_and_reads_nothing_is_given_up(house, monkeypatch):
    monkeypatch.setattr(connection, "READ_SECONDS", 0.2)
    lost, lose = asyncio.Event(), connection.Connection.connection_lost
    monkeypatch.setattr(connection.Connection, "connection_lost", lambda *args: (lose(*args), lost.set()))
    _, writer = await asyncio.open_connection("127.0.0.1", house.https, ssl=trusting(), limit=1)
    writer.write(b"GET /static/htmx.min.js HTTP/1.1\r\nHost: mail.test\r\n\r\n" * 200)
    await lost.wait()
    assert house.appliance.web.open == 0
    writer.transport.abort()


async def test_a_handshake_that_never_ends_gives_its_place_back(house, monkeypatch):
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.2)
    reader, writer = await house.connect(house.https)
    assert await reader.read() == b""
    writer.close()
    assert house.appliance.web.open == 0


async def test_http_counts_with_all_other_connections(tmp_path):
    async with House(tmp_path, limits={"connections_per_address": 2, "greet_delay": 0}) as house:
        first = await house.connect(house.https)
        second = await house.connect(house.mx)
        await second[0].readline()
        reader, writer = await house.connect(house.http)
        assert await reader.read() == b""
        for _, one in (first, second, (reader, writer)):
            one.close()


async def test_a_head_or_line_too_long_and_no_http_at_all_are_refused(house):
    for data in (
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: mail.test\r\nX: " + b"b" * 70_000,
        b"EHLO there\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: mail.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    ):
        reader, writer = await raw(house, data)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 4")
        assert b"content-security-policy" in head
        writer.close()


async def test_a_new_certificate_is_served_without_a_restart(tmp_path):
    files = [tmp_path / "chain.pem", tmp_path / "key.pem"]

    def make() -> None:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        ends = ["-subj", "/CN=mail.test", "-keyout", str(files[1]), "-out", str(files[0])]
        subprocess.run([*command, *ends], check=True, capture_output=True)

    async def seen(house: House) -> str:
        _, writer = await raw(house, b"")
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return ssl.DER_cert_to_PEM_cert(shown)

    make()
    async with House(tmp_path, tls={"certificate": str(files[0]), "key": str(files[1])}) as house:
        assert await seen(house) == files[0].read_text()
        make()
        house.appliance.reload_certificate()
        assert await seen(house) == files[0].read_text()


async def test_a_stop_ends_idle_connections_at_once(tmp_path):
    async with House(tmp_path) as house, browser(house) as client:
        await client.get("/healthz")
        reader, writer = await raw(house, b"GET / HT")
        async with asyncio.timeout(server.GRACE_SECONDS):
            await house.appliance.web.drain(10)
            await reader.read()
        writer.close()
        with pytest.raises(httpx.TransportError):
            await client.get("/healthz")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", house.https), 1)

"""The whole daemon: from the first connection to the last, and what refuses a start."""

import asyncio
import imaplib
import signal
import smtplib
import socket
import ssl
import sys
from pathlib import Path

import pytest

from appliance.serving import bound, locked
from appliance.sockets import CannotListen, bind_all, close_all
from config.load import ConfigError, Loaded
from config.places import resolve
from tests.house import PASSWORD, House, house_settings

ROOT = Path(__file__).resolve().parents[2]
MESSAGE = b"From: out@sender.test\r\nTo: ann@one.test\r\nSubject: first\r\n\r\nHello\r\n"


def read_over_tls(house: House) -> bytes:
    context = ssl.create_default_context(cafile=str(house.directory / "data" / "tls" / "self-signed.pem"))
    with imaplib.IMAP4_SSL("localhost", house.imaps, ssl_context=context, timeout=20) as client:
        client.login("ann@one.test", PASSWORD)
        client.select("INBOX")
        return bytes(client.fetch("1", "(BODY[])")[1][0][1])


async def test_mail_goes_in_by_smtp_and_comes_out_by_imap_byte_for_byte(house: House) -> None:
    await house.add_domain("one.test")
    await house.add_mailbox("ann@one.test")
    await house.send(MESSAGE, "ann+tag@one.test")
    assert (await asyncio.to_thread(read_over_tls, house)).endswith(MESSAGE)


async def test_a_stranger_is_refused_at_rcpt(house: House) -> None:
    await house.add_domain("one.test")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        await house.send(MESSAGE, "nobody@one.test")
    assert refused.value.recipients["nobody@one.test"][0] == 550
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await house.send(MESSAGE, "ann@elsewhere.test")


async def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.add_domain("one.test")
        await house.add_mailbox("ann@one.test")
        await house.send(MESSAGE, "ann@one.test")
    async with House(tmp_path) as house:
        assert (await asyncio.to_thread(read_over_tls, house)).endswith(MESSAGE)


async def test_fronts_count_their_connections_together(tmp_path: Path) -> None:
    async with House(tmp_path, limits={"connections_per_address": 2, "greet_delay": 0}) as house:
        ends = [await house.connect(port) for port in (house.mx, house.imap)]
        assert [(await reader.readline())[:4] for reader, _ in ends] == [b"220 ", b"* OK"]
        for port, farewell in ((house.mx, b"421 4.7.0"), (house.imap, b"* BYE")):
            reader, writer = await house.connect(port)
            assert (await reader.read()).startswith(farewell)
            writer.close()
        for _, writer in ends:
            writer.close()


async def test_a_fresh_start_makes_the_first_organisation(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        assert house.store.engine.reader.execute("SELECT name FROM organisation").fetchall() == [("default",)]
        domain = await house.add_domain("one.test")
        assert domain.organisation == house.store.engine.reader.execute("SELECT id FROM organisation").fetchone()[0]


async def test_a_front_without_listeners_is_not_opened(tmp_path: Path) -> None:
    async with House(tmp_path, imap={"imap": (), "imaps": ()}) as house:
        assert [key for key in house.appliance.addresses if key.startswith("imap.")] == []


async def test_stopping_says_goodbye_to_all(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        ends = [await house.connect(port) for port in (house.mx, house.imap)]
        for reader, _ in ends:
            await reader.readline()
    for (reader, writer), farewell in zip(ends, (b"421 4.3.2 ", b"* BYE "), strict=True):
        assert (await reader.read()).startswith(farewell)
        writer.close()


async def test_a_broken_disk_ends_the_daemon_with_1_and_a_signal_with_0(house: House) -> None:
    stop = asyncio.Event()
    stop.set()
    assert await house.appliance.until(stop) == 0
    house.store.engine.fail(OSError("gone"), "fsync")
    assert await house.appliance.until(asyncio.Event()) == 1


def test_a_taken_port_is_one_line_and_nothing_is_touched(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = house_settings(tmp_path, imap={"imap": (address,)})
        loaded = Loaded(settings, Path("/etc/a.toml"), {"imap.imap": "/etc/a.toml"})
        with pytest.raises(ConfigError) as refused, bound(loaded):
            pass
    assert str(refused.value) == (
        f'/etc/a.toml: [imap] imap = "{address}": address already in use; '
        "allowed is a free address and port of this machine"
    )
    assert list(tmp_path.iterdir()) == []


def test_of_several_listeners_all_are_bound_or_none() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(CannotListen):
            bind_all({"smtp.mx": [f"127.0.0.1:{port}"], "imap.imap": [f"127.0.0.1:{taken.getsockname()[1]}"]})
        close_all(bind_all({"smtp.mx": [f"127.0.0.1:{port}"]}))


async def test_a_second_instance_is_refused_by_name(house: House) -> None:
    with pytest.raises(ConfigError, match=r"\[server\] data_dir: .* in use by another process, pid \d+"):
        await asyncio.to_thread(locked(house.appliance.places).__enter__)


@pytest.mark.parametrize(
    ("key", "content", "words"),
    [
        ("data/key", None, r"\[server\] master_key .*outside the data directory"),
        ("key", "rubbish", r"server\.master_key .*key: must hold 64 hexadecimal digits"),
    ],
)
def test_a_master_key_that_is_no_good_refuses_the_start(
    tmp_path: Path, key: str, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / key).write_text(content)
    places = resolve(house_settings(tmp_path, server={"master_key": str(tmp_path / key)}), {})
    with pytest.raises(ConfigError, match=words), locked(places):
        pass


async def test_the_process_takes_signals_reloads_and_ends_with_0(tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text(
        f'[server]\ndata_dir = "{tmp_path}/data"\nmaster_key = "{tmp_path}/key"\n'
        '[smtp]\nmx = ["127.0.0.1:0"]\n[imap]\nimap = []\nimaps = []\n'
    )
    words = ("-m", "appliance", "--config", str(config), "serve")
    daemon = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    assert daemon.stderr
    await _line(daemon.stderr, b'"event":"listening"')
    daemon.send_signal(signal.SIGHUP)
    await _line(daemon.stderr, b'"event":"certificate reloaded"')
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "data").rglob("*")} == {0}
    daemon.send_signal(signal.SIGTERM)
    assert await daemon.wait() == 0


async def _line(stream: asyncio.StreamReader, word: bytes) -> bytes:
    while line := await stream.readline():
        if word in line:
            return line
    raise AssertionError(f"no line with {word!r}")

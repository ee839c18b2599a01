"""200 MB in one line or literal, before login and after: the daemon drops what it reads, and grows by little."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import PASSWORD, Appliance

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

SIZE = 200_000_000
CHUNK = b"x" * 1_000_000
MOST_GROWTH = 50 << 20


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    with Appliance(tmp_path_factory.mktemp("long"), {"server": {"max_message_size": "8MiB"}}) as one:
        one.cli("domain", "add", "dest.test")
        one.add_mailbox("ann@dest.test")
        yield one


@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
@pytest.mark.parametrize("logged_in", [False, True], ids=["before login", "after login"])
@pytest.mark.parametrize("begin", ["a NOOP ", "a LOGIN {200000000+}\r\n", "a APPEND INBOX {200000000+}\r\n"])
def test_memory_stays(appliance: Appliance, begin: str, logged_in: bool, mode: str) -> None:
    with session(appliance, mode) as client:
        lines = client.makefile("rb")
        if logged_in:
            client.sendall(f'l LOGIN ann@dest.test "{PASSWORD}"\r\n'.encode())
            assert lines.readline().startswith(b"l OK")
        before = peak(appliance)
        dropped = True
        try:
            client.sendall(begin.encode())
            for _ in range(SIZE // len(CHUNK)):
                client.sendall(CHUNK)
            client.sendall(b"\r\nb NOOP\r\n")
            while not (line := lines.readline()).startswith(b"b "):
                assert line, "closed"
        except (ConnectionError, AssertionError):
            dropped = False
        assert dropped is ("{" in begin)  # a literal is read past, an endless line ends the session
        assert peak(appliance) - before < MOST_GROWTH


def session(appliance: Appliance, mode: str) -> socket.socket:
    """A client that has been greeted, in TLS where the mode says so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = appliance.imaps if mode == "tls" else appliance.imap
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    if mode == "tls":
        client = context.wrap_socket(client)
    assert client.recv(1000).startswith(b"* OK ")
    if mode == "starttls":
        client.sendall(b"s STARTTLS\r\n")
        assert client.recv(1000).startswith(b"s OK ")
        client = context.wrap_socket(client)
    return client


def peak(appliance: Appliance) -> int:
    """The most memory the daemon ever had resident, in bytes."""
    assert appliance.process is not None
    status = Path(f"/proc/{appliance.process.pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

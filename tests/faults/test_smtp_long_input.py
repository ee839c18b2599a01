"""200 MB in a command, in DATA, in a header field: the daemon drops or spools what it reads, and grows by little."""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.process import PASSWORD, Appliance

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

ANN = "ann@dest.test"
SIZE = 200_000_000
CHUNK = b"x" * 1_000_000
FIELDS = b"A: b\r\n" * 160_000
MOST_GROWTH = 50 << 20
FAR_TOO_BIG = b"421 4.3.4 Message far too big\r\n"
TOO_LONG = b"500 5.5.2 Line too long\r\n"
HEADER = b"554 5.6.0 header of more than 1048576 octets\r\n"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """Takes messages of 8 MiB."""
    with Appliance(tmp_path_factory.mktemp("long"), {"server": {"max_message_size": "8MiB"}}) as one:
        populated(one)
        yield one


@pytest.fixture(scope="module")
def generous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """Takes messages of 300 MiB, so that 200 MB are read to their end."""
    with Appliance(tmp_path_factory.mktemp("generous"), {"server": {"max_message_size": "300MiB"}}) as one:
        populated(one)
        yield one


def populated(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "dest.test")
    appliance.add_mailbox(ANN)


def session(appliance: Appliance, mode: str) -> socket.socket:
    """A client that has been greeted: by the MX, after STARTTLS perhaps, or on port 465."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = appliance.submissions if mode == "tls" else appliance.mx
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    if mode == "tls":
        client = context.wrap_socket(client)
    assert client.recv(1000).startswith(b"220 ")
    if mode == "starttls":
        said(client, b"EHLO peer.test\r\n")
        assert said(client, b"STARTTLS\r\n").startswith(b"220 ")
        client = context.wrap_socket(client)
    return client


def said(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return client.recv(4000)


def in_data(appliance: Appliance, mode: str) -> socket.socket:
    client = session(appliance, mode)
    said(client, b"HELO peer.test\r\n")
    if mode == "tls":
        said(client, b"EHLO peer.test\r\n")
        assert said(client, b"AUTH PLAIN " + b64encode(f"\0{ANN}\0{PASSWORD}".encode()) + b"\r\n").startswith(b"235 ")
    said(client, b"MAIL FROM:<ann@dest.test>\r\n")
    assert said(client, b"RCPT TO:<ann@dest.test>\r\n").startswith(b"250 ")
    assert said(client, b"DATA\r\n").startswith(b"354 ")
    return client


def poured(client: socket.socket, begin: bytes, chunk: bytes, end: bytes) -> bytes:
    """Sends it all, as far as the daemon listens; what it answered, and whether it closed."""
    answer = b""
    with suppress(OSError):
        client.sendall(begin)
        for _ in range(SIZE // len(chunk)):
            client.sendall(chunk)
        client.sendall(end)
    with suppress(OSError):
        answer = client.recv(4000)
    client.close()
    return answer


@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
@pytest.mark.parametrize("begin", [b"", b"NOOP ", b"MAIL FROM:<", b"EHLO ", b"AUTH PLAIN "])
def test_a_command(appliance: Appliance, mode: str, begin: bytes) -> None:
    client, before = session(appliance, mode), peak(appliance)
    assert poured(client, begin, CHUNK, b"\r\nQUIT\r\n") in (TOO_LONG, b"")  # a reset may overtake the answer
    assert peak(appliance) - before < MOST_GROWTH


@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
@pytest.mark.parametrize(
    ("begin", "chunk"),
    [
        (b"Subject: x\r\n\r\n", CHUNK),
        (b"Subject: ", CHUNK),
        (b"", CHUNK),
        (b"", FIELDS),
        (b"", b"\r\n" * 500_000),
        (b"bare\n", CHUNK),
    ],
    ids=["a body", "a field", "no header", "fields", "blank lines", "refused already"],
)
def test_a_text_far_too_big(appliance: Appliance, mode: str, begin: bytes, chunk: bytes) -> None:
    client, before = in_data(appliance, mode), peak(appliance)
    assert poured(client, begin, chunk, b"\r\n.\r\n") in (FAR_TOO_BIG, b"")
    assert peak(appliance) - before < MOST_GROWTH
    assert list((appliance.data / "spool").iterdir()) == []


@pytest.mark.parametrize(
    ("begin", "chunk", "answer"),
    [
        (b"Subject: x\r\n\r\n", CHUNK, b"250 2.0.0 OK "),
        (b"Subject: ", CHUNK, HEADER),
        (b"", FIELDS, HEADER),
        (b"bare\n", CHUNK, b"550 5.6.0 "),
    ],
    ids=["a body", "a field", "fields", "refused already"],
)
def test_a_text_read_to_its_end(generous: Appliance, begin: bytes, chunk: bytes, answer: bytes) -> None:
    client, before = in_data(generous, "plain"), peak(generous)
    assert poured(client, begin, chunk, b"\r\n.\r\n").startswith(answer)
    assert peak(generous) - before < MOST_GROWTH


def peak(appliance: Appliance) -> int:
    """The most memory the daemon ever had resident, in bytes."""
    assert appliance.process is not None
    status = Path(f"/proc/{appliance.process.pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

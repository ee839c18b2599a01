"""Servers as people start them from a terminal, to be looked at in a browser: a fresh one, and the demonstration."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.dns_server import DnsServer
from tests.process import ROOT, START_LIMIT, Appliance

ZONE = """
    mail.example.test          A    198.51.100.7
    7.100.51.198.in-addr.arpa  PTR  vps.provider.test.
    example.test               MX   10 mx.oldhost.test.
"""
"""A domain whose mail still arrives elsewhere, and a host whose reverse name is its provider's."""
DEMO_LIMIT = 120.0
"""Seconds within which the demonstration stands."""


@contextmanager
def served(directory: Path) -> Iterator[tuple[Appliance, str]]:
    """`appliance serve` on a terminal and an empty directory, and what it has printed when it is ready."""
    with DnsServer(ZONE) as dns:
        settings = {"server": {"hostname": ""}, "dns": {"nameservers": [dns.setting]}}
        appliance = Appliance(directory, settings)
        ours, terminal = os.openpty()
        appliance.log = open(directory / "daemon.log", "ab")  # noqa: SIM115 (closed when the process is ended)
        appliance.process = subprocess.Popen(
            [*appliance.command, "serve"], cwd=ROOT, stdin=terminal, stdout=terminal, stderr=appliance.log
        )
        os.close(terminal)
        try:
            yield appliance, _read_until(ours, b"self-signed", START_LIMIT)
        finally:
            appliance.stop()
            os.close(ours)


@contextmanager
def demonstration() -> Iterator[dict[str, Any]]:
    """`appliance demo`, and what it tells whoever looks around."""
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "demo", "--json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield json.loads(_read_until(process.stdout.fileno(), b"\n}\n", DEMO_LIMIT))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def _read_until(fd: int, words: bytes, limit: float) -> str:
    printed, began = b"", time.monotonic()
    while words not in printed:
        left = began + limit - time.monotonic()
        assert left > 0, printed
        assert select.select([fd], [], [], left)[0], printed
        read = os.read(fd, 4096)
        assert read, printed
        printed += read
    return printed.decode()

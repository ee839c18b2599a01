"""Descriptors run out: nothing spins, sessions that are there go on, and service returns by itself."""

from __future__ import annotations

import os
import resource
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import Appliance

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

SPARE = 12
"""Descriptors left to the daemon once it runs."""
CALLERS = 60


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    limits = {"connections_per_address": 0, "connections_total": 0}
    with Appliance(tmp_path, {"limits": limits}) as one:
        yield one


@pytest.mark.parametrize("listener", ["mx", "submission", "submissions", "imap", "imaps"])
def test_accepting_never_spins(appliance: Appliance, listener: str) -> None:
    assert appliance.process is not None
    pid, port = appliance.process.pid, getattr(appliance, listener)
    with socket.create_connection(("127.0.0.1", appliance.mx), timeout=10) as there:
        assert there.recv(1000).startswith(b"220 ")
        open_now = len(os.listdir(f"/proc/{pid}/fd"))
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + SPARE, before[1]))
        callers = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(CALLERS)]
        try:
            assert quiet(there, 0.5)  # the flood itself may cost what it likes
            spent = cpu_seconds(pid)
            assert quiet(there, 2)
            assert cpu_seconds(pid) - spent < 0.4
            there.sendall(b"NOOP\r\n")
            assert there.recv(1000).startswith(b"250 ")
        finally:
            for caller in callers:
                caller.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert appliance.process.poll() is None, appliance.log_text()[-3000:]
    answer = greeting(appliance.imap if listener in ("imaps", "submissions") else port)
    assert answer.startswith((b"220 ", b"* OK "))
    assert appliance.log_text().count("cannot accept") < 20


def quiet(there: socket.socket, seconds: float) -> bool:
    """Whether a session that is there is told nothing for a while."""
    return select.select([there], [], [], seconds)[0] == []


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def greeting(port: int) -> bytes:
    """The first words of a listener, within the pause after which it accepts again."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        return caller.recv(1000)

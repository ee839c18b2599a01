"""The daemon under a service manager: its sockets, what it tells of itself, and a restart that refuses nobody."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.process import ROOT, Appliance

LIMIT = 20.0
LAUNCHER = """
import os, sys
held, names, command = sys.argv[1].split(), sys.argv[2], sys.argv[3:]
# Out of the way first, for a socket may lie where another belongs.
aside = [os.dup2(int(number), 100 + place) for place, number in enumerate(held)]
for place, number in enumerate(aside):
    os.dup2(number, 3 + place, inheritable=True)
    os.close(number)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(held)), "LISTEN_FDNAMES": names}
os.execv(command[0], command)
"""
"""What systemd does between fork and exec: the descriptors from 3 on, and variables that name this very process."""


class Manager:
    """Holds listening sockets, and hears what the service tells."""

    def __init__(self, directory: Path) -> None:
        self.appliance = Appliance(directory)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(directory / "notify"))
        self._notify.settimeout(LIMIT)
        self._held: dict[str, socket.socket] = {}
        self._log = (directory / "daemon.log").open("ab")

    def hold(self, name: str, port: int) -> int:
        """Listen on a port (0: any) with a socket that is passed to each start under that name; gives the port."""
        self._held[name] = socket.create_server(("127.0.0.1", port), backlog=64)
        found: int = self._held[name].getsockname()[1]
        return found

    def start(self, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        numbers = [held.fileno() for held in self._held.values()]
        # Only the launcher, and what becomes of it, is to have them.
        words = [sys.executable, "-c", LAUNCHER, " ".join(map(str, numbers)), ":".join(self._held)]
        return subprocess.Popen(
            [*words, *self.appliance.command, "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=numbers,
            env={**os.environ, "NOTIFY_SOCKET": str(self.appliance.directory / "notify"), **(environ or {})},
        )

    def hear(self, wanted: str) -> dict[str, str]:
        """The first message from now on that has this assignment in it."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            told = self._notify.recv(4096).decode().splitlines()
            if wanted in told:
                return dict(line.split("=", 1) for line in told)
        raise AssertionError(f"never told {wanted}")

    def close(self) -> None:
        for held in (self._notify, *self._held.values()):
            held.close()
        self._log.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path)
    yield one
    one.close()


def end(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=LIMIT)


def test_it_tells_when_it_is_ready_reloads_and_stops(manager: Manager) -> None:
    process = manager.start()
    try:
        assert manager.hear("READY=1")["STATUS"] == "listening as mail.test"
        # Ready means that it answers, not that it will.
        with smtplib.SMTP("127.0.0.1", manager.appliance.mx) as client:
            assert client.noop()[0] == 250
        process.send_signal(signal.SIGHUP)
        assert int(manager.hear("RELOADING=1")["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        manager.hear("READY=1")
        process.send_signal(signal.SIGTERM)
        manager.hear("STOPPING=1")
        assert process.wait(timeout=LIMIT) == 0
    finally:
        process.kill()


def test_it_shows_signs_of_life_well_within_the_watchdogs_time(manager: Manager) -> None:
    process = manager.start({"WATCHDOG_USEC": "1800000"})
    try:
        manager.hear("READY=1")
        manager.hear("WATCHDOG=1")
        began = time.monotonic()
        for _ in range(3):
            manager.hear("WATCHDOG=1")
        assert time.monotonic() - began < 3 * 1.8
        assert end(process) == 0
    finally:
        process.kill()


def test_passed_sockets_are_used_and_the_other_listeners_are_its_own(manager: Manager) -> None:
    by_name = manager.hold("smtp.mx", 0)
    manager.hold("appliance.socket", manager.appliance.imap)
    process = manager.start()
    try:
        manager.hear("READY=1")
        listeners = manager.appliance.cli("status")["listeners"]
        # By its name even on a port that is not configured; by its port under a name that means nothing.
        assert listeners["smtp.mx"] == [f"127.0.0.1:{by_name}"]
        assert listeners["imap.imap"] == [f"127.0.0.1:{manager.appliance.imap}"]
        assert listeners["smtp.submission"] == [f"127.0.0.1:{manager.appliance.submission}"]
        with smtplib.SMTP("127.0.0.1", by_name) as client:
            assert client.noop()[0] == 250
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", manager.appliance.mx), timeout=5)
        assert end(process) == 0
    finally:
        process.kill()


def test_a_socket_nobody_has_a_use_for_stops_the_start_with_one_line(manager: Manager) -> None:
    manager.hold("appliance.socket", 0)
    process = manager.start()
    assert process.wait(timeout=LIMIT) == 2
    assert "which no listener has" in manager.appliance.log_text()
    assert not manager.appliance.data.exists()


def test_a_restart_refuses_nobody(manager: Manager) -> None:
    manager.hold("smtp.mx", manager.appliance.mx)
    first = manager.start()
    second = None
    try:
        manager.hear("READY=1")
        assert end(first) == 0
        # Nobody serves now, and the port is open all the same: whoever comes waits, and is answered by the next.
        waiting = [socket.create_connection(("127.0.0.1", manager.appliance.mx), timeout=LIMIT) for _ in range(5)]
        second = manager.start()
        manager.hear("READY=1")
        assert [one.recv(4) for one in waiting] == [b"220 "] * 5
        for one in waiting:
            one.close()
        assert end(second) == 0
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()

"""The appliance as its own process, as an administrator starts it: for kills, real clients and measurements."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT = 20.0
"""Seconds a start may take before the test gives up (the promise itself is asserted by the tests)."""
PASSWORD = "correct-horse-battery"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


class Appliance:
    """One daemon process on loopback ports of its own; `directory` holds its configuration and data."""

    def __init__(self, directory: Path, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.mx, self.imap, self.imaps = free_port(), free_port(), free_port()
        self.submission, self.submissions = free_port(), free_port()
        self.http, self.https = free_port(), free_port()
        self.config = directory / "appliance.toml"
        self.process: subprocess.Popen[bytes] | None = None
        tables: dict[str, dict[str, Any]] = {
            "server": {"hostname": "mail.test", "data_dir": str(self.data), "master_key": str(directory / "key")},
            "smtp": {
                "mx": [f"127.0.0.1:{self.mx}"],
                "submission": [f"127.0.0.1:{self.submission}"],
                "submissions": [f"127.0.0.1:{self.submissions}"],
            },
            "imap": {
                "imap": [f"127.0.0.1:{self.imap}"],
                "imaps": [f"127.0.0.1:{self.imaps}"],
                "cleartext_login_from": ["127.0.0.0/8"],
            },
            "http": {"http": [f"127.0.0.1:{self.http}"], "https": [f"127.0.0.1:{self.https}"]},
            "limits": {"greet_delay": 0, "connections_per_address": 0},
        }
        for table, keys in (settings or {}).items():
            tables.setdefault(table, {}).update(keys)
        self.config.write_text(_toml(tables))

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "appliance", "--config", str(self.config)]

    def start(self) -> float:
        """Start and wait until MX and IMAP answer; returns the seconds that took."""
        began = time.monotonic()
        self.log = open(self.directory / "daemon.log", "ab")  # noqa: SIM115 (closed by the process's end)
        self.process = subprocess.Popen(
            [*self.command, "serve"], cwd=ROOT, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL
        )
        for port in (self.mx, self.imap):
            while not _greets(port):
                if self.process.poll() is not None or time.monotonic() - began > START_LIMIT:
                    raise AssertionError(f"the daemon did not start:\n{self.log_text()[-3000:]}")
                select.select([], [], [], 0.02)
        return time.monotonic() - began

    def log_text(self) -> str:
        return (self.directory / "daemon.log").read_text(errors="replace")

    def kill(self) -> None:
        """kill -9: the whole process group of the daemon ends at once."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.log.close()
        return code

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One CLI call against this daemon (or its database when it is down)."""
        return subprocess.run(
            [*self.command, *words], cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    def cli(self, *words: str, stdin: str = "") -> Any:
        """A CLI call that must succeed, with --json; returns what it printed."""
        done = self.run(*words, "--json", stdin=stdin)
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def add_mailbox(self, address: str) -> None:
        """A claimed mailbox with PASSWORD."""
        made = self.cli("mailbox", "add", address)
        self.cli("mailbox", "claim", made["claim_token"], "--password-stdin", stdin=PASSWORD + "\n")

    def __enter__(self) -> Appliance:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            return s.recv(1) != b""
    except OSError:
        return False


def _toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[str] = []
    for table, keys in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def pss_tree(pid: int) -> float:
    """Proportional set size of a process and its descendants, in MiB."""
    total, todo = 0.0, [pid]
    parents: dict[int, int] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry)] = int(stat[1])
    while todo:
        one = todo.pop()
        todo += [child for child, parent in parents.items() if parent == one]
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    return total

"""What the measurements share: a daemon of their own on loopback, people in it, many source addresses, figures.

A source address such as 127.4.1.9 is as good as any on Linux, so that limits by address see peers as they are.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.control.client import ask, connect
from tests.process import PASSWORD, Appliance

DOMAIN = "dest.example"
MESSAGE = (
    "From: Ann <ann@example.org>\r\nTo: joe@dest.example\r\nSubject: measured\r\nMIME-Version: 1.0\r\n"
    "Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{0}@example.org>\r\nContent-Type: text/plain\r\n\r\n"
) + "A line of text as long as most lines of text are, give or take some letters.\r\n" * 60
"""About 5 kB; every copy needs a number of its own."""


@contextmanager
def daemon(people: int, limits: dict[str, Any] | None = None) -> Iterator[Appliance]:
    """A daemon with the settings of bench.toml, and user0@dest.example and so on, claimed; both gone at the end.

    `limits` are settings of [limits] in place of those of bench.toml.
    """
    settings = tomllib.loads((Path(__file__).parent / "bench.toml").read_text())
    settings["limits"] |= limits or {}
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory(prefix="bench") as directory, Appliance(Path(directory), settings) as one:
        one.cli("domain", "add", DOMAIN)
        for number in range(people):
            made = verb(one, "mailbox.add", address=user(number), quota=None)
            verb(one, "mailbox.claim", token=made["claim_token"], password=PASSWORD)
        yield one


def verb(appliance: Appliance, name: str, **args: object) -> Any:
    """A verb of the control socket, without the start of a process for it."""
    connected = connect(appliance.data)
    assert connected is not None
    return ask(connected, name, args, lambda _: None)


def user(number: int) -> str:
    """The address of one of the people."""
    return f"user{number}@{DOMAIN}"


def source(kind: int, number: int) -> str:
    """A loopback address of its own for the peer `number` of a `kind` (1 to 254)."""
    return f"127.{kind}.{number // 250}.{number % 250 + 1}"


def rss_mib(pid: int) -> float:
    """Resident memory of one process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def cpu_seconds(pid: int) -> float:
    """CPU time that one process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum in milliseconds."""
    ordered = sorted(seconds)
    at = {"p50": statistics.median(ordered), "p95": ordered[int(len(ordered) * 0.95)], "max": ordered[-1]}
    return {f"{name}_ms": round(value * 1000, 1) for name, value in at.items()}


def load() -> float:
    """What the machine has had to do in the last minute, in processes that want to run."""
    return round(os.getloadavg()[0], 2)

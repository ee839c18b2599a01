"""A reader that will not end never delays delivery."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from tests.process import Appliance
from tests.traffic import Sender, make_message

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

HELD = 60.0
"""Seconds the reader is held open under load."""


async def test_reader_held_for_a_minute_under_load(tmp_path: Path) -> None:
    """With a snapshot held open the rate stays near the rate without, and nothing is refused."""
    with Appliance(tmp_path) as appliance:
        appliance.cli("domain", "add", "dest.test")
        appliance.add_mailbox("ann@dest.test")
        free, _ = await rate(appliance, "free", 10.0)
        database = next(iter(appliance.data.glob("*.db")))
        reader = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        held, refused = await rate(appliance, "held", HELD)
        reader.close()
        assert refused == []
        assert held > free * 0.5, f"{held:.0f} msg/s with a stuck reader, {free:.0f} without"
        await rate(appliance, "after", 5.0)
        log = database.with_name(database.name + "-wal")
        assert log.stat().st_size < 1 << 28
        assert appliance.run("check").returncode == 0


async def rate(appliance: Appliance, name: str, seconds: float) -> tuple[float, list[str]]:
    """Messages a second over about so many seconds on ten connections, and the refusals."""
    began, total, refused = time.monotonic(), 0, []
    while time.monotonic() - began < seconds:
        messages = {f"m-{name}-{total + n}": make_message(f"m-{name}-{total + n}") for n in range(500)}
        sender = Sender(appliance.mx, messages, lambda _: "ann@dest.test")
        await asyncio.wait_for(sender.run(10), 60)
        refused += sender.replies
        total += len(sender.accepted)
    return total / (time.monotonic() - began), refused

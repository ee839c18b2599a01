"""Twenty messages of 50 MB at once: bounded memory, and nobody else waits."""

from __future__ import annotations

import asyncio
import imaplib
import time
from pathlib import Path

import pytest

from tests.process import PASSWORD, Appliance, pss_tree
from tests.traffic import read_reply

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

SIZE = 50_000_000
MESSAGES = 20
MEMORY_LIMIT = 300.0
"""MiB of all processes of the daemon together."""
WAIT_LIMIT = 0.1
"""Seconds an honest session's NOOP may wait while the big ones arrive: no turn of the loop takes longer."""


async def send_big(port: int, number: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await read_reply(reader)
    for line in ("EHLO big.test", f"MAIL FROM:<b{number}@big.test> SIZE={SIZE}", "RCPT TO:<ann@dest.test>", "DATA"):
        writer.write(line.encode() + b"\r\n")
        assert (await read_reply(reader))[0] in "23"
    kind = "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
    head = f"From: b@big.test\r\nSubject: big {number}\r\n{kind}\r\n"
    writer.write(head.encode())
    chunk = (b"%076d\r\n" % number) * 800
    for _ in range(SIZE // len(chunk)):
        writer.write(chunk)
        await writer.drain()
    writer.write(b".\r\n")
    answer = await read_reply(reader)
    writer.close()
    return answer


async def watch(port: int, pid: int, stop: asyncio.Event) -> tuple[list[float], float]:
    """Round trips of NOOP in an honest session, and the peak memory, until told to stop."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await read_reply(reader)
    waits, peak = [], 0.0
    while not stop.is_set():
        began = time.perf_counter()
        writer.write(b"NOOP\r\n")
        await read_reply(reader)
        waits.append(time.perf_counter() - began)
        peak = max(peak, await asyncio.to_thread(pss_tree, pid))
    writer.close()
    return waits, peak


async def test_twenty_big_messages_at_once(tmp_path: Path) -> None:
    with Appliance(tmp_path) as appliance:
        assert appliance.process is not None
        appliance.cli("domain", "add", "dest.test")
        appliance.add_mailbox("ann@dest.test")
        stop = asyncio.Event()
        watching = asyncio.create_task(watch(appliance.mx, appliance.process.pid, stop))
        answers = await asyncio.gather(*(send_big(appliance.mx, n) for n in range(MESSAGES)))
        stop.set()
        waits, peak = await watching
        assert [a[:3] for a in answers] == ["250"] * MESSAGES, answers
        assert peak < MEMORY_LIMIT, f"{peak:.0f} MiB"
        assert max(waits) < WAIT_LIMIT, f"{max(waits):.3f} s, the longest of {len(waits)}"
        client = imaplib.IMAP4("127.0.0.1", appliance.imap)
        client.login("ann@dest.test", PASSWORD)
        assert int(client.select("INBOX")[1][0]) == MESSAGES
        client.logout()
        assert list((appliance.data / "spool").iterdir()) == []

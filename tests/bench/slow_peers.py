#!/usr/bin/env python3
"""What hundreds of slow peers cost the honest ones.

usage: python -m tests.bench.slow_peers [--slow 300] [--every 1] [--honest 20] [--seconds 12] [--rounds 3]

Starts a daemon of its own with the default bounds but for the pause before the banner. The slow peers live in a process
of their own, each with an address of its own, and send one octet every so many seconds: a fifth each drips SMTP
commands, the text of a message, IMAP commands, a TLS handshake on the port for submission inside TLS, and commands
inside TLS. Whoever is hung up on comes again. The honest load is so many connections sending messages of 5 kB as fast
as they are taken, ten to a connection. Each round counts the messages accepted in a stretch without and in one with the
slow peers and prints one JSON line; `goal` is a ratio of at least 0.8. `daemon_cores` is how many processor cores the
daemon was busy on, `for_slow_peers` what of it the honest messages do not explain: the figure to trust on a machine
that does other work, where either rate may be anything.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import multiprocessing
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import uvloop

from tests.bench.loopback import MESSAGE, cpu_seconds, daemon, load, rss_mib, source, user
from tests.process import Appliance

PEOPLE = 10
PER_CONNECTION = 10
GOAL = 0.8
LIMIT = 30.0
Ports = dict[str, int]


# The slow peers.


async def opened(port: int, number: int, secure: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = None
    if secure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(LIMIT):
        return await asyncio.open_connection("127.0.0.1", port, local_addr=(source(30, number), 0), ssl=context)


async def drip(writer: asyncio.StreamWriter, data: bytes, every: float) -> None:
    """Sends `data` again and again, octet by octet, for as long as somebody listens."""
    for octet in itertools.cycle(data):
        writer.write(bytes((octet,)))
        await writer.drain()
        await asyncio.sleep(every)


async def commands(ports: Ports, number: int) -> tuple[asyncio.StreamWriter, bytes]:
    _, writer = await opened(ports["mx"], number)
    return writer, b"NOOP\r\n"


async def text(ports: Ports, number: int) -> tuple[asyncio.StreamWriter, bytes]:
    reader, writer = await opened(ports["mx"], number)
    await reader.readline()
    writer.write(b"HELO slow.example\r\n")
    await reader.readline()
    to = user(number % PEOPLE)
    for line in ("MAIL FROM:<slow@example.org>", f"RCPT TO:<{to}>", "DATA"):
        writer.write(f"{line}\r\n".encode())
        await reader.readline()
    return writer, b"a line of text\r\n"


async def imap(ports: Ports, number: int) -> tuple[asyncio.StreamWriter, bytes]:
    _, writer = await opened(ports["imap"], number)
    return writer, b"a CAPABILITY\r\n"


async def handshake(ports: Ports, number: int) -> tuple[asyncio.StreamWriter, bytes]:
    """The head of a TLS record of 512 octets (RFC 8446 §5.1) that holds a ClientHello as long as that."""
    _, writer = await opened(ports["submissions"], number)
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    return writer, b"\x00"


async def secure_commands(ports: Ports, number: int) -> tuple[asyncio.StreamWriter, bytes]:
    reader, writer = await opened(ports["submissions"], number, secure=True)
    await reader.readline()  # who speaks before the banner is sent away
    return writer, b"NOOP\r\n"


KINDS: tuple[Callable[[Ports, int], Awaitable[tuple[asyncio.StreamWriter, bytes]]], ...] = (
    commands,
    text,
    imap,
    handshake,
    secure_commands,
)


async def slow(ports: Ports, number: int, every: float, tally: Counter[str], ready: asyncio.Event) -> None:
    """One slow peer, in one session after the other."""
    while True:
        tally["begun"] += 1
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            writer, data = await KINDS[number % len(KINDS)](ports, number)
            ready.set()
            try:
                await drip(writer, data, every)
            finally:
                writer.close()
        await asyncio.sleep(1)


async def all_slow(ports: Ports, a: argparse.Namespace, told: Connection) -> None:
    """All of them; says when each has begun, and ends when it is told to."""
    tally: Counter[str] = Counter()
    ready = [asyncio.Event() for _ in range(a.slow)]
    peers = [asyncio.create_task(slow(ports, number, a.every, tally, ready[number])) for number in range(a.slow)]
    await asyncio.gather(*(event.wait() for event in ready))
    told.send("ready")
    await asyncio.get_running_loop().run_in_executor(None, told.recv)
    told.send(tally["begun"] - a.slow)
    for peer in peers:
        peer.cancel()


def slow_process(ports: Ports, a: argparse.Namespace, told: Connection) -> None:
    asyncio.run(all_slow(ports, a, told))


@contextlib.contextmanager
def dripping(appliance: Appliance, a: argparse.Namespace, facts: dict[str, Any]) -> Iterator[None]:
    """With the slow peers; notes in `facts` how often one of them had to come again, and what they cost."""
    ports = {"mx": appliance.mx, "imap": appliance.imap, "submissions": appliance.submissions}
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=slow_process, args=(ports, a, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(LIMIT * 2):
            raise SystemExit("the slow peers did not get in")
        ours.recv()
        assert process.pid is not None
        began = cpu_seconds(process.pid)
        yield
        facts["slow_cpu_s"] = round(cpu_seconds(process.pid) - began, 1)
        ours.send("end")
        facts["came_again"] = ours.recv() if ours.poll(LIMIT) else None
        process.join(5)
    finally:
        process.kill()
        process.join(LIMIT)


# The honest ones.


async def reply(reader: asyncio.StreamReader) -> bytes:
    """The last line of a reply."""
    while True:
        async with asyncio.timeout(LIMIT):
            line = await reader.readline()
        if line[3:4] != b"-":
            return line


async def honest(port: int, numbers: Iterator[int], tally: Counter[str]) -> None:
    """Connects, sends ten messages, and again."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reply(reader)
        writer.write(b"EHLO honest.example\r\n")
        await reply(reader)
        for _ in range(PER_CONNECTION):
            number = next(numbers)
            writer.write(f"MAIL FROM:<ann@example.org>\r\nRCPT TO:<{user(number % PEOPLE)}>\r\nDATA\r\n".encode())
            for _ in range(3):
                await reply(reader)
            writer.write(MESSAGE.format(number).encode() + b".\r\n")
            answer = await reply(reader)
            if not answer.startswith(b"250 "):
                raise SystemExit(f"a message was answered {answer!r}")
            tally["accepted"] += 1
        writer.write(b"QUIT\r\n")
        await reply(reader)
        writer.close()


class Stretch(NamedTuple):
    """Messages accepted each second, and the cores the daemon was busy on."""

    rate: float
    share: float


NUMBERS = itertools.count()
WARM_UP = 2.0


async def honest_load(appliance: Appliance, a: argparse.Namespace) -> Stretch:
    """What was accepted while the load lasted, once it was under way."""
    assert appliance.process is not None
    tally: Counter[str] = Counter()
    workers = [asyncio.create_task(honest(appliance.mx, NUMBERS, tally)) for _ in range(a.honest)]
    await asyncio.sleep(WARM_UP)
    before, cpu, began = tally["accepted"], cpu_seconds(appliance.process.pid), time.perf_counter()
    done, _ = await asyncio.wait(workers, timeout=a.seconds, return_when=asyncio.FIRST_COMPLETED)
    seconds = time.perf_counter() - began
    rate, share = (tally["accepted"] - before) / seconds, (cpu_seconds(appliance.process.pid) - cpu) / seconds
    for worker in workers:
        worker.cancel()
    for worker in done:
        worker.result()
    return Stretch(rate, share)


def measure(appliance: Appliance, a: argparse.Namespace) -> dict[str, object]:
    """One round."""
    assert appliance.process is not None
    facts: dict[str, Any] = {}
    without = uvloop.run(honest_load(appliance, a))
    with dripping(appliance, a, facts):
        beside = uvloop.run(honest_load(appliance, a))
    cost = beside.share - without.share * beside.rate / without.rate
    return {
        "op": "slow peers",
        "slow": a.slow,
        "octets_per_s": round(a.slow / a.every),
        "without_per_s": round(without.rate, 1),
        "with_per_s": round(beside.rate, 1),
        "ratio": round(beside.rate / without.rate, 3),
        "goal": beside.rate / without.rate >= GOAL,
        "daemon_cores": [round(without.share, 2), round(beside.share, 2)],
        "for_slow_peers": round(cost, 3),
        **facts,
        "rss_MiB": round(rss_mib(appliance.process.pid), 1),
        "load": load(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--slow", type=int, default=300)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two octets of one slow peer")
    parser.add_argument("--honest", type=int, default=20, help="connections, all from 127.0.0.1")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    with daemon(PEOPLE, {"connections_total": 5000, "connections_per_address": 40}) as appliance:
        for _ in range(a.rounds):
            print(json.dumps(measure(appliance, a)), flush=True)


if __name__ == "__main__":
    main()

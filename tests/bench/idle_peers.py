#!/usr/bin/env python3
"""How long an honest peer waits while thousands hold their connections and say nothing.

usage: python -m tests.bench.idle_peers [--smtp 1000] [--imap 1000] [--probes 200] [--rounds 3]

Starts a daemon of its own. Idle SMTP sessions have said EHLO; idle IMAP sessions are inside TLS, signed in as ten
people, in IDLE on INBOX, and are told of each message a probe brings. Every peer has an address of its own, so that
the default bounds by address hold. A probe is a whole session: over SMTP connect, EHLO, a message of 5 kB to its 250,
QUIT; over IMAP connect, LOGIN, NOOP, LOGOUT in clear text. Each round probes first without and then with the idle
peers and prints one JSON line with the round's times and the daemon's memory; `goal` is a p95 below 500 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import imaplib
import json
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator

from tests.bench.loopback import MESSAGE, cpu_seconds, daemon, load, rss_mib, source, spread, user
from tests.process import PASSWORD, Appliance

PEOPLE = 10
PAUSE = 0.02
"""Seconds between two probes."""
GOAL_MS = 500.0
LIMIT = 30.0


def until(s: socket.socket, ends: bytes) -> None:
    """Reads to the line that begins with `ends`."""
    got = b""
    while not any(line.startswith(ends) and line.endswith(b"\r\n") for line in got.splitlines(keepends=True)):
        data = s.recv(65536)
        if not data:
            raise EOFError(got)
        got += data


def idle_smtp(appliance: Appliance, number: int) -> socket.socket:
    """A session that has introduced itself."""
    s = socket.create_connection(("127.0.0.1", appliance.mx), LIMIT, (source(20, number), 0))
    until(s, b"220 ")
    s.sendall(b"EHLO idle.example\r\n")
    until(s, b"250 ")
    return s


def idle_imap(appliance: Appliance, context: ssl.SSLContext, number: int) -> socket.socket:
    """A session in IDLE."""
    raw = socket.create_connection(("127.0.0.1", appliance.imaps), LIMIT, (source(21, number), 0))
    s = context.wrap_socket(raw)
    until(s, b"* OK")
    for tag, command in (("a", f'LOGIN "{user(number % PEOPLE)}" "{PASSWORD}"'), ("b", "SELECT INBOX")):
        s.sendall(f"{tag} {command}\r\n".encode())
        until(s, f"{tag} OK".encode())
    s.sendall(b"c IDLE\r\n")
    until(s, b"+ ")
    return s


@contextlib.contextmanager
def held(appliance: Appliance, smtp: int, imap: int) -> Iterator[list[socket.socket]]:
    """All idle peers, connected one after the other."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(idle_smtp(appliance, number)) for number in range(smtp)]
        peers += [stack.enter_context(idle_imap(appliance, context, number)) for number in range(imap)]
        yield peers


def deliver(appliance: Appliance, number: int) -> None:
    """A session of somebody who sends one message."""
    with smtplib.SMTP("127.0.0.1", appliance.mx, "probe.example", timeout=LIMIT) as client:
        client.sendmail("ann@example.org", user(number % PEOPLE), MESSAGE.format(number))


def read(appliance: Appliance, number: int) -> None:
    """A session of somebody who looks for news."""
    client = imaplib.IMAP4("127.0.0.1", appliance.imap, timeout=LIMIT)
    client.login(user(number % PEOPLE), PASSWORD)
    client.noop()
    client.logout()


def probe(act: Callable[[int], None], probes: int) -> dict[str, float]:
    """The times of so many sessions, one at a time."""
    took = []
    for number in range(probes):
        time.sleep(PAUSE)
        began = time.perf_counter()
        act(number)
        took.append(time.perf_counter() - began)
    return spread(took)


def both(appliance: Appliance, probes: int) -> dict[str, dict[str, float]]:
    return {
        "smtp": probe(lambda number: deliver(appliance, number), probes),
        "imap": probe(lambda number: read(appliance, number), probes),
    }


def alive(peers: list[socket.socket]) -> int:
    """How many have not been hung up on."""
    count = 0
    for peer in peers:
        peer.settimeout(0)
        try:
            while data := peer.recv(65536):
                del data
        except (BlockingIOError, ssl.SSLWantReadError):
            count += 1
        except OSError:
            pass
    return count


def measure(appliance: Appliance, a: argparse.Namespace) -> dict[str, object]:
    """One round."""
    assert appliance.process is not None
    pid = appliance.process.pid
    without, before = both(appliance, a.probes), rss_mib(pid)
    began = time.perf_counter()
    with held(appliance, a.smtp, a.imap) as peers:
        connecting = time.perf_counter() - began
        memory, cpu, began = rss_mib(pid), cpu_seconds(pid), time.perf_counter()
        beside = both(appliance, a.probes)
        share = (cpu_seconds(pid) - cpu) / (time.perf_counter() - began)
        left = alive(peers)
    return {
        "op": "idle peers",
        "smtp": a.smtp,
        "imap": a.imap,
        "without": without,
        "with": beside,
        "goal": all(beside[name]["p95_ms"] < GOAL_MS for name in beside) and left == a.smtp + a.imap,
        "held to the end": left,
        "connected_per_s": round((a.smtp + a.imap) / connecting),
        "rss_before_MiB": round(before, 1),
        "rss_with_MiB": round(memory, 1),
        "rss_after_MiB": round(rss_mib(pid), 1),
        "daemon_cpu_share": round(share, 2),
        "load": load(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--smtp", type=int, default=1000)
    parser.add_argument("--imap", type=int, default=1000)
    parser.add_argument("--probes", type=int, default=200, help="of each protocol, without and with the idle peers")
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    # The probes all come from one address; the bounds are those of a server that nobody has configured.
    with daemon(PEOPLE, {"connections_total": 5000, "connections_per_address": 20}) as appliance:
        for _ in range(a.rounds):
            print(json.dumps(measure(appliance, a)), flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Whether the time of a refused sign-in tells which mailboxes exist: wrong password against unknown user.

usage: python -m tests.bench.auth_timing [--tries 200]

Starts a daemon of its own with the default cost of Argon2. Each try is a connection inside TLS from an address of its
own; only the time from the last octet of the sign-in to the reply counts. The two kinds alternate, which comes first
changes at random. The throttle is in force and never reached: no address is used twice, no unknown name either, and
each mailbox fails at most four times (five are free). Prints one JSON line for each protocol; `ratio` of the medians
is to be between 0.65 and 1.35.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import ssl
import statistics
import time
from base64 import b64encode

from tests.bench.loopback import DOMAIN, daemon, load, source, spread, user
from tests.process import Appliance

FREE = 4
"""Failures a mailbox may have in all."""
PROTOCOLS = ("smtp", "imap")


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def refused(appliance: Appliance, protocol: str, address: str, name: str) -> float:
    """Seconds that the refusal of one sign-in took."""
    port = appliance.submissions if protocol == "smtp" else appliance.imaps
    with (
        socket.create_connection(("127.0.0.1", port), 30, (address, 0)) as raw,
        trusting().wrap_socket(raw) as secure,
        secure.makefile("rb") as lines,
    ):
        lines.readline()
        if protocol == "smtp":
            secure.sendall(b"EHLO laptop.example\r\n")
            while lines.readline()[3:4] == b"-":
                pass
            text = f"AUTH PLAIN {b64encode(f'{chr(0)}{name}{chr(0)}wrong-password'.encode()).decode()}\r\n"
            expected = b"535 "
        else:
            text, expected = f'a LOGIN "{name}" "wrong-password"\r\n', b"a NO [AUTHENTICATIONFAILED]"
        began = time.perf_counter()
        secure.sendall(text.encode())
        answer = lines.readline()
        took = time.perf_counter() - began
        if not answer.startswith(expected):
            raise SystemExit(f"{protocol}: {name} was answered {answer!r}")
        return took


def measure(appliance: Appliance, protocol: str, tries: int, mailboxes: int) -> dict[str, object]:
    """Both kinds, turn by turn."""
    kind = 10 + 2 * PROTOCOLS.index(protocol)
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(tries):
        names = [("known", kind, user(number % mailboxes)), ("unknown", kind + 1, f"{protocol}{number}@{DOMAIN}")]
        random.shuffle(names)
        for which, network, name in names:
            took[which].append(refused(appliance, protocol, source(network, number), name))
    ratio = statistics.median(took["unknown"]) / statistics.median(took["known"])
    return {
        "op": f"refused sign-in, {protocol}",
        "tries": tries,
        "wrong password": spread(took["known"]),
        "unknown user": spread(took["unknown"]),
        "ratio": round(ratio, 3),
        "within 35 %": 0.65 <= ratio <= 1.35,
        "load": load(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tries", type=int, default=200, help="of each kind and protocol")
    tries = parser.parse_args().tries
    mailboxes = -(-tries * len(PROTOCOLS) // FREE)
    with daemon(mailboxes) as appliance:
        for protocol in PROTOCOLS:
            print(json.dumps(measure(appliance, protocol, tries, mailboxes)), flush=True)


if __name__ == "__main__":
    main()

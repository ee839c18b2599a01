#!/usr/bin/env python3
"""Memory of idle IMAP connections inside TLS: N log in, SELECT, IDLE; the PSS of the daemon before and with them.

usage: idle_tls.py --port 2993 --pid PID [--idle 500] [--user user0@dest.example] [--password ...] [--plain]

Prints one JSON line: kB_per_conn, pss_before_MB, pss_with_MB, logins_per_s. Standard library only.
"""

import argparse
import json
import os
import resource
import socket
import ssl
import time
from pathlib import Path


def pss_mb(pid: int) -> float:
    """PSS of a process and its descendants in MiB."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    todo, total = [pid], 0
    while todo:
        one = todo.pop()
        todo += [child for child, parent in parents.items() if parent == one]
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def until(s: socket.socket, ends: bytes) -> None:
    got = b""
    while ends not in got:
        data = s.recv(65536)
        if not data:
            raise EOFError(got)
        got += data


def idle(a: argparse.Namespace, context: ssl.SSLContext | None) -> socket.socket:
    s = socket.create_connection(("127.0.0.1", a.port))
    if context is not None:
        s = context.wrap_socket(s)
    until(s, b"\r\n")
    for tag, command in ((b"a", f'LOGIN "{a.user}" "{a.password}"'), (b"b", "SELECT INBOX")):
        s.sendall(tag + b" " + command.encode() + b"\r\n")
        until(s, tag + b" OK")
    s.sendall(b"c IDLE\r\n")
    until(s, b"+ ")
    return s


def main() -> None:
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--pid", type=int, required=True)
    p.add_argument("--idle", type=int, default=500)
    p.add_argument("--user", default="user0@dest.example")
    p.add_argument("--password", default="correct-horse-battery")
    p.add_argument("--plain", action="store_true", help="no TLS, for comparison")
    a = p.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    context = None
    if not a.plain:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    warm = [idle(a, context) for _ in range(3)]
    before, began = pss_mb(a.pid), time.perf_counter()
    held = [idle(a, context) for _ in range(a.idle)]
    seconds = time.perf_counter() - began
    time.sleep(1)
    after = pss_mb(a.pid)
    row = {
        "op": "idle_plain" if a.plain else "idle_tls",
        "n": a.idle,
        "pss_before_MB": round(before, 1),
        "pss_with_MB": round(after, 1),
        "kB_per_conn": round((after - before) * 1024 / a.idle, 1),
        "logins_per_s": round(a.idle / seconds, 1),
    }
    print(json.dumps(row))
    for s in held + warm:
        s.close()


if __name__ == "__main__":
    main()

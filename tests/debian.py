"""Debian machines to install on: a root made by debootstrap, started in namespaces of its own, with systemd or without.

The bare roots and the Python packages are kept in a cache directory (APPLIANCE_TEST_CACHE, else below the system's
directory for temporary files), for making them takes minutes. Where packages come from is this machine's own
configuration of apt and pip. A started machine has no network but its loopback: none of its ports is one of ours.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.process import ROOT

CACHE = Path(os.environ.get("APPLIANCE_TEST_CACHE") or Path(tempfile.gettempdir()) / "appliance-debian")
COMMAND_LIMIT = 600.0
BOOT_LIMIT = 90.0
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT = r"""
set -eu
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3; mknod -m 666 "$root/dev/zero" c 1 5; mknod -m 666 "$root/dev/full" c 1 7
mknod -m 666 "$root/dev/random" c 1 8; mknod -m 666 "$root/dev/urandom" c 1 9; mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
ip link set lo up
hostname debian.test
cd "$root"; mkdir -p .old; pivot_root . .old; umount -l /.old
mount --make-rshared /
exec env -i container=test PATH="$PATH" "$@" </dev/null
"""
SYSTEMD = ("/lib/systemd/systemd", "--log-target=journal")
NOTHING = ("/bin/bash", "-c", "while :; do sleep 1000 & wait; done")
"""A first process that starts nothing, and buries who dies."""


def run(words: list[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_LIMIT, check=False, env=env
    )


def must(words: list[str]) -> str:
    done = run(words)
    assert done.returncode == 0, (
        f"{' '.join(words)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return done.stdout


def bare(release: str) -> Path:
    """A root of that release with systemd, as debootstrap leaves it; from the cache if it is there."""
    root = CACHE / release
    if not root.exists():
        for program in ("debootstrap", "unshare", "nsenter", "ip"):
            assert shutil.which(program), f"{program} is not installed: see .ci/apt-packages"
        CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        part = CACHE / f"{release}.part"
        shutil.rmtree(part, ignore_errors=True)
        must(["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv", release, str(part), _mirror()])
        _same_sources(part)
        part.rename(root)
    return root


def _mirror() -> str:
    """Where this machine has its Debian from."""
    for file in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        text = file.read_text() if file.is_file() else ""
        if found := re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?) +(\S*/debian/?)(?:\s|$)", text, re.MULTILINE):
            return found[1]
    return "http://deb.debian.org/debian"


def _same_sources(root: Path) -> None:
    """What this machine's apt and pip need to get anywhere: proxies, certificates, indexes."""
    for file in Path("/etc/apt/apt.conf.d").glob("*"):
        if "Acquire::" in file.read_text():
            shutil.copy(file, root / "etc/apt/apt.conf.d")
    for file in (Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf"):
        if file.is_file():
            shutil.copy(file, root / "etc/pip.conf")
    shutil.copy(CERTIFICATES, root / "etc/host-certificates.crt")
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)


class Machine:
    """A copy of a root, and what runs in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.starter: subprocess.Popen[bytes] | None = None
        self.pid = 0

    @classmethod
    def copy(cls, source: Path, target: Path) -> Machine:
        must(["cp", "-a", "--reflink=auto", str(source), str(target)])
        return cls(target)

    def take_source(self) -> None:
        """This source tree, as it is, in /src."""
        names = must(["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]).splitlines()
        for name in names:
            if (ROOT / name).is_file() and not name.startswith("tests/"):
                target = self.root / "src" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file of the source tree in /src."""
        file = self.root / "src" / name
        text = file.read_text()
        assert old in text, f"{name}: no {old!r}"
        file.write_text(text.replace(old, new))

    def online(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the root while the machine is off, with this machine's network and no devices of its own."""
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        inside = 'mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"; exec chroot "$0" "$@"'
        environ = {"PATH": PATH, "PIP_CERT": "/etc/host-certificates.crt", "HOME": "/root"}
        return run(
            ["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", inside, str(self.root), *words], env=environ
        )

    def start(self, first: tuple[str, ...] = SYSTEMD) -> None:
        """Switch it on; with systemd, until that says that it runs."""
        unified = Path("/sys/fs/cgroup/unified")
        self.group = (unified if unified.is_dir() else Path("/sys/fs/cgroup")) / f"appliance-test-{os.getpid()}"
        self.group.mkdir(exist_ok=True)
        (self.root / "etc/hostname").write_text("debian.test\n")
        # The namespace of control groups begins where this process is: it must be in a group of the machine's own.
        enter = (
            f'echo $$ >{self.group}/cgroup.procs; exec unshare -m -p -n -i -u -C -f --kill-child bash -c "$0" boot "$@"'
        )
        self.starter = subprocess.Popen(
            ["sh", "-c", enter, BOOT, str(self.root), *first], stdin=subprocess.DEVNULL, env={"PATH": PATH}
        )
        self._wait("start", lambda: self._find_first(first[0]))
        if first is SYSTEMD:
            self._wait(
                "boot", lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")
            )

    def _find_first(self, program: str) -> bool:
        assert self.starter is not None
        assert self.starter.poll() is None, "the machine did not start"
        children = Path(f"/proc/{self.starter.pid}/task/{self.starter.pid}/children").read_text().split()
        self.pid = int(children[0]) if children else 0
        # Once it is what it is to be, all its mounts are in place.
        return self.pid > 0 and Path(f"/proc/{self.pid}/cmdline").read_bytes().startswith(program.encode() + b"\0")

    def _wait(self, what: str, done: Callable[[], bool]) -> None:
        end = time.monotonic() + BOOT_LIMIT
        while not done():
            assert time.monotonic() < end, f"{what}: not within {BOOT_LIMIT:.0f} s"
            select.select([], [], [], 0.1)

    def inside(self, *words: str) -> list[str]:
        """The command line that runs these words inside."""
        environ = [f"PATH={PATH}", "HOME=/root", "TERM=dumb"]
        return [
            "nsenter",
            "-t",
            str(self.pid),
            "-m",
            "-p",
            "-n",
            "-i",
            "-u",
            "-C",
            "env",
            "-i",
            "--chdir=/",
            *environ,
            *words,
        ]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run(self.inside(*words))

    def must(self, *words: str) -> str:
        return must(self.inside(*words))

    def near(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of our own programs in the machine's network."""
        return run(["nsenter", "-t", str(self.pid), "-n", *words])

    def stop(self) -> None:
        """Switch it off, hard."""
        if self.starter is not None:
            self.starter.send_signal(signal.SIGKILL)
            self.starter.wait(timeout=30)
            self._wait("stop", self._groups_gone)
            self.starter = None

    def _groups_gone(self) -> bool:
        for group in sorted(self.group.rglob("*/"), reverse=True):
            if group.is_dir():
                try:
                    group.rmdir()
                except OSError:
                    return False
        try:
            self.group.rmdir()
        except OSError:
            return not self.group.exists()
        return True


def wheels(machine: Machine, release: str) -> Path:
    """The directory for `install --wheels`, made in this machine as its help says; from the cache if it is there."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()[:12]
    place = CACHE / f"wheels-{release}-{digest}"
    if not place.exists():
        done = machine.online(
            "sh", "-c", "cd /src && /opt/appliance/current/bin/python -m pip download -q -d /wheels . 'setuptools>=77'"
        )
        assert done.returncode == 0, done.stderr[-3000:]
        shutil.rmtree(place.with_suffix(".part"), ignore_errors=True)
        shutil.copytree(machine.root / "wheels", place.with_suffix(".part"))
        place.with_suffix(".part").rename(place)
    return place

"""What the daemon asks of its own process, each time in a process of its own."""

import subprocess
import sys

import pytest

from tests.process import ROOT

ASK = """
import resource
from appliance import process
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
few = min(most, 64)
resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
{before}
print(process.prepare() == {expected}, resource.getrlimit(resource.RLIMIT_NOFILE)[0] == {expected})
"""
REFUSE = """
import ctypes, os, struct
number = {"x86_64": 302, "aarch64": 261}[os.uname().machine]  # prlimit64
steps = struct.pack(
    "HBBI" * 6,
    0x20, 0, 0, 0,  # which call
    0x15, 0, 3, number,
    0x20, 0, 0, 32,  # its third argument, the new limit (a pointer; the low half tells)
    0x15, 1, 0, 0,
    0x06, 0, 0, 0x00050001,  # EPERM
    0x06, 0, 0, 0x7FFF0000,  # let it be
)
held = ctypes.create_string_buffer(steps, len(steps))
program = struct.pack("HxxxxxxQ", 6, ctypes.addressof(held))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, a filter
"""
"""What SystemCallFilter= does, for the one call: it answers "operation not permitted"."""


@pytest.mark.parametrize(("before", "expected"), [("", "most"), (REFUSE, "few")])
def test_it_takes_the_descriptors_it_may_have_and_lives_where_a_sandbox_refuses(before: str, expected: str) -> None:
    code = ASK.format(before=before, expected=expected)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")

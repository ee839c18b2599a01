"""One process at a time on a data directory."""

import os
import subprocess
import sys

import pytest

from appliance.store.lock import AlreadyRunning, DataLock

HOLD = """
import sys
from pathlib import Path
from appliance.store.lock import DataLock
lock = DataLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_one_is_refused_naming_the_pid(tmp_path):
    with DataLock(tmp_path), pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}\b"):
        DataLock(tmp_path)
    DataLock(tmp_path).close()


def test_the_directory_is_made_for_its_owner_alone(tmp_path):
    with DataLock(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_a_killed_process_leaves_no_lock_behind(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=os.getcwd()
    ) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=rf"pid {process.pid}\b"):
            DataLock(tmp_path)
        process.kill()
        process.wait()
    DataLock(tmp_path).close()

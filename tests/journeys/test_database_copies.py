"""The copies of the database that an upgrade makes, and the way back by them."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.process import ROOT, Appliance


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    """One that is down, with a domain."""
    one = Appliance(tmp_path)
    one.cli("domain", "add", "one.test")
    (one.data / "upgrade").mkdir()
    return one


def database(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-I", ROOT / "systemd/database.py", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def domains(appliance: Appliance) -> int:
    count: int = appliance.cli("status")["counts"]["domains"]
    return count


def test_a_copy_is_put_back_and_what_was_there_lies_aside_whole(appliance: Appliance) -> None:
    file, copy, aside = (appliance.data / name for name in ("appliance.db", "upgrade/old.db", "upgrade/failed-0.2.0-x"))
    database("copy", file, copy)
    appliance.cli("domain", "add", "two.test")
    body = appliance.data / "blobs/1/abc"
    body.parent.mkdir(parents=True)
    body.write_bytes(b"came in meanwhile")
    failed = appliance.data / "upgrade/failed-0.2.0-x.db"
    database("restore", file, copy, aside)
    assert database("since", failed, copy) == "0"
    assert (aside / "1-abc").read_bytes() == b"came in meanwhile"
    with closing(sqlite3.connect(failed)) as connection:
        assert connection.execute("SELECT count(*) FROM domain").fetchone() == (2,)
    assert domains(appliance) == 1
    assert database("schema", file) == database("schema", copy)


def test_a_copy_that_an_administrator_puts_back_is_opened(appliance: Appliance) -> None:
    """It is one file, as VACUUM INTO and the like make it, and in no WAL mode."""
    file, copy = appliance.data / "appliance.db", appliance.data / "upgrade/old.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    for left in appliance.data.glob("appliance.db*"):
        left.unlink()
    copy.rename(file)
    assert domains(appliance) == 1

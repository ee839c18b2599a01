"""The command line as people and scripts use it, on a database that no daemon runs on."""

import concurrent.futures
import json
import os
import pwd
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import PASSWORD, Appliance


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    """Configured and not running."""
    return Appliance(tmp_path)


def refused(appliance: Appliance, *words: str, stdin: str = "") -> tuple[int, str]:
    """Exit code and the one line of a verb that must fail; nothing else may be printed."""
    done = appliance.run(*words, stdin=stdin)
    assert done.returncode != 0, done.stdout
    assert done.stdout == ""
    assert done.stderr.startswith("appliance: ")
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr.removeprefix("appliance: ").rstrip("\n")


def test_from_nothing_to_a_claimed_mailbox(appliance: Appliance) -> None:
    assert appliance.cli("status") == {"running": False, "data_dir": str(appliance.data), "counts": None}
    assert not appliance.data.exists()
    assert appliance.cli("domain", "add", "One.test", "--quota", "5GiB")["quota"] == 5 << 30
    made = appliance.cli("mailbox", "add", "Ann@one.test")
    assert list(made) == ["address", "claim_token", "claim_url", "expires_at"]
    assert made["address"] == "ann@one.test"
    assert made["claim_url"] == f"https://localhost:{appliance.https}/i/{made['claim_token']}"
    assert appliance.cli("mailbox", "show", "ann@one.test")["state"] == "unclaimed"
    appliance.cli("mailbox", "claim", made["claim_token"], "--password-stdin", stdin=PASSWORD + "\n")
    shown = appliance.cli("mailbox", "show", "ann@one.test")
    assert shown["state"] == "active"
    assert [folder["name"] for folder in shown["folders"]] == ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]
    status = appliance.cli("status")
    assert (status["running"], status["counts"]["mailboxes"]) == (False, 1)
    assert stat.S_IMODE(appliance.data.stat().st_mode) == 0o700


def test_claims_that_are_refused(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "one.test")
    token = appliance.cli("mailbox", "add", "ann@one.test")["claim_token"]
    for password in ("short", "aaaaaaaaaaaaaaaa", "ann@one.test1", ""):
        code, line = refused(appliance, "mailbox", "claim", token, "--password-stdin", stdin=f"{password}\n")
        assert (code, "password" in line) == (1, True), line
    appliance.cli("mailbox", "claim", token, "--password-stdin", stdin=PASSWORD + "\n")
    for wrong in (token, "-starts-like-an-option", "--json-alike", "x"):
        code, line = refused(appliance, "mailbox", "claim", wrong, "--password-stdin", stdin=PASSWORD + "\n")
        assert (code, "token" in line) == (1, True), line
    assert refused(appliance, "mailbox", "invite", "ann@one.test")[0] == 1


def test_a_new_invitation_ends_the_old_one(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "one.test")
    old = appliance.cli("mailbox", "add", "ann@one.test")["claim_token"]
    new = appliance.cli("mailbox", "invite", "ann@one.test")["claim_token"]
    assert refused(appliance, "mailbox", "claim", old, "--password-stdin", stdin=PASSWORD + "\n")[0] == 1
    assert appliance.cli("mailbox", "claim", new, "--password-stdin", stdin=PASSWORD)["state"] == "active"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("domain", "show", "none.test"), 3),
        (("domain", "add", "not a domain"), 2),
        (("domain", "set", "none.test"), 2),
        (("domain", "add", "x.test", "--unknown", "maybe"), 2),
        (("domain", "add", "x.test", "--state", "leaving"), 2),
        (("domain", "add", "x.test", "--privacy", "none"), 2),
        (("mailbox", "add", "ann@none.test"), 3),
        (("mailbox", "claim", "token"), 2),
        (("alias", "add", "a@none.test"), 2),
        (("address", "reject", "a@none.test", "--code", "250"), 2),
        (("config", "describe", "no.key"), 3),
        (("fly",), 2),
    ],
)
def test_exit_codes_and_one_line(appliance: Appliance, words: tuple[str, ...], code: int) -> None:
    assert refused(appliance, *words)[0] == code


@pytest.mark.parametrize(("words", "code"), [(("domain", "show", "none.test"), 3), (("domain", "--bogus"), 2)])
def test_with_json_an_error_is_an_object(appliance: Appliance, words: tuple[str, ...], code: int) -> None:
    done = appliance.run(*words, "--json")
    error = json.loads(done.stdout)
    assert (done.returncode, error["exit"], done.stderr) == (code, code, "")
    assert error["error"].isprintable()


def test_domains_from_first_to_last(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "one.test", "--unknown", "catch-all", "--catch-all", "all@one.test")
    assert appliance.cli("domain", "show", "one.test")["catch_all_waiting"] == "all@one.test"
    appliance.cli("mailbox", "add", "all@one.test")
    shown = appliance.cli("domain", "show", "one.test")
    assert (shown["unknown"], shown["catch_all"], shown["catch_all_waiting"]) == ("catch-all", "all@one.test", None)
    assert appliance.cli("domain", "set", "one.test", "--subaddress", "off")["subaddress"] == "off"
    assert appliance.cli("domain", "set", "one.test", "--state", "arriving")["state"] == "arriving"
    assert appliance.cli("domain", "set", "one.test", "--privacy", "metadata")["privacy"] == "metadata"
    assert appliance.cli("domain", "set", "one.test", "--privacy", "default")["privacy"] == "default"
    assert appliance.cli("domain", "suspend", "one.test")["suspended_at"] is not None
    assert appliance.cli("domain", "resume", "one.test")["suspended_at"] is None
    appliance.cli("domain", "alias", "add", "one.test", "uno.test")
    assert appliance.cli("domain", "show", "one.test")["domain_aliases"] == ["uno.test"]
    appliance.cli("domain", "alias", "rm", "one.test", "uno.test")
    assert refused(appliance, "domain", "rm", "one.test", "--yes")[0] == 1
    appliance.cli("domain", "set", "one.test", "--unknown", "reject")
    appliance.cli("mailbox", "rm", "all@one.test", "--yes")
    appliance.cli("alias", "list")
    assert appliance.cli("domain", "rm", "one.test", "--yes") == {"removed": "one.test"}
    assert appliance.cli("domain", "list") == []


def test_removing_asks_for_the_name(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "one.test")
    appliance.cli("mailbox", "add", "ann@one.test")
    done = appliance.run("mailbox", "rm", "ann@one.test", stdin="yes\n")
    assert done.returncode == 1
    assert "0 messages" in done.stderr
    assert "nothing is removed" in done.stderr
    assert appliance.run("mailbox", "rm", "ann@one.test", stdin="ann@one.test\n").returncode == 0
    assert appliance.run("domain", "rm", "one.test", stdin="one.test\n").returncode == 0


def test_aliases_and_reject_addresses(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "one.test")
    for name in ("ann", "ben"):
        appliance.cli("mailbox", "add", f"{name}@one.test")
    team = {"address": "team@one.test", "targets": ["ann@one.test", "ben@one.test"]}
    assert appliance.cli("alias", "add", "Team@one.test", "ben@one.test", "ann@one.test") == team
    assert appliance.cli("alias", "list", "one.test") == [team]
    assert appliance.cli("mailbox", "show", "ann@one.test")["aliases"] == ["team@one.test"]
    assert appliance.cli("alias", "rm", "TEAM@one.test") == {"removed": "team@one.test"}
    closed = appliance.cli("address", "reject", "old@one.test", "--code", "551", "--text", "Moved away")
    assert closed == {"address": "old@one.test", "code": 551, "text": "Moved away"}
    assert appliance.cli("address", "list") == [closed]
    assert appliance.cli("address", "rm", "old@one.test") == {"removed": "old@one.test"}


def test_a_trace_that_is_not_there_and_one_that_is_no_id(appliance: Appliance) -> None:
    """Also where no daemon runs; records are kept for 30 days. 3 is what every verb says of what is not there."""
    assert refused(appliance, "trace", "show", "00000000000x0") == (
        3,
        "no record of 00000000000x0 of 2020-01-01 00:00:00 UTC any more: records are kept for 30 days ([records] days)",
    )
    assert refused(appliance, "trace", "show", "7ZZZZZZZZZZZZ") == (
        3,
        "no session and no message 7zzzzzzzzzzzz is on record",
    )
    assert refused(appliance, "trace", "show", "\x1b[2J") == (
        2,
        "not an id (13 characters of Crockford base32): '\\x1b[2J'",
    )


def test_tables_are_plain_text_in_a_pipe(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "one.test")
    lines = appliance.run("domain", "list").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["domain", "state", "unknown", "mailboxes", "used", "quota"],
        ["one.test", "live", "reject", "0", "0", "B", "none"],
    ]
    assert appliance.run("mailbox", "list").stdout == "no mailboxes\n"


def test_the_state_of_a_domain_is_shown(appliance: Appliance) -> None:
    assert appliance.cli("domain", "add", "new.test", "--state", "arriving")["state"] == "arriving"
    assert appliance.cli("domain", "add", "old.test")["state"] == "live"
    assert [line.split()[:2] for line in appliance.run("domain", "list").stdout.splitlines()[1:]] == [
        ["new.test", "arriving"],
        ["old.test", "live"],
    ]
    appliance.cli("domain", "suspend", "new.test")
    shown = appliance.run("domain", "show", "new.test").stdout
    assert shown.splitlines()[1].split(maxsplit=1) == ["state", "arriving, suspended"]
    assert appliance.cli("domain", "set", "new.test", "--state", "live")["state"] == "live"


def test_check_says_when_all_is_well_and_when_there_is_nothing(appliance: Appliance) -> None:
    assert refused(appliance, "check") == (1, f"{appliance.data}: there is no data yet")
    appliance.cli("domain", "add", "one.test")
    assert appliance.cli("check") == {"findings": [], "open": 0}
    assert appliance.run("check").stdout == "OK, nothing found\n"


def test_check_finds_a_wrong_counter_and_puts_it_right(appliance: Appliance) -> None:
    appliance.cli("domain", "add", "one.test")
    appliance.cli("mailbox", "add", "ann@one.test")
    database = sqlite3.connect(appliance.data / "appliance.db")
    database.execute('UPDATE mailbox SET "exists" = 7 WHERE name = ?', ("INBOX",))
    database.commit()
    database.close()
    done = appliance.run("check")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "1 finding open")
    fixed = json.loads(appliance.run("check", "--fix", "--json").stdout)
    assert (fixed["findings"][0]["kind"], fixed["findings"][0]["fixed"], fixed["open"]) == ("counters", True, 0)
    assert appliance.run("check", "--bodies").returncode == 0


def test_configuration_verbs_start_and_touch_nothing(appliance: Appliance) -> None:
    assert appliance.cli("config", "test") == {"ok": True, "file": str(appliance.config)}
    shown = appliance.cli("config", "show")
    assert shown["server.hostname"]["from"] == "file"
    assert shown["limits.errors"] == {"value": 10, "effective": 10, "from": "default", "source": None}
    described = appliance.cli("config", "describe", "limits.errors")
    assert described[0]["environment"] == "APPLIANCE_LIMITS__ERRORS"
    assert len(appliance.cli("config", "describe")) > 30
    assert not appliance.data.exists()


@pytest.mark.parametrize("verb", [("serve",), ("config", "test"), ("domain", "list")])
def test_a_mistake_in_the_configuration_is_one_line_and_exit_2(appliance: Appliance, verb: tuple[str, ...]) -> None:
    appliance.config.write_text('[smtp]\nmx = ["localhost:25"]\n')
    code, line = refused(appliance, *verb)
    assert (code, line.startswith(f"{appliance.config}: [smtp] mx")) == (2, True)
    assert not appliance.data.exists()


def test_an_unreadable_certificate_stops_serve_and_config_test(appliance: Appliance) -> None:
    text = appliance.config.read_text()
    appliance.config.write_text(f'{text}[tls]\ncertificate = "/none.pem"\nkey = "/none.pem"\n')
    for verb in (("serve",), ("config", "test")):
        code, line = refused(appliance, *verb)
        assert (code, "[tls] certificate" in line) == (2, True)
    assert not appliance.data.exists()


def test_the_options_all_verbs_have_may_stand_before_the_verb_too(appliance: Appliance) -> None:
    done = subprocess.run(
        [*appliance.command[:3], "domain", "list", "--json", "--config", str(appliance.config)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == []
    assert json.loads(appliance.run("--json", "domain", "list").stdout) == []


def test_verbs_at_the_same_time_wait_for_each_other(appliance: Appliance) -> None:
    names = [f"d{i}.test" for i in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: appliance.cli("domain", "add", name), names))
    assert [one["domain"] for one in appliance.cli("domain", "list")] == names


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A directory that belongs to another user, where that user may go."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    owner = pwd.getpwnam("nobody")
    (top / "data").mkdir(mode=0o700)
    os.chown(top / "data", owner.pw_uid, owner.pw_gid)
    yield top
    shutil.rmtree(top)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_owner_of_the_data_directory(foreign: Path) -> None:
    appliance = Appliance(foreign)
    appliance.cli("domain", "add", "one.test")
    nobody = pwd.getpwnam("nobody").pw_uid
    assert {path.stat().st_uid for path in appliance.data.rglob("*")} == {nobody}
    assert [one["domain"] for one in appliance.cli("domain", "list")] == ["one.test"]

"""The command line beside a running daemon: the same verbs, through the control socket."""

import smtplib
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import Appliance


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    with Appliance(tmp_path_factory.mktemp("cli")) as one:
        one.cli("domain", "add", "one.test")
        yield one


def answer(appliance: Appliance, recipient: str) -> int:
    """The reply code to RCPT."""
    with smtplib.SMTP("127.0.0.1", appliance.mx, local_hostname="sender.test") as client:
        client.ehlo()
        client.mail("x@sender.test")
        return client.rcpt(recipient)[0]


def test_status_says_what_runs(appliance: Appliance) -> None:
    status = appliance.cli("status")
    assert appliance.process is not None
    assert (status["running"], status["pid"], status["hostname"]) == (True, appliance.process.pid, "mail.test")
    assert status["listeners"]["smtp.mx"] == [f"127.0.0.1:{appliance.mx}"]
    assert set(status["sessions"]) == {"smtp", "imap", "http"}
    assert "running, pid" in appliance.run("status").stdout


def test_the_socket_is_its_owners_alone(appliance: Appliance) -> None:
    assert stat.S_IMODE((appliance.data / "control.sock").stat().st_mode) == 0o600


def test_what_a_verb_changes_counts_at_once(appliance: Appliance) -> None:
    assert answer(appliance, "ann@one.test") == 550
    appliance.cli("mailbox", "add", "ann@one.test")
    assert answer(appliance, "ann@one.test") == 250
    appliance.cli("mailbox", "suspend", "ann@one.test")
    assert answer(appliance, "ann@one.test") == 450
    appliance.cli("mailbox", "resume", "ann@one.test")
    appliance.cli("domain", "suspend", "one.test")
    assert answer(appliance, "ann@one.test") == 450
    appliance.cli("domain", "resume", "one.test")
    appliance.cli("address", "reject", "old@one.test", "--code", "553", "--text", "Gone")
    assert answer(appliance, "old@one.test") == 553
    assert answer(appliance, "ann@one.test") == 250


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("domain", "show", "none.test"), 3),
        (("domain", "add", "one.test"), 1),
        (("mailbox", "quota", "ann@one.test", "x"), 2),
        (("mailbox", "claim", "x", "--password-stdin"), 1),
    ],
)
def test_exit_codes_are_the_same(appliance: Appliance, words: tuple[str, ...], code: int) -> None:
    done = appliance.run(*words, stdin="correct-horse-battery\n")
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)


def test_check_runs_beside_the_daemon(appliance: Appliance) -> None:
    assert appliance.cli("check") == {"findings": [], "open": 0}


def test_a_second_daemon_on_the_same_directory_is_one_line_and_exit_2(appliance: Appliance, tmp_path: Path) -> None:
    second = Appliance(tmp_path, {"server": {"data_dir": str(appliance.data)}})
    done = second.run("serve")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(appliance.data) in done.stderr


def test_a_taken_port_is_one_line_and_exit_2(appliance: Appliance, tmp_path: Path) -> None:
    second = Appliance(tmp_path, {"smtp": {"mx": [f"127.0.0.1:{appliance.mx}"]}})
    done = second.run("serve")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{appliance.mx}" in done.stderr
    assert "smtp" in done.stderr
    assert not second.data.exists()


def test_after_the_daemon_the_database_still_answers(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    with appliance:
        appliance.cli("domain", "add", "one.test")
        assert appliance.stop() == 0
    assert not (appliance.data / "control.sock").exists()
    assert [one["domain"] for one in appliance.cli("domain", "list")] == ["one.test"]


def test_after_a_kill_too(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    with appliance:
        appliance.cli("domain", "add", "one.test")
        appliance.kill()
        assert [one["domain"] for one in appliance.cli("domain", "list")] == ["one.test"]


def test_sessions_are_listed_and_kicked(appliance: Appliance) -> None:
    """Both protocols: who, from where, by what client; kicked, SMTP says 421 and IMAP BYE, and the act is audited."""
    with (
        smtplib.SMTP("127.0.0.1", appliance.mx, local_hostname="sender.test") as smtp,
        socket.create_connection(("127.0.0.1", appliance.imap), timeout=10) as imap,
    ):
        smtp.ehlo()
        lines = imap.makefile("rb")
        lines.readline()
        imap.sendall(b'a ID ("name" "Probe\x1b" "version" "7")\r\n')
        while not lines.readline().startswith(b"a "):
            pass
        found = {one["protocol"]: one for one in appliance.cli("sessions")}
        assert set(found) == {"smtp", "imap"}
        assert (found["smtp"]["client"], found["imap"]["client"]) == ("sender.test", "Probe? 7")
        assert {one["address"] for one in found.values()} == {"127.0.0.1"}
        assert all(one["account"] is None and one["received"] and one["sent"] for one in found.values())
        assert [one["id"] for one in appliance.cli("sessions", "--protocol", "imap")] == [found["imap"]["id"]]
        assert "sender.test" in appliance.run("sessions").stdout
        for one in found.values():
            assert appliance.cli("sessions", "kick", one["id"])["id"] == one["id"]
        assert lines.readline() == b"* BYE [UNAVAILABLE] Session ended by the administrator\r\n"
        assert lines.readline() == b""
        assert smtp.getreply() == (421, b"4.3.2 Session ended by the administrator")
    assert appliance.cli("sessions") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("sessions", "kick", "0123456789abc"), 3),
        (("sessions", "kick", "x"), 2),
        (("sessions", "--protocol", "pop"), 2),
        (("sessions", "--account", "none@one.test"), 3),
    ],
)
def test_sessions_that_are_not_there(appliance: Appliance, words: tuple[str, ...], code: int) -> None:
    done = appliance.run(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)

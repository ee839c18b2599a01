"""`systemd/install` and `uninstall`, run for real on Debian 12 and 13; the unit runs under their systemd as it stands.

Long, for the machines are made by debootstrap and fetch what any machine would: about ten minutes for each release, and
some more where the cache of `tests.debian` is cold.
"""

import json
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian import NOTHING, Machine, bare, run, wheels

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800), pytest.mark.xdist_group("install")]
LIMIT = 120.0
VERSION = "0.1.0"
DATA = "var/lib/appliance"
INSTALL = ("/src/systemd/install", "--wheels", "/wheels", "--watch", "6")
DIES = """    import threading
    threading.Timer(0, lambda: (time.sleep(12), os._exit(7))).start()
    settings, places = """
"""A version that comes up, takes mail, and is gone after a few seconds."""


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root in which `install` ran once, with the network and without systemd: as in an image that is being built."""
    machine = Machine.copy(bare(request.param), tmp_path_factory.mktemp("machine") / "root")
    machine.take_source()
    done = machine.online("/src/systemd/install")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "nothing was started" in done.stdout
    assert "/opt/appliance/current/share/systemd/run" in done.stdout
    if not (machine.root / "wheels").exists():
        shutil.copytree(wheels(machine, request.param), machine.root / "wheels", dirs_exist_ok=True)
    yield machine.root
    shutil.rmtree(machine.root)


@pytest.fixture
def machine(installed: Path, tmp_path: Path) -> Iterator[Machine]:
    """The same machine, fresh for every test, still off."""
    one = Machine.copy(installed, tmp_path / "root")
    yield one
    one.stop()
    shutil.rmtree(one.root)


def until(what: str, done, limit: float = LIMIT):
    end = time.monotonic() + limit
    while not (found := done()):
        assert time.monotonic() < end, what
        select.select([], [], [], 0.2)
    return found


def send(machine: Machine, subject: str) -> None:
    """A mail to port 25, from elsewhere, answered 250."""
    words = ["swaks", "--server", "127.0.0.1:25", "--from", "me@elsewhere.test", "--to", "ann@one.test"]
    done = machine.near(*words, "--helo", "elsewhere.test", "--header", f"Subject: {subject}")
    assert done.returncode == 0, done.stdout[-2000:]


def status(machine: Machine) -> dict:
    return json.loads(machine.must("appliance", "status", "--json"))


def running(machine: Machine) -> str:
    return Path(machine.must("readlink", "/opt/appliance/current").strip()).name


def add_mailbox(machine: Machine) -> None:
    machine.must("appliance", "domain", "add", "one.test")
    machine.must("appliance", "mailbox", "add", "ann@one.test")


def bump(machine: Machine, version: str, before: str = VERSION) -> None:
    machine.edit("pyproject.toml", f'version = "{before}"', f'version = "{version}"')


def add_migration(machine: Machine) -> None:
    directory = machine.root / "src/appliance/store/migrations"
    number = max(int(file.name[1:5]) for file in directory.glob("m????_*.sql")) + 1
    (directory / f"m{number:04}_test.sql").write_text("CREATE TABLE only_newer (id INTEGER PRIMARY KEY) STRICT;\n")


def schema(machine: Machine) -> int:
    return int(machine.must("python3", "/src/systemd/database.py", "schema", f"/{DATA}/appliance.db"))


def owners(path: Path, names: list[str]) -> dict[str, tuple[str, int]]:
    return {name: (oct((path / name).stat().st_mode & 0o7777), (path / name).stat().st_uid) for name in names}


def test_the_first_install_makes_what_the_service_needs_and_nothing_twice(machine):
    etc = machine.root / "etc/appliance"
    assert owners(etc, ["master.key", "appliance.toml", "."]) == {
        "master.key": ("0o400", 0),
        "appliance.toml": ("0o644", 0),
        ".": ("0o755", 0),
    }
    key = (etc / "master.key").read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", key)
    (etc / "appliance.toml").open("a").write("\n# Mine.\n")
    machine.start()
    done = machine.run(*INSTALL)
    assert done.returncode == 0, done.stderr
    # Where a browser goes on.
    assert re.search(r"^ +https://debian\.test/\S+$", done.stdout, re.MULTILINE), done.stdout
    assert (etc / "master.key").read_text() == key
    assert (etc / "appliance.toml").read_text().endswith("# Mine.\n")
    # A repair replaces what it repairs.
    assert [path.name for path in (machine.root / "opt/appliance").iterdir() if not path.is_symlink()] == [
        f"{VERSION}-r2"
    ]
    assert running(machine) == f"{VERSION}-r2"


def test_the_service_takes_mail_under_its_whole_hardening(machine):
    machine.start()
    until("the service is up", lambda: machine.run("systemctl", "is-active", "appliance.service").returncode == 0)
    add_mailbox(machine)
    send(machine, "first")
    found = status(machine)
    assert (found["running"], found["version"], found["counts"]["messages"]) == (True, VERSION, 1)
    assert found["listeners"]["smtp.mx"] == ["0.0.0.0:25", "[::]:25"]
    # What the kernel says of the process: a filter, no capability, no way to more.
    facts = dict(re.findall(r"^(\w+):\t(\S+)", machine.must("cat", f"/proc/{found['pid']}/status"), re.MULTILINE))
    assert (facts["Seccomp"], facts["NoNewPrivs"]) == ("2", "1")
    assert {int(facts[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert Path(f"{machine.root}/{DATA}").stat().st_mode & 0o777 == 0o700
    machine.must("systemctl", "reload", "appliance.service")
    assert status(machine)["pid"] == found["pid"]
    # Nothing was refused that it wanted.
    journal = machine.must("journalctl", "--no-pager", "--output=cat", "--unit=appliance.service")
    assert not re.search(r"not permitted|denied|Traceback|\"level\": \"(warning|error)\"", journal), journal


def test_its_units_are_right_and_tight_for_this_systemd(machine):
    machine.start()
    units = [f"/etc/systemd/system/appliance.{kind}" for kind in ("service", "socket")]
    done = machine.run("systemd-analyze", "verify", "--man=no", *units)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    rated = machine.run("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", units[0])
    assert rated.returncode == 0, rated.stdout[-500:]


def test_a_restart_refuses_nobody(machine):
    """Those who come between the end of the one and the start of the other wait, and are answered."""
    machine.start()
    until("the service is up", lambda: machine.run("systemctl", "is-active", "appliance.service").returncode == 0)
    add_mailbox(machine)
    restart = subprocess.Popen(machine.inside("systemctl", "restart", "appliance.service"))
    while restart.poll() is None:
        send(machine, "meanwhile")
    assert restart.returncode == 0
    send(machine, "after")


def test_an_upgrade_goes_on_with_the_mail_and_keeps_the_version_before(machine):
    machine.start()
    add_mailbox(machine)
    send(machine, "before")
    old = schema(machine)
    bump(machine, "0.2.0")
    add_migration(machine)
    done = machine.run(*INSTALL)
    assert done.returncode == 0, done.stderr
    assert (status(machine)["version"], schema(machine)) == ("0.2.0", old + 1)
    assert status(machine)["counts"]["messages"] == 1
    [copy] = (machine.root / DATA / "upgrade").iterdir()
    assert re.fullmatch(rf"{re.escape(VERSION)}-\d{{8}}T\d{{6}}Z\.db", copy.name)
    assert copy.stat().st_mode & 0o777 == 0o600
    send(machine, "after")
    # Two more: the two newest stay, and three copies.
    for number in (3, 4, 5):
        bump(machine, f"0.{number}.0", f"0.{number - 1}.0")
        assert machine.run(*INSTALL).returncode == 0
    directories = [path.name for path in (machine.root / "opt/appliance").iterdir() if not path.is_symlink()]
    assert sorted(directories) == ["0.4.0", "0.5.0"]
    assert sorted(path.name[:5] for path in (machine.root / DATA / "upgrade").iterdir()) == ["0.2.0", "0.3.0", "0.4.0"]
    assert status(machine)["counts"]["messages"] == 2


def test_a_version_that_does_not_start_is_undone(machine):
    machine.start()
    add_mailbox(machine)
    send(machine, "before")
    bump(machine, "0.2.0")
    machine.edit(
        "appliance/serving.py", "    settings, places = ", '    raise SystemExit("no, never")\n    settings, places = '
    )
    done = machine.run(*INSTALL)
    assert done.returncode == 1
    assert "no, never" in done.stderr
    assert "going back to 0.1.0" in done.stderr
    assert "the upgrade to 0.2.0 failed, and was undone" in done.stderr
    assert (running(machine), status(machine)["version"]) == (VERSION, VERSION)
    assert [path.name for path in (machine.root / "opt/appliance").glob("0.*")] == [VERSION]
    send(machine, "after")
    assert status(machine)["counts"]["messages"] == 2


def test_a_version_that_cannot_use_the_configuration_changes_nothing(machine):
    machine.start()
    add_mailbox(machine)
    pid = status(machine)["pid"]
    bump(machine, "0.2.0")
    with (machine.root / "etc/appliance/appliance.toml").open("a") as file:
        file.write("\n[nonsense]\nkey = 1\n")
    done = machine.run(*INSTALL)
    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert "what runs is as it was" in done.stderr
    (machine.root / "etc/appliance/appliance.toml").write_text((machine.root / "src/systemd/service.toml").read_text())
    assert (running(machine), status(machine)["pid"]) == (VERSION, pid)
    assert [path.name for path in (machine.root / "opt/appliance").glob("0.*")] == [VERSION]


@pytest.mark.parametrize("migrates", [False, True])
def test_mail_taken_by_a_version_that_does_not_last_is_not_lost(machine, migrates):
    machine.start()
    add_mailbox(machine)
    send(machine, "before")
    old = schema(machine)
    bump(machine, "0.2.0")
    machine.edit("appliance/serving.py", "    settings, places = ", DIES)
    if migrates:
        add_migration(machine)
    words = machine.inside("/src/systemd/install", "--wheels", "/wheels", "--watch", "60")
    install = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def newer() -> bool:
        found = machine.run("appliance", "status", "--json")
        return found.returncode == 0 and json.loads(found.stdout).get("version") == "0.2.0"

    # Asked only once the switch is made, for without a daemon the command opens the database itself.
    until(
        "the newer one is up", lambda: running(machine) == "0.2.0" and (machine.root / DATA / "control.sock").exists()
    )
    until("the newer one answers", newer)
    send(machine, "meanwhile")
    said, complaint = install.communicate(timeout=300)
    assert install.returncode == 1, said + complaint
    assert "the upgrade to 0.2.0 failed, and was undone" in complaint
    assert (status(machine)["version"], schema(machine)) == (VERSION, old)
    assert status(machine)["counts"]["messages"] == (1 if migrates else 2)
    failed = list((machine.root / DATA / "upgrade").glob("failed-0.2.0-*.db"))
    assert len(failed) == (1 if migrates else 0)
    if migrates:
        assert "Messages that came in meanwhile: 1." in complaint
        assert str(failed[0]).removeprefix(str(machine.root)) in complaint
    send(machine, "after")


def test_without_systemd_what_was_running_is_run_again(machine):
    machine.start(NOTHING)
    service = subprocess.Popen(machine.inside("/opt/appliance/current/share/systemd/run"), stderr=subprocess.DEVNULL)
    until("it answers", lambda: (machine.root / DATA / "control.sock").exists())
    until("it is up", lambda: machine.near("bash", "-c", ": </dev/tcp/127.0.0.1/25").returncode == 0)
    add_mailbox(machine)
    send(machine, "before")
    bump(machine, "0.2.0")
    add_migration(machine)
    done = machine.run(*INSTALL)
    assert done.returncode == 0, done.stderr
    assert service.wait(timeout=30) == 0
    assert (status(machine)["version"], status(machine)["counts"]["messages"]) == ("0.2.0", 1)
    bump(machine, "0.3.0", "0.2.0")
    machine.edit(
        "appliance/serving.py", "    settings, places = ", '    raise SystemExit("no, never")\n    settings, places = '
    )
    done = machine.run(*INSTALL)
    assert done.returncode == 1
    assert "Version 0.2.0 runs again" in done.stderr
    send(machine, "after")
    owner = machine.must("stat", "-c", "%U", f"/proc/{status(machine)['pid']}").strip()
    assert owner == "appliance"
    assert machine.run("/opt/appliance/current/share/systemd/uninstall").returncode == 0
    assert machine.near("bash", "-c", ": </dev/tcp/127.0.0.1/25").returncode != 0


def test_another_program_on_our_ports_is_named_and_left_alone(machine):
    machine.start()
    machine.must("systemctl", "disable", "--now", "appliance.socket", "appliance.service")
    listen = "use IO::Socket::INET; $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1:25'); sleep 1000"
    machine.must("systemd-run", "--unit=other-mail", "perl", "-e", listen)
    until("it listens", lambda: machine.near("bash", "-c", ": </dev/tcp/127.0.0.1/25").returncode == 0)
    done = machine.run(*INSTALL)
    assert done.returncode == 1
    assert re.fullmatch(
        r"install: port 25 is held by perl \(pid \d+, Debian package perl-base\): "
        r"stop it by 'systemctl disable --now other-mail\.service', then run this again\n",
        done.stderr,
    )
    assert running(machine) == VERSION
    machine.must("systemctl", "stop", "other-mail")
    assert machine.run(*INSTALL).returncode == 0


def test_a_port_that_is_left_to_another_program_is_no_obstacle(machine):
    machine.start()
    ports = (machine.root / "src/systemd/appliance.socket").read_text()
    kept = [line for line in ports.splitlines() if line.startswith("ListenStream=") and not line.endswith(":80")]
    drop_in = machine.root / "etc/systemd/system/appliance.socket.d/override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("\n".join(["[Socket]", "ListenStream=", *kept, ""]))
    configuration = machine.root / "etc/appliance/appliance.toml"
    configuration.write_text(configuration.read_text().replace('http = ["0.0.0.0:80"]', "http = []"))
    machine.must("systemctl", "daemon-reload")
    machine.must("systemctl", "stop", "appliance.socket", "appliance.service")
    listen = "use IO::Socket::INET; $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '0.0.0.0:80'); sleep 1000"
    machine.must("systemd-run", "--unit=other-web", "perl", "-e", listen)
    until("it listens", lambda: machine.near("bash", "-c", ": </dev/tcp/127.0.0.1/80").returncode == 0)
    done = machine.run(*INSTALL)
    assert done.returncode == 0, done.stderr
    assert "http.http" not in {key for key, where in status(machine)["listeners"].items() if where}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--wheels", "/nowhere"), r"--wheels /nowhere: no such directory"),
        (("--watch", "long"), r"--watch long: allowed are seconds"),
        (("--frobnicate",), r"--frobnicate: no such option"),
    ],
)
def test_a_wrong_option_is_one_line(installed, words, line):
    done = run(["chroot", str(installed), "/src/systemd/install", *words])
    assert done.returncode == 1
    assert re.fullmatch(rf"install: {line}.*\n", done.stderr)


def test_another_debian_is_refused(machine):
    release = machine.root / "etc/os-release"
    release.unlink()
    release.write_text('ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04"\n')
    done = run(["chroot", str(machine.root), "/src/systemd/install"])
    assert (done.returncode, done.stderr) == (1, "install: this is Ubuntu 24.04; Debian 12 and 13 are supported\n")


def test_uninstall_keeps_the_mail_and_purge_does_not(machine):
    machine.start()
    add_mailbox(machine)
    send(machine, "kept")
    uninstall = "/src/systemd/uninstall"
    done = machine.run("/opt/appliance/current/share/systemd/uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    assert not any((machine.root / path).exists() for path in ("opt/appliance", "usr/local/bin/appliance"))
    assert machine.near("bash", "-c", ": </dev/tcp/127.0.0.1/25").returncode != 0
    assert (machine.root / DATA / "appliance.db").exists()
    assert machine.run(*INSTALL).returncode == 0
    assert status(machine)["counts"]["messages"] == 1
    refused = machine.run("sh", "-c", f"echo another | {uninstall} --purge")
    assert refused.returncode == 1
    assert "nothing was removed" in refused.stderr
    assert status(machine)["running"]
    assert machine.run("sh", "-c", f"echo debian.test | {uninstall} --purge").returncode == 0
    assert not any((machine.root / path).exists() for path in ("opt/appliance", DATA, "etc/appliance"))
    assert machine.run("getent", "passwd", "appliance").returncode != 0

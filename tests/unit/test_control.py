"""The control socket: who gets in, what a request may be, and that errors keep their exit code on the way."""

import asyncio
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from appliance.control.client import ask, connect
from appliance.control.door import perform
from appliance.control.house import Caller, House, LiveInfo, Progress
from appliance.control.place import MAX_PATH
from appliance.control.reply import FAILED, MAX_REQUEST, NOT_FOUND, RETRY, SOCKET, USAGE, VerbError
from appliance.control.server import ControlServer, peer_uid
from appliance.control.table import VERBS, run_verb
from appliance.control.verb import Arguments
from appliance.identity.password import Parameters, Passwords
from appliance.ids import IdMaker
from appliance.store.lock import DataLock
from appliance.store.store import open_store
from config.places import resolve
from config.settings import Server, Settings

LIVE = LiveInfo(4711, 0, lambda: {"smtp.mx": ["127.0.0.1:25"]}, lambda: {"smtp": 2})


def now() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = Settings(server=Server(data_dir=str(tmp_path / "data"), hostname="mail.test", disk_reserve=0))
    store = open_store(tmp_path / "data", now=now, ids=IdMaker(now))
    passwords = Passwords(Parameters(memory_kib=64, passes=1, lanes=1))
    yield House(settings, resolve(settings, {}), store, passwords, now, LIVE)
    passwords.close()
    store.close()


@pytest.fixture
async def server(house: House) -> AsyncIterator[ControlServer]:
    serving = ControlServer(house.store.data_dir, house)
    await serving.start()
    yield serving
    await serving.close()


async def call(data_dir: Path, verb: str, **args: object) -> Any:
    """One verb through the socket, as the command line would do it."""

    def blocking() -> object:
        connected = connect(data_dir)
        assert connected is not None
        return ask(connected, verb, args, lambda _: None)

    return await asyncio.to_thread(blocking)


async def raw(data_dir: Path, data: bytes) -> dict[str, Any]:
    """The answer to bytes that our own client would never send."""
    reader, writer = await asyncio.open_unix_connection(str(data_dir / SOCKET))
    writer.write(data)
    answer = await reader.readline()
    writer.close()
    found: dict[str, Any] = msgspec.json.decode(answer)
    return found


async def test_verbs_travel(house: House, server: ControlServer) -> None:
    data_dir = house.store.data_dir
    added = await call(data_dir, "domain.add", domain="One.test")
    assert (added["domain"], added["unknown"], added["subaddress"]) == ("one.test", "reject", "+")
    assert [one["domain"] for one in await call(data_dir, "domain.list")] == ["one.test"]
    assert [entry.actor for entry in house.store.audit.newest()] == [f"cli:{os.geteuid()}"]


async def test_status_of_the_daemon(house: House, server: ControlServer) -> None:
    status = await call(house.store.data_dir, "status")
    assert (status["running"], status["pid"], status["sessions"]) == (True, 4711, {"smtp": 2})
    assert status["listeners"] == {"smtp.mx": ["127.0.0.1:25"]}
    assert status["counts"] == {"domains": 0, "mailboxes": 0, "messages": 0, "bytes": 0}
    assert status["disk"]["ok"] is True


@pytest.mark.parametrize(
    ("verb", "args", "code", "words"),
    [
        ("domain.show", {"domain": "none.test"}, NOT_FOUND, "no domain none.test"),
        ("domain.show", {"domain": "a b"}, USAGE, "domain"),
        ("domain.show", {}, USAGE, "domain"),
        ("domain.show", {"domain": 3}, USAGE, "str"),
        ("domain.show", {"domain": "a.test", "more": 1}, USAGE, "more"),
        ("domain.fly", {}, USAGE, "no verb 'domain.fly'"),
        ("mailbox.invite", {"address": "x@none.test"}, NOT_FOUND, "no mailbox"),
        ("mailbox.claim", {"token": "x", "password": "y"}, FAILED, "token"),
        ("address.reject", {"address": "x@one.test", "code": 250}, USAGE, "code 250"),
    ],
)
async def test_errors_keep_their_exit_code(
    house: House, server: ControlServer, verb: str, args: dict[str, object], code: int, words: str
) -> None:
    with pytest.raises(VerbError, match=words) as caught:
        await call(house.store.data_dir, verb, **args)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b'{"verb": 1}\n',
        b'{"verb": "status", "x": 1}\n',
        b"\xff\xfe\n",
        b"[" * 9999 + b"\n",
    ],
)
async def test_what_is_no_request_is_refused(house: House, server: ControlServer, data: bytes) -> None:
    answer = await raw(house.store.data_dir, data)
    assert answer["exit"] == USAGE
    assert answer["error"].startswith("not a request: ")


async def test_a_request_is_bounded(house: House, server: ControlServer) -> None:
    answer = await raw(house.store.data_dir, b"x" * (MAX_REQUEST + 2))
    assert answer == {"error": f"the request is longer than {MAX_REQUEST} bytes", "exit": USAGE}


async def test_an_error_of_ours_ends_neither_daemon_nor_client(
    house: House, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> object:
        raise KeyError("secret details")

    broken = msgspec.structs.replace(VERBS["status"], act=failing)
    monkeypatch.setattr("appliance.control.table.VERBS", {**VERBS, "status": broken})
    with pytest.raises(VerbError, match="status failed inside: KeyError; the log has more"):
        await call(house.store.data_dir, "status")


async def test_only_its_user_gets_in(house: House) -> None:
    server = ControlServer(house.store.data_dir, house, allowed=frozenset({54321}))
    await server.start()
    with pytest.raises(VerbError, match=f"user {os.geteuid()} may not"):
        await call(house.store.data_dir, "domain.list")
    await server.close()


async def test_the_socket_is_its_owners_alone_and_goes_with_the_daemon(house: House, server: ControlServer) -> None:
    path = house.store.data_dir / SOCKET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await server.close()
    assert not path.exists()
    assert connect(house.store.data_dir) is None


async def test_a_socket_left_by_a_kill_is_replaced(house: House) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(house.store.data_dir / SOCKET))
    left.close()
    assert connect(house.store.data_dir) is None
    server = ControlServer(house.store.data_dir, house)
    await server.start()
    assert await call(house.store.data_dir, "domain.list") == []
    await server.close()


async def test_a_data_directory_deeper_than_a_socket_path_is_long(house: House, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    assert len(str(deep)) > MAX_PATH
    server = ControlServer(deep, house)
    await server.start()
    assert await call(deep, "domain.list") == []
    await server.close()


async def test_what_is_no_socket_is_named(tmp_path: Path) -> None:
    (tmp_path / SOCKET).write_text("")
    with pytest.raises(VerbError, match=r"control\.sock is no socket"):
        connect(tmp_path)


async def test_progress_comes_before_the_result(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def counting(house: House, caller: Caller, args: Arguments) -> str:
        for done in (1, 2):
            await caller.progress(Progress("counting", done, 2))
        return "done"

    long_verb = msgspec.structs.replace(VERBS["status"], act=counting)
    monkeypatch.setattr("appliance.control.table.VERBS", {**VERBS, "status": long_verb})
    server = ControlServer(house.store.data_dir, house)
    await server.start()
    seen: list[int] = []

    def blocking() -> object:
        connected = connect(house.store.data_dir)
        assert connected is not None
        return ask(connected, "status", {}, lambda state: seen.append(state["done"]))

    assert await asyncio.to_thread(blocking) == "done"
    assert seen == [1, 2]
    await server.close()


async def test_a_daemon_that_ends_under_a_request_is_an_error(tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / SOCKET))
    listening.listen()

    def hang_up() -> None:
        other, _ = listening.accept()
        other.recv(1000)
        other.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(hang_up))
        with pytest.raises(VerbError, match="the daemon"):
            await call(tmp_path, "status")
    listening.close()


def test_the_kernel_names_the_peer() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    assert peer_uid(one) == os.geteuid()
    one.close()
    other.close()


def test_it_serves_on_the_loop_of_the_daemon_too(house: House) -> None:
    async def once() -> object:
        server = ControlServer(house.store.data_dir, house)
        await server.start()
        try:
            return await call(house.store.data_dir, "domain.list")
        finally:
            await server.close()

    assert uvloop.run(once()) == []


async def test_lists_are_whole_whatever_their_length(house: House) -> None:
    async def silent(_: Progress) -> None: ...

    caller = Caller("cli:0", silent)
    for i in range(205):
        await run_verb(house, caller, "domain.add", {"domain": f"d{i:03}.test"})
    found: Any = await run_verb(house, caller, "domain.list", {})
    assert [one["domain"] for one in found] == [f"d{i:03}.test" for i in range(205)]


def test_a_directory_that_somebody_holds_and_nobody_answers_for_is_a_reason_to_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.control.door.WAIT_SECONDS", 0)
    settings = Settings(server=Server(data_dir=str(tmp_path / "data")))
    with DataLock(tmp_path / "data"), pytest.raises(VerbError, match=f"pid {os.getpid()}.*try again") as caught:
        perform(settings, resolve(settings, {}), "domain.list", {}, lambda _: None)
    assert caught.value.code == RETRY

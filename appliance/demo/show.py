"""The demonstration itself: the whole daemon on loopback, filled by SMTP, gone without a trace afterwards.

The letters of a day come within seconds: while they are sent, the daemon's clock runs from yesterday to now.
"""

import asyncio
import contextlib
import secrets
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import msgspec
import uvloop

from appliance import logs, process, provision
from appliance.daemon import Appliance, Sockets
from appliance.demo.clock import Clock
from appliance.demo.letters import Letter, letters
from appliance.demo.sender import Sender, SendError
from appliance.demo.town import ADMINISTRATOR, ALIAS, GONE, HOSTNAME, PLACES, UNCLAIMED, addresses
from appliance.identity.invite import claim
from appliance.identity.operators import make_operator
from appliance.identity.password import Parameters
from appliance.serving import listeners, locked
from appliance.sockets import CannotListen, bind_all, close_all
from appliance.store.errors import StoreError
from config.load import ConfigError
from config.places import resolve
from config.settings import Settings
from config.urls import claim_path, https_url

COSTS = Parameters(memory_kib=19_456, passes=2, lanes=1)
"""Of hashing: OWASP's floor. These passwords are printed on a terminal and are gone with it."""
SLEEPS_FROM = 9.0
"""Hours ago since when one domain is suspended."""
WORDS = ("anchor", "beacon", "breeze", "cutter", "fathom", "harbour", "lantern", "mooring", "rudder", "sextant")
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a word from outside, and a terminal that is closed."""
DRAIN = 1.0
"""Seconds that sessions get to end."""

Told = Callable[[str, int, int], None]
"""A step, how much of it is done, and how much there is; 0 where nobody knows."""


class Ready(msgspec.Struct, frozen=True):
    """What whoever looks around needs."""

    url: str
    administrator: str
    password: str
    """Of everybody."""
    mailboxes: tuple[str, ...]
    ports: dict[str, int]
    """By key of the configuration."""
    invite: str
    accepted: int
    refused: int


def show(told: Told, ready: Callable[[Ready], None]) -> int:
    """Runs until one of ENDS, and leaves nothing behind, whenever that comes; gives the exit code.

    Raises ConfigError with one line where the machine does not allow it.
    """
    process.prepare()
    logs.configure("warning")
    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="appliance-demo-") as name:
        try:
            with _bound() as (settings, sockets):
                settings = _at(settings, Path(name))
                places = resolve(settings, {})
                with locked(places), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    clock = Clock(process.microseconds)
                    appliance = Appliance(settings, places, sockets, now=clock, costs=COSTS)
                    return runner.run(_run(appliance, clock, told, ready))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return 0
        except (SendError, StoreError, OSError) as error:
            raise ConfigError(f"the demonstration did not start: {error}") from error
        finally:
            _deaf()


async def _run(appliance: Appliance, clock: Clock, told: Told, ready: Callable[[Ready], None]) -> int:
    loop, stop, filling = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def end() -> None:
        stop.set()
        if filling is not None and not over:
            filling.cancel()

    over: list[bool] = []
    for number in ENDS:
        loop.add_signal_handler(number, end)
    told("Starting the server", 0, 0)
    async with appliance:
        shown = await _fill(appliance, clock, told)
        over.append(True)
        ready(shown)
        return await appliance.until(stop)


async def _fill(appliance: Appliance, clock: Clock, told: Told) -> Ready:
    password = f"{secrets.choice(WORDS)}-{secrets.choice(WORDS)}-{secrets.token_hex(4)}"
    told("Making domains and mailboxes", 0, 0)
    invite = await _people(appliance, password)
    accepted, refused = await _post(appliance, clock, password, told)
    clock.move_to(0)
    await appliance.store.record.flush()
    await appliance.store.uptime.join()
    ports = {key: int(sockets[0].getsockname()[1]) for key, sockets in appliance.sockets.items() if sockets}
    https = appliance.addresses["http.https"]
    url, link = (https_url(https, HOSTNAME, path) or "" for path in ("/", claim_path(invite)))
    return Ready(url, ADMINISTRATOR, password, addresses(), ports, link, accepted, refused)


async def _people(appliance: Appliance, password: str) -> str:
    """Everybody of the town; gives the token of the one invite that is left."""
    store, passwords = appliance.store, appliance.passwords
    await make_operator(store, passwords, ADMINISTRATOR, password, source="demo")
    tokens = []
    for place in PLACES:
        first = f"{place.people[0]}@{place.name}"
        policy = {"unknown": "catch-all", "catch_all": first} if place.catches else {}
        await provision.add_domain(store, ADMINISTRATOR, place.name, **policy)
        for person in place.people:
            made = await provision.add_mailbox(store, ADMINISTRATOR, f"{person}@{place.name}", "1GiB")
            tokens.append(made.token)
    await asyncio.gather(*[claim(store, passwords, token, password, "demo") for token in tokens])
    await provision.add_alias(store, ADMINISTRATOR, ALIAS, list(addresses()[:2]))
    await provision.reject_address(store, ADMINISTRATOR, GONE)
    return (await provision.add_mailbox(store, ADMINISTRATOR, UNCLAIMED)).token


async def _post(appliance: Appliance, clock: Clock, password: str, told: Told) -> tuple[int, int]:
    """Every letter by SMTP, the oldest first; how many were taken and how many not."""
    mx = int(appliance.sockets["smtp.mx"][0].getsockname()[1])
    submissions = int(appliance.sockets["smtp.submissions"][0].getsockname()[1])
    wanted = sorted(letters(process.microseconds() / 1_000_000), key=lambda letter: -letter.hours_ago)
    counts, asleep = [0, 0], False
    for number, letter in enumerate(wanted):
        clock.move_to(letter.hours_ago)
        if letter.hours_ago <= SLEEPS_FROM and not asleep:
            asleep = True
            for place in PLACES:
                if place.sleeps:
                    await provision.suspend_domain(appliance.store, ADMINISTRATOR, place.name)
        counts[not await _deliver(letter, mx, submissions, password)] += 1
        told("Sending a day's mail by SMTP", number + 1, len(wanted))
    return counts[0], counts[1]


async def _deliver(letter: Letter, mx: int, submissions: int, password: str) -> bool:
    if letter.stranger is not None:
        sender = await Sender.of_stranger(letter.stranger, mx)
    else:
        sender = await Sender.of_owner(letter.mail_from, password, submissions)
    try:
        taken = await sender.send(letter)
        await sender.quit()
    finally:
        sender.close()
    return taken


def _at(settings: Settings, directory: Path) -> Settings:
    server = msgspec.structs.replace(
        settings.server,
        hostname=HOSTNAME,
        data_dir=str(directory / "data"),
        master_key=str(directory / "master.key"),
        disk_reserve=0,
    )
    limits = msgspec.structs.replace(
        settings.limits, greet_delay=0.0, drain_timeout=DRAIN, unknown_recipients_slow=0, unknown_recipients=0
    )
    return msgspec.structs.replace(settings, server=server, limits=limits)


@contextlib.contextmanager
def _bound() -> Iterator[tuple[Settings, Sockets]]:
    """The listeners of the defaults, each on another port where its own is taken."""
    settings = Settings()
    sockets: dict[str, Sequence[socket.socket]] = {}
    try:
        for key, texts in listeners(settings).items():
            sockets |= _bind(key, texts)
        yield settings, sockets
    finally:
        close_all(sockets)


def _bind(key: str, texts: Sequence[str]) -> Sockets:
    try:
        return bind_all({key: texts})
    except CannotListen:
        pass
    try:
        return bind_all({key: ("127.0.0.1:0",)})
    except CannotListen as error:
        raise ConfigError(f"no port to listen on: {error}") from None


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Until the loop has its own handlers: the signals end the start as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDS}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _deaf() -> None:
    """The directory is about to go: a second Ctrl-C must not stop that half-way."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)

"""The process around the appliance: sockets, lock, signals, and the word to the service manager.

Order of a start: sockets are bound or taken over (a taken port ends it before anything is touched), the data
directory is made and locked, the master key read or made, then the appliance is built. Whatever refuses the start is
one line.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvloop

from appliance import logs, process
from appliance.cli.setup import invitation
from appliance.control.house import House
from appliance.control.setup_verbs import page_url, setup_shape
from appliance.control.shapes import iso
from appliance.daemon import Appliance, Sockets
from appliance.identity.setup_token import MINUTES, open_setup
from appliance.sealing import MasterKeyError, ensure_master_key
from appliance.service import PassedSocketError, ServiceManager, take_sockets
from appliance.sockets import CannotListen, bind_all, close_all
from appliance.store.errors import StoreError
from appliance.store.lock import DataLock
from appliance.store.setup_acts import open_setup_token
from config.load import ConfigError, Loaded
from config.places import Places, resolve
from config.settings import Settings

log = structlog.get_logger("appliance.daemon")

ACTOR = "daemon"
"""Who hands the set-up link out at a start, in audit rows."""
SIGNS_OF_LIFE = 3
"""Signs of life within the watchdog's time: one may be late without harm."""


def serve(loaded: Loaded) -> int:
    """Runs the daemon until a signal ends it; gives the exit code: 0, or 1 when the disk failed.

    Raises ConfigError with one line, naming file, table and key, for whatever refuses the start.
    """
    settings, places = loaded.settings, resolve(loaded.settings, os.environ)
    descriptors = process.prepare()
    logs.configure(settings.server.log_level)
    if descriptors < settings.limits.connections_total:
        log.warning("fewer descriptors than limits.connections_total", descriptors=descriptors)
    manager = ServiceManager(os.environ)
    with bound(loaded) as sockets, locked(places), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(Appliance(settings, places, sockets), manager))


def listeners(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The listeners by their key."""
    return {
        "smtp.mx": settings.smtp.mx,
        "smtp.submission": settings.smtp.submission,
        "smtp.submissions": settings.smtp.submissions,
        "smtp.proxy_listen": settings.smtp.proxy_listen,
        "imap.imap": settings.imap.imap,
        "imap.imaps": settings.imap.imaps,
        "http.http": settings.http.http,
        "http.https": settings.http.https,
    }


@contextmanager
def bound(loaded: Loaded) -> Iterator[Sockets]:
    """All sockets: those of the service manager, the others as configured; or ConfigError and nothing touched."""
    wanted = listeners(loaded.settings)
    try:
        taken = take_sockets(wanted, os.environ)
    except PassedSocketError as error:
        raise ConfigError(str(error)) from None
    try:
        sockets = taken | bind_all({key: texts for key, texts in wanted.items() if key not in taken})
    except CannotListen as error:
        close_all(taken)
        table, _, key = error.key.partition(".")
        source = loaded.origins.get(error.key, "defaults")
        raise ConfigError(f"{source}: [{table}] {key} = {error}") from None
    try:
        yield sockets
    finally:
        close_all(sockets)


@contextmanager
def locked(places: Places) -> Iterator[None]:
    """The data directory and the master key, both made at the first start; nobody else has the directory meanwhile."""
    try:
        lock = DataLock(places.data_dir)
    except StoreError as error:
        raise ConfigError(f"[server] data_dir: {error}") from None
    except OSError as error:
        raise ConfigError(f"[server] data_dir {places.data_dir}: {(error.strerror or str(error)).lower()}") from None
    with lock:
        if places.master_key.resolve().is_relative_to(places.data_dir.resolve()):
            raise ConfigError(f"[server] master_key {places.master_key}: allowed is a file outside the data directory")
        try:
            ensure_master_key(places.master_key, make=True)
        except MasterKeyError as error:
            raise ConfigError(str(error)) from None
        yield


async def _run(appliance: Appliance, manager: ServiceManager) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with appliance:
        loop.add_signal_handler(signal.SIGHUP, _reload, appliance, manager)
        process.settle()
        where = {key: ",".join(addresses) for key, addresses in appliance.addresses.items()}
        log.info("listening", **where, hostname=appliance.hostname(), data_dir=str(appliance.places.data_dir))
        manager.tell("READY=1", f"STATUS=listening as {appliance.hostname()}")
        await _offer_setup(appliance.house)
        signs = loop.create_task(_signs_of_life(manager))
        try:
            return await appliance.until(stop)
        finally:
            signs.cancel()
            manager.tell("STOPPING=1", "STATUS=letting mail under way finish")


async def _offer_setup(house: House) -> None:
    """The way in while there is no administrator: in the log, and plainly where somebody sits at the terminal."""
    if house.store.operators.exist():
        log.info("there is an administrator", sign_in=page_url(house, "/sign-in"))
        return
    waiting = open_setup_token(house.store.engine, house.now())
    if waiting is not None and waiting.created_by != ACTOR:
        # Whoever ran `appliance setup` before the start has a link to follow: it stays good.
        log.info("set-up is open by the link that was made before", valid_until=iso(waiting.expires_at))
        return
    if page_url(house, "/") is None:
        log.warning("no set-up: [http] https lists no listener")
        return
    try:
        found = setup_shape(house, await open_setup(house.store, ACTOR, "cli"))
    except StoreError as error:
        log.warning("no set-up link", error=str(error))
        return
    by_address = {"by_address": found["setup_url_by_address"]} if found["setup_url_by_address"] else {}
    log.info("set-up is open", url=found["setup_url"], **by_address, minutes=MINUTES)
    if sys.stdout.isatty():
        print(f"\n{invitation(found)}\n", flush=True)


def _reload(appliance: Appliance, manager: ServiceManager) -> None:
    manager.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
    appliance.reload_certificate()
    manager.tell("READY=1")


async def _signs_of_life(manager: ServiceManager) -> None:
    """The loop turns: for as long as it does, the watchdog hears of it."""
    while manager.watchdog:
        manager.tell("WATCHDOG=1")
        await asyncio.sleep(manager.watchdog / SIGNS_OF_LIFE)

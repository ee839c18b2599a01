"""Runs a verb without a daemon: in this process, on the database, under its lock."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from appliance.control.client import Shown
from appliance.control.house import Caller, House, Progress
from appliance.control.reply import FAILED, VerbError
from appliance.control.table import run_verb
from appliance.identity.password import Passwords
from appliance.ids import IdMaker
from appliance.logs import configure
from appliance.store.errors import StoreError
from appliance.store.lock import DataLock
from appliance.store.migrate import known_migrations
from appliance.store.store import open_store
from config.places import Places
from config.settings import Settings


def microseconds() -> int:
    """The clock: UTC microseconds."""
    return time.time_ns() // 1000


def preload() -> None:
    """Have in memory what Python would import only on the way, before root's right to read it goes."""
    known_migrations()


def run_offline(
    settings: Settings, places: Places, actor: str, verb: str, args: Mapping[str, object], shown: Shown
) -> object:
    """The verb's result. Raises VerbError, or AlreadyRunning where somebody else holds the lock."""
    make_data_dir(places.data_dir)
    with DataLock(places.data_dir):
        configure("warning")
        try:
            store = open_store(
                places.data_dir,
                now=microseconds,
                ids=IdMaker(microseconds),
                disk_reserve=places.disk_reserve,
                max_message_size=settings.server.max_message_size,
            )
        except StoreError as error:
            raise VerbError(f"{places.data_dir}: {error}", FAILED) from None
        passwords = Passwords()
        try:
            house = House(settings, places, store, passwords, microseconds)
            return asyncio.run(_run(house, actor, verb, args, shown))
        finally:
            passwords.close()
            store.close()


def make_data_dir(data_dir: Path) -> None:
    """The data directory, for its owner alone; raises VerbError where it cannot be."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        next(data_dir.iterdir(), None)
    except PermissionError:
        raise VerbError(f"{data_dir}: permission denied: run this as root or as its owner", FAILED) from None
    except OSError as error:
        raise VerbError(f"{data_dir}: {error.strerror}", FAILED) from None


async def _run(house: House, actor: str, verb: str, args: Mapping[str, object], shown: Shown) -> object:
    async def progress(state: Progress) -> None:
        shown({"step": state.step, "done": state.done, "total": state.total})

    return await run_verb(house, Caller(actor, progress), verb, args)

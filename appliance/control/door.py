"""Runs a verb wherever it can be run: in the daemon, else here."""

import os
import time
from collections.abc import Mapping

from appliance.control.client import Shown, ask, connect
from appliance.control.privileges import drop_to_owner
from appliance.control.reply import RETRY, VerbError
from config.places import Places
from config.settings import Settings

WAIT_SECONDS = 10.0
"""How long a verb waits for another one, or for a daemon that is starting or stopping."""
POLL_SECONDS = 0.05


def perform(settings: Settings, places: Places, verb: str, args: Mapping[str, object], shown: Shown) -> object:
    """The verb's result; raises VerbError. As root it becomes the owner of the data directory on the way."""
    actor = f"cli:{os.getuid()}"
    until = time.monotonic() + WAIT_SECONDS
    while True:
        # The daemon sees who connected, not who writes: so root connects as root, and speaks as the owner.
        connected = connect(places.data_dir)
        if connected is not None:
            drop_to_owner(places.data_dir)
            return ask(connected, verb, args, shown)
        # Imported late, for with a daemon nothing of the store is needed; and before the drop, for the program may
        # be where only root can read.
        from appliance.control.offline import preload, run_offline
        from appliance.store.lock import AlreadyRunning

        preload()
        drop_to_owner(places.data_dir)
        try:
            return run_offline(settings, places, actor, verb, args, shown)
        except AlreadyRunning as error:
            if time.monotonic() > until:
                raise VerbError(f"{error}; it does not answer, try again", RETRY) from None
            time.sleep(POLL_SECONDS)

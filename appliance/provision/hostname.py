"""The server's own name: the configured one, else the one chosen at set-up, else the machine's."""

import structlog

from appliance.provision.record import note
from appliance.provision.values import ProvisionError
from appliance.records import Topic
from appliance.store.engine import Tx
from appliance.store.errors import Conflict
from appliance.store.store import Store
from config.places import Places
from config.settings import Settings
from config.values import parse_hostname

log = structlog.get_logger(__name__)

SETTING = "hostname"
"""Where the chosen name is kept."""
CHANGED = Topic("hostname", 0)
"""Published when another name is chosen."""


def hostname_in_force(settings: Settings, places: Places, store: Store) -> str:
    """The name of this moment, read from the database."""
    return settings.server.hostname or store.settings.get(SETTING) or places.hostname


async def choose_hostname(store: Store, settings: Settings, actor: str, text: str) -> str:
    """Go by another name from now on; gives it as it is kept. Nothing happens where it is the chosen one already.

    Raises ProvisionError, and Conflict where the configuration names the server.
    """
    if settings.server.hostname:
        raise Conflict(f"[server] hostname is set: {settings.server.hostname}")
    name, before = read_hostname(text), store.settings.get(SETTING)

    def job(tx: Tx) -> None:
        store.settings.set(tx, SETTING, name)
        note(store, tx, actor, "server.hostname", name, before={"hostname": before}, after={"hostname": name})
        tx.publish(CHANGED)

    if name != before:
        await store.engine.write(job)
    return name


def read_hostname(text: str) -> str:
    """A host name in lower case; raises ProvisionError."""
    try:
        return parse_hostname(text.strip().removesuffix("."))
    except ValueError:
        raise ProvisionError(
            "this is no host name: allowed are letters, digits, hyphens and dots, such as mail.example.org"
        ) from None


class HostName:
    """The name of this moment, for all that greets with it: called, it gives the name. Follows what is chosen."""

    def __init__(self, settings: Settings, places: Places, store: Store) -> None:
        self._settings, self._places, self._store = settings, places, store
        self._name = hostname_in_force(settings, places, store)
        # Whoever chooses another name is still on a page of the one before; the machine's own leads here in any case.
        self._names = {self._name} if settings.server.hostname else {self._name, places.hostname}
        store.feed.observe(CHANGED.kind, self._look_again)

    def __call__(self) -> str:
        return self._name

    def names(self, name: str) -> bool:
        """Whether this server goes by a name, or went by it since it started."""
        return name in self._names

    def _look_again(self, topic: Topic) -> None:
        self._name = hostname_in_force(self._settings, self._places, self._store)
        self._names.add(self._name)
        log.info("the server has another name", hostname=self._name)

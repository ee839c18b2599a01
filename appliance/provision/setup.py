"""How far set-up has come: kept in settings, so that it can be left at any step and resumed by any administrator."""

import msgspec

from appliance.identity.setup_token import FIRST_STEP, STEP
from appliance.provision.domains import set_domain
from appliance.provision.lookups import find_home
from appliance.provision.mailboxes import Invitation, add_mailbox
from appliance.provision.record import note
from appliance.store.engine import Tx
from appliance.store.store import Store

STEPS = (FIRST_STEP, "domain", "mailbox", "done")
"""What follows the administrator, in order."""
DOMAIN, MAILBOX, CATCH_ALL = "setup.domain", "setup.mailbox", "setup.catch_all"
"""Names of settings: the domain and the mailbox that were made first, and the domain whose first mailbox is to catch
all; each unset until then."""


ADDRESS = "web.address"
"""Name of the setting with the IP address at which the server was set up: behind NAT, it is not known otherwise."""


class Progress(msgspec.Struct, frozen=True):
    """How far set-up has come."""

    step: str
    """The step it stands at, "" where it is over or never began."""
    domain: str
    mailbox: str
    catch_all: str
    """The domain whose unknown recipients the first mailbox is to get."""

    @property
    def is_open(self) -> bool:
        """Whether there is anything to go on with."""
        return self.step in STEPS


def progress(store: Store) -> Progress:
    """As it stands now."""
    return Progress(*(store.settings.get(name) for name in (STEP, DOMAIN, MAILBOX, CATCH_ALL)))


def unfinished(store: Store) -> bool:
    """Whether set-up began and is neither done nor dismissed."""
    return store.settings.get(STEP) in STEPS


async def reach(store: Store, step: str, **made: str) -> None:
    """Set-up has come to a step, never back; `made` are settings of this room, such as `domain`."""
    here = store.settings.get(STEP)
    named = {"domain": DOMAIN, "mailbox": MAILBOX, "catch_all": CATCH_ALL}

    def job(tx: Tx) -> None:
        if here in STEPS and STEPS.index(step) > STEPS.index(here):
            store.settings.set(tx, STEP, step)
        for name, value in made.items():
            store.settings.set(tx, named[name], value)

    await store.engine.write(job)


async def finish(store: Store, actor: str, act: str, address: str = "") -> None:
    """Set-up is over; `act` is how: "setup.done" or "setup.dismiss".

    `address` is the IP address at which the pages were reached, "" where they were by a name: they stay there.
    """

    def job(tx: Tx) -> None:
        for name in (STEP, DOMAIN, MAILBOX, CATCH_ALL):
            store.settings.unset(tx, name)
        if address:
            store.settings.set(tx, ADDRESS, address)
        note(store, tx, actor, act, "", after={"address": address} if address else None)

    await store.engine.write(job)


async def add_first_mailbox(store: Store, actor: str, address: str) -> Invitation:
    """A mailbox; where its domain is to be caught by the first one, it catches all from the moment it exists.

    Raises what `add_mailbox` and `set_domain` raise.
    """
    domain, wanted = find_home(store, address)
    if domain.name == store.settings.get(CATCH_ALL) and store.directory.account(wanted.text) is None:
        # It waits for the mailbox, and another address that is tried next takes its place.
        await set_domain(store, actor, domain.name, unknown="catch-all", catch_all=wanted.text)
    made = await add_mailbox(store, actor, address)
    await reach(store, "done", mailbox=made.account.address, catch_all="")
    return made

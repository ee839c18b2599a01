"""The one table of verbs, and what becomes of their errors."""

from collections.abc import Mapping

import structlog

from appliance.control import (
    address_verbs,
    domain_verbs,
    mailbox_verbs,
    server_verbs,
    session_verbs,
    setup_verbs,
    trace_verbs,
)
from appliance.control.house import Caller, House
from appliance.control.reply import FAILED, NOT_FOUND, RETRY, USAGE, VerbError
from appliance.control.verb import Verb
from appliance.identity.invite import ClaimRefused
from appliance.identity.password import PasswordsBusy
from appliance.provision import ProvisionError
from appliance.store.errors import NotFound, StoreBusy, StoreError, StoreFull, StoreTimeout

log = structlog.get_logger("appliance.control")

VERBS: Mapping[str, Verb] = {
    **server_verbs.VERBS,
    **domain_verbs.VERBS,
    **address_verbs.VERBS,
    **mailbox_verbs.VERBS,
    **session_verbs.VERBS,
    **trace_verbs.VERBS,
    **setup_verbs.VERBS,
}
"""Every verb of daemon and command line, by name."""

CODES: tuple[tuple[type[Exception], int], ...] = (
    (ProvisionError, USAGE),
    (NotFound, NOT_FOUND),
    (StoreBusy, RETRY),
    (StoreFull, RETRY),
    (StoreTimeout, RETRY),
    (StoreError, FAILED),
    (ClaimRefused, FAILED),
)
"""Exit code of each kind of error that is meant for the caller; the first that fits."""


async def run_verb(house: House, caller: Caller, name: str, args: Mapping[str, object]) -> object:
    """The verb's result; raises VerbError, and nothing else but what ends the task."""
    verb = VERBS.get(name)
    if verb is None:
        raise VerbError(f"no verb {name!r:.60}: the daemon may be of another version", USAGE)
    try:
        return await verb.run(house, caller, args)
    except PasswordsBusy:
        raise VerbError("too many passwords are being hashed just now, try again", RETRY) from None
    except (VerbError, ConnectionError, TimeoutError):
        raise
    except Exception as error:
        code = next((code for kind, code in CODES if isinstance(error, kind)), None)
        if code is not None:
            raise VerbError(str(error), code) from error
        log.exception("a verb failed", verb=name, actor=caller.actor)
        raise VerbError(f"{name} failed inside: {type(error).__name__}; the log has more", FAILED) from error

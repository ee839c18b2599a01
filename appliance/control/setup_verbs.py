"""The verb that hands out the link with which the first administrator begins."""

from appliance.control.house import Caller, House
from appliance.control.reply import FAILED, VerbError
from appliance.control.shapes import Shape, iso
from appliance.control.verb import Arguments, Verb
from appliance.identity.setup_token import MINUTES, SetupToken, open_setup
from appliance.provision.record import SOURCE
from appliance.sockets import outward_address
from config.urls import address_url, https_url, setup_path


async def link(house: House, caller: Caller, args: Arguments) -> Shape:
    """A new set-up link; the one before ends."""
    if house.store.operators.exist():
        where = page_url(house, "/sign-in")
        raise VerbError(f"there is an administrator already{f': sign in at {where}' if where else ''}", FAILED)
    if page_url(house, "/") is None:
        raise VerbError("[http] https lists no listener: set-up is a page and needs one", FAILED)
    return setup_shape(house, await open_setup(house.store, caller.actor, SOURCE))


def setup_shape(house: House, made: SetupToken) -> Shape:
    """The link; also by the machine's address, for as long as its name leads nowhere."""
    listeners, path = _listeners(house), setup_path(made.token)
    outward = next(iter(house.settings.server.addresses), "") or outward_address()
    return {
        "setup_url": page_url(house, path),
        "setup_url_by_address": address_url(listeners, outward, path),
        "expires_at": iso(made.expires_at),
        "valid_minutes": MINUTES,
        "self_signed": not house.settings.tls.certificate,
        "running": house.live is not None,
    }


def page_url(house: House, path: str) -> str | None:
    """The whole address of a page, None where no HTTPS is served."""
    return https_url(_listeners(house), house.hostname, path)


def _listeners(house: House) -> list[str]:
    return house.live.listeners().get("http.https", []) if house.live else list(house.settings.http.https)


VERBS = {"setup.link": Verb(Arguments, link)}

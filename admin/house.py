"""What pages work with; made by the daemon, one for each process."""

import secrets
from collections.abc import Callable

import msgspec

from admin.host_checks import HostChecks
from admin.pace import Pace
from admin.templating import Templates, templates
from appliance.control.house import LiveInfo
from appliance.dns.resolver import Resolver
from appliance.identity.login import Logins
from appliance.identity.password import Passwords
from appliance.identity.throttle import Throttle
from appliance.provision.hostname import HostName
from appliance.store.store import Store
from config.places import Places
from config.settings import Settings
from config.urls import https_url


class WebHouse(msgspec.Struct, frozen=True):
    """All that a page may use."""

    settings: Settings
    places: Places
    store: Store
    passwords: Passwords
    logins: Logins
    resolver: Resolver
    live: LiveInfo
    now: Callable[[], int]
    """UTC microseconds."""
    new_id: Callable[[], int]
    """Trace ids of requests."""
    hostname: HostName
    """This server's name now."""
    host_checks: HostChecks
    """The look at this host."""
    pace: Pace = msgspec.field(default_factory=Pace)
    """How many passwords are judged while they are typed."""
    guesses: Throttle = msgspec.field(default_factory=Throttle)
    """Tries of links that are none of ours, by address."""
    flash_key: bytes = msgspec.field(default_factory=lambda: secrets.token_bytes(32))
    """Signs the messages left for the next page; a start of the server forgets those under way."""
    templates: Templates = msgspec.field(default_factory=templates)

    @property
    def https(self) -> list[str]:
        """Where the pages are served, as `address:port`."""
        return self.live.listeners().get("http.https", [])

    def url(self, path: str) -> str:
        """The whole address of a page, to hand to somebody; "" where no HTTPS is served."""
        return https_url(self.https, self.hostname(), path) or ""

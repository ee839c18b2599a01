"""What the DNS says of where a domain's mail goes now, in words, and what follows for its state here."""

from typing import Literal

import msgspec

from appliance.dns.answers import Answer, Failed, Found, MailHost, NotFound, NullMx
from appliance.provision.hostname import HostName

SHOWN = 2
"""Mail servers that are named."""


class Arrival(msgspec.Struct, frozen=True):
    """Where mail goes, and the state that fits."""

    words: str
    state: Literal["live", "arriving"]
    kind: Literal["ok", "waiting", "warning", "off"]


def arrival(answer: Answer[MailHost] | NullMx, domain: str, hostname: HostName) -> Arrival:
    """The answer to the question for a domain's MX."""
    match answer:
        case Found(records=hosts):
            names = [host.name for host in hosts]
            if any(hostname.names(name) for name in names):
                return Arrival(f"Mail for {domain} is sent to this server already.", "live", "ok")
            more = ", ..." if len(names) > SHOWN else ""
            return Arrival(f"Mail for {domain} goes to {', '.join(names[:SHOWN])}{more} now.", "arriving", "waiting")
        case NullMx():
            return Arrival(
                f"The DNS says that {domain} takes no mail. Change its MX record when you are ready.", "live", "off"
            )
        case NotFound():
            return Arrival(f"No other server takes mail for {domain}: it has no MX record.", "live", "off")
        case Failed(detail=detail):
            return Arrival(f"Where its mail goes now could not be looked up: {detail}.", "live", "warning")

"""Verbs on live sessions: only the running daemon has any."""

from appliance import provision
from appliance.control.house import Caller, House
from appliance.control.reply import NOT_FOUND, USAGE, VerbError
from appliance.control.shapes import Shape, iso
from appliance.control.verb import Arguments, Verb
from appliance.ids import id_text, parse_id
from appliance.provision.sign_ins import end_session
from appliance.sessions import PROTOCOLS, LiveSession


class Which(Arguments, frozen=True, kw_only=True):
    """Only those of a mailbox, or of a protocol; null for all."""

    account: str | None = None
    protocol: str | None = None


class One(Arguments, frozen=True):
    """A session by the 13 characters of its id."""

    id: str


async def list_all(house: House, caller: Caller, args: Which) -> list[Shape]:
    """Live sessions, the oldest first."""
    if args.protocol is not None and args.protocol not in PROTOCOLS:
        raise VerbError(f"protocol {args.protocol!r:.40}: allowed is one of {', '.join(PROTOCOLS)}", USAGE)
    account = None if args.account is None else provision.find_mailbox(house.store, args.account).address
    if house.live is None:
        return []
    return [_shape(live) for live in house.live.live_sessions.find(account=account, protocol=args.protocol)]


async def kick(house: House, caller: Caller, args: One) -> Shape:
    """End a session with its protocol's goodbye."""
    live = None
    if house.live is not None:
        try:
            live = house.live.live_sessions.get(parse_id(args.id))
        except ValueError as error:
            raise VerbError(str(error), USAGE) from None
    if house.live is None or live is None:
        raise VerbError(f"no live session {args.id!r:.40}", NOT_FOUND)
    shape = _shape(live)
    await end_session(house.store, caller.actor, house.live.live_sessions, live)
    return shape


def _shape(live: LiveSession) -> Shape:
    return {
        "id": id_text(live.id),
        "protocol": live.protocol,
        "account": live.account or None,
        "address": live.peer.address,
        "port": live.peer.port,
        "tls": live.tls_version or None,
        "cipher": live.tls_cipher or None,
        "client": live.client or None,
        "since": iso(live.since),
        "received": live.received,
        "sent": live.sent,
    }


VERBS = {
    "sessions.list": Verb(Which, list_all),
    "sessions.kick": Verb(One, kick),
}

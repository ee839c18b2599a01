"""The audit row of an act, in the act's own transaction."""

from collections.abc import Mapping

import msgspec

from appliance.store.engine import Tx
from appliance.store.store import Store

SOURCE = "cli"
"""Where acts come from when nobody says: the command line on this machine."""


class Actor(str):
    """Who acts, as `cli:<uid>` or an e-mail address, and where from; a plain text acts on this machine."""

    source: str

    def __new__(cls, name: str, source: str = SOURCE) -> "Actor":
        """`source` is an IP address, or "cli"."""
        made = super().__new__(cls, name)
        made.source = source
        return made


def note(
    store: Store,
    tx: Tx,
    actor: str,
    act: str,
    what: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Say who did what to what; `before` and `after` are only what the act changed, never a secret."""
    source = actor.source if isinstance(actor, Actor) else SOURCE
    store.audit.append(tx, actor, act, what, _json(before), _json(after), source)


def _json(values: Mapping[str, object] | None) -> str:
    return "" if values is None else msgspec.json.encode(values, order="sorted").decode()

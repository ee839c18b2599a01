"""The audit row of an act, in the act's own transaction."""

from collections.abc import Mapping

import msgspec

from appliance.store.engine import Tx
from appliance.store.store import Store

SOURCE = "cli"
"""Where these acts come from: the command line on this machine."""


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
    store.audit.append(tx, actor, act, what, _json(before), _json(after), SOURCE)


def _json(values: Mapping[str, object] | None) -> str:
    return "" if values is None else msgspec.json.encode(values, order="sorted").decode()

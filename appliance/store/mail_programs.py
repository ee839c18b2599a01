"""Which mail programs signed in to an account, as far as the record goes back."""

import msgspec

from appliance.store.engine import Engine

_NEWEST = """
SELECT client_id, peer, started, ended FROM imap_session WHERE account = ? ORDER BY id DESC LIMIT ?
"""


class MailProgram(msgspec.Struct, frozen=True):
    """One IMAP session of an account."""

    client: str
    """What it said of itself, "" where it said nothing."""
    peer: str
    started: int
    ended: int | None


def mail_programs(engine: Engine, account: int, limit: int) -> tuple[MailProgram, ...]:
    """The newest sessions of an account. Small: read inline."""
    return tuple([MailProgram(*row) for row in engine.reader.execute(_NEWEST, (account, limit)).fetchall()])

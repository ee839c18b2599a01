"""Acts on what people are signed in with: what opens something is revoked, a live session ended.

A password is not among it: once it is gone nobody could make another, for an invite exists only for a mailbox that
nobody has claimed. Suspending the mailbox keeps everybody out, and can be undone.
"""

import datetime

from appliance.ids import id_text
from appliance.provision.lookups import find_mailbox
from appliance.provision.record import note
from appliance.records import Credential
from appliance.sessions import LiveSession, Sessions
from appliance.store.credential_acts import revoke
from appliance.store.credentials import ACCOUNT_OWNER, INVITE
from appliance.store.engine import Tx
from appliance.store.errors import Conflict, NotFound
from appliance.store.session_acts import SESSION
from appliance.store.store import Store

REVOCABLE = (INVITE, SESSION)
"""Kinds of credentials that an administrator may revoke."""


async def revoke_credential(store: Store, actor: str, address: str, credential: int) -> Credential:
    """Let an invite or a web session of a mailbox open nothing any more. Raises NotFound, Conflict."""
    account = find_mailbox(store, address)

    def job(tx: Tx) -> Credential:
        row = revoke(tx, credential)
        if (row.owner_kind, row.owner) != (ACCOUNT_OWNER, account.id):
            raise NotFound("no such credential")
        if row.kind not in REVOCABLE:
            raise Conflict("a password is its owner's: suspend the mailbox to keep everybody out")
        note(store, tx, actor, "credential.revoke", account.address, before={"id": id_text(row.id), "kind": row.kind})
        return row

    return await store.engine.write(job)


async def end_session(store: Store, actor: str, sessions: Sessions, live: LiveSession) -> None:
    """End a live session with its protocol's goodbye; the audit row is there before it ends."""
    since = datetime.datetime.fromtimestamp(live.since // 1_000_000, datetime.UTC)
    facts = {
        "protocol": live.protocol,
        "account": live.account or None,
        "address": live.peer.address,
        "since": since.isoformat().replace("+00:00", "Z"),
    }
    await store.engine.write(lambda tx: note(store, tx, actor, "sessions.kick", id_text(live.id), before=facts))
    sessions.end(live.id)

"""Acts on addresses that are no mailbox: aliases, and addresses that refuse mail."""

from collections.abc import Sequence

from appliance.provision.lookups import find_home, find_mailbox
from appliance.provision.record import note
from appliance.provision.values import read_reject
from appliance.records import AddressInfo
from appliance.store import directory_acts as acts
from appliance.store.engine import Tx
from appliance.store.errors import NotFound
from appliance.store.store import Store


async def add_alias(store: Store, actor: str, address: str, targets: Sequence[str]) -> AddressInfo:
    """Let mail for an address go to one or several mailboxes of this server."""
    domain, alias = find_home(store, address)
    accounts = [find_mailbox(store, target) for target in targets]

    def job(tx: Tx) -> AddressInfo:
        added = acts.add_alias(tx, domain.id, alias.localpart, [account.id for account in accounts])
        note(store, tx, actor, "alias.add", alias.text, after={"targets": [account.address for account in accounts]})
        return added

    return await store.engine.write(job)


async def remove_alias(store: Store, actor: str, address: str) -> AddressInfo:
    """Remove an alias."""
    return await _remove(store, actor, address, "alias", "alias")


async def reject_address(
    store: Store, actor: str, address: str, code: int | None = None, text: str | None = None
) -> AddressInfo:
    """Refuse mail for an address with a code and text of its own."""
    reply_code, reply_text = read_reject(code, text)
    domain, rejected = find_home(store, address)

    def job(tx: Tx) -> AddressInfo:
        added = acts.add_reject(tx, domain.id, rejected.localpart, reply_code, reply_text)
        note(store, tx, actor, "address.reject", rejected.text, after={"code": reply_code, "text": reply_text})
        return added

    return await store.engine.write(job)


async def remove_reject(store: Store, actor: str, address: str) -> AddressInfo:
    """Remove a reject-address."""
    return await _remove(store, actor, address, "reject", "reject-address")


async def _remove(store: Store, actor: str, text: str, kind: str, words: str) -> AddressInfo:
    domain, address = find_home(store, text)

    def job(tx: Tx) -> AddressInfo:
        there = acts.require_address(tx, domain.id, address.localpart)
        if there.kind != kind:
            raise NotFound(f"no {words} {address.text}")
        acts.remove_address(tx, domain.id, address.localpart)
        before = {"code": there.code, "text": there.text} if kind == "reject" else {"targets": len(there.accounts)}
        note(store, tx, actor, f"{'address' if kind == 'reject' else kind}.rm", address.text, before=before)
        return there

    return await store.engine.write(job)

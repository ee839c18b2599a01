"""Who watches a sign-in hears at once when it would be refused now."""

from pathlib import Path

import pytest

from appliance.identity.login import Login
from appliance.identity.watch import REVOKED, SUSPENDED, watch
from appliance.records import Account
from appliance.store import account_acts
from tests.imap_house import ImapHouse, play


@pytest.mark.parametrize(("act", "why"), [("suspend", SUSPENDED), ("revoke", REVOKED)])
def test_the_watcher_is_told_once(tmp_path: Path, act: str, why: str) -> None:
    async def journey(house: ImapHouse) -> None:
        address = await house.account("joe")
        ended, changes, stopped = list[str](), list[Account](), list[str]()
        account = house.store.directory.account(address)
        assert account is not None
        credential = house.store.credentials.password_of(account.id)
        assert credential is not None
        login = Login(account, credential.id)
        watch(house.store, login, ended.append, changes.append)
        watch(house.store, login, stopped.append)()
        await house.store.engine.write(lambda tx: account_acts.set_account(tx, account.id, quota_bytes=5))
        assert [one.quota_bytes for one in changes] == [5]
        await getattr(house, act)(address)
        await house.store.engine.write(lambda tx: account_acts.set_account(tx, account.id, quota_bytes=6))
        assert ended == [why]
        assert stopped == []
        assert len(changes) == 1

    play(ImapHouse(tmp_path), journey)

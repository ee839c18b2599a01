"""The audit log: a row for each act in the act's own transaction, chained so that a change shows."""

import pytest

from appliance.store.errors import Conflict
from tests.store_house import StoreHouse


@pytest.fixture
def store(tmp_path):
    house = StoreHouse(tmp_path / "data")
    yield house.store
    house.close()


async def fill(store, count=3):
    for number in range(count):
        await store.engine.write(
            lambda tx, number=number: store.audit.append(
                tx, "cli:0", "domain.add", f"d{number}.example", after=f'{{"name":"ü{number}"}}', source="cli"
            )
        )


async def test_acts_are_numbered_and_chained(store):
    await fill(store)
    entries = store.audit.newest()
    assert [entry.seq for entry in entries] == [3, 2, 1]
    assert entries[0].previous_hash == entries[1].hash
    assert entries[2].previous_hash == bytes(32)
    assert store.audit.verify() is None


async def test_an_act_that_fails_leaves_no_row(store):
    def job(tx):
        store.audit.append(tx, "cli:0", "domain.add", "d.example")
        raise Conflict("no")

    with pytest.raises(Conflict):
        await store.engine.write(job)
    assert store.audit.newest() == ()


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE audit SET actor = 'cli:1' WHERE seq = 2", 2),
        ("UPDATE audit SET after = '' WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 3", 3),
        ("UPDATE audit SET seq = 9 WHERE seq = 3", 3),
        ("UPDATE audit SET actor = actor", None),
    ],
)
async def test_the_first_broken_link_is_found(store, sql, broken):
    await fill(store)
    await store.engine.write(lambda tx: tx.execute(sql))
    assert store.audit.verify() == broken


async def test_a_long_chain_is_verified_in_pieces(store):
    def job(tx):
        for number in range(2500):
            store.audit.append(tx, "cli:0", "act", str(number))

    await store.engine.write(job)
    assert store.audit.verify() is None


async def test_settings_are_set_replaced_and_unset(store):
    assert store.settings.get("hostname", "none") == "none"
    await store.engine.write(lambda tx: store.settings.set(tx, "hostname", "a.example"))
    await store.engine.write(lambda tx: store.settings.set(tx, "hostname", "b.example"))
    assert store.settings.get("hostname") == "b.example"
    assert store.settings.all() == {"hostname": "b.example"}
    await store.engine.write(lambda tx: store.settings.unset(tx, "hostname"))
    assert store.settings.all() == {}

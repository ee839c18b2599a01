"""The server's own name: what is in force, and choosing another."""

from pathlib import Path

import msgspec
import pytest

from appliance.provision import Actor, ProvisionError
from appliance.provision.hostname import HostName, choose_hostname, hostname_in_force
from appliance.store.errors import Conflict
from config.places import resolve
from config.settings import Server, Settings
from tests.store_house import StoreHouse

PLACES = msgspec.structs.replace(resolve(Settings(server=Server(data_dir="/x", master_key="/y")), {}), hostname="vm")
OPEN, NAMED = Settings(), Settings(server=Server(hostname="set.example"))
ACTOR = Actor("root@admin.test", "192.0.2.9")


@pytest.fixture
def house(tmp_path: Path):
    one = StoreHouse(tmp_path)
    yield one
    one.close()


async def test_a_chosen_name_is_in_force_at_once_and_lasts(house: StoreHouse) -> None:
    name = HostName(OPEN, PLACES, house.store)
    assert name() == "vm"
    assert await choose_hostname(house.store, OPEN, ACTOR, " Mail.One.TEST. ") == "mail.one.test"
    assert name() == hostname_in_force(OPEN, PLACES, house.store) == "mail.one.test"
    assert [name.names(one) for one in ("mail.one.test", "vm", "other.test")] == [True, True, False]
    await choose_hostname(house.store, OPEN, ACTOR, "mx.one.test")
    assert (name(), name.names("mail.one.test")) == ("mx.one.test", True)
    again = HostName(OPEN, PLACES, house.store)
    assert (again(), again.names("mail.one.test")) == ("mx.one.test", False)


async def test_each_change_is_one_audit_row(house: StoreHouse) -> None:
    for text in ("a.test", "a.test", "b.test"):
        await choose_hostname(house.store, OPEN, ACTOR, text)
    rows = [(row.actor, row.act, row.before, row.after, row.source) for row in house.store.audit.newest()]
    assert rows == [
        (ACTOR, "server.hostname", '{"hostname":"a.test"}', '{"hostname":"b.test"}', "192.0.2.9"),
        (ACTOR, "server.hostname", '{"hostname":""}', '{"hostname":"a.test"}', "192.0.2.9"),
    ]


async def test_the_configured_name_wins_and_cannot_be_changed(house: StoreHouse) -> None:
    await choose_hostname(house.store, OPEN, ACTOR, "a.test")
    assert HostName(NAMED, PLACES, house.store)() == "set.example"
    with pytest.raises(Conflict, match=r"set\.example"):
        await choose_hostname(house.store, NAMED, ACTOR, "b.test")


@pytest.mark.parametrize("text", ["", "a b", "-a.test", "192.0.2.1", "a..b", "x" * 300, "a\nb", "é.test"])
async def test_what_is_no_name_is_refused_in_one_line(house: StoreHouse, text: str) -> None:
    with pytest.raises(ProvisionError, match="no host name") as refused:
        await choose_hostname(house.store, OPEN, ACTOR, text)
    assert "\n" not in str(refused.value)

"""The list of domains: every order, page by page, in both directions, while rows come and go."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.store import directory_acts
from appliance.store.domain_list import COLUMNS, domain_page
from appliance.store.keyset import Slice
from tests.store_house import StoreHouse


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[StoreHouse]:
    house = StoreHouse(tmp_path)
    for number in range(13):
        domain = await house.domain(f"d{number:02}.test", state="arriving" if number % 4 == 1 else "live")
        for one in range(number % 3):
            await house.account(f"u{one}@d{number:02}.test")
        await house.sql("UPDATE domain SET used_bytes = ? WHERE id = ?", (number % 5, domain.id))
        house.time += 1
    await house.do(directory_acts.suspend_domain, domain.id)
    yield house
    house.close()


def names(house: StoreHouse, wanted: Slice, **filters: str) -> list[str]:
    return [row.domain.name for row in domain_page(house.store.engine, wanted, **filters).rows]


@pytest.mark.parametrize("sort", sorted(COLUMNS))
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_show_every_row_once_forwards_and_backwards(house: StoreHouse, sort: str, descending: bool) -> None:
    whole = names(house, Slice(sort, descending))
    assert len(whole) == 13
    forwards: list[str] = []
    mark, more = None, True
    while more:
        page = domain_page(house.store.engine, Slice(sort, descending, after=mark, limit=5))
        forwards += [row.domain.name for row in page.rows]
        mark, more = page.marks[-1], page.more
    assert forwards == whole
    backwards: list[str] = []
    more = True
    while more:
        page = domain_page(house.store.engine, Slice(sort, descending, before=mark, limit=5))
        backwards = [row.domain.name for row in page.rows] + backwards
        mark, more = page.marks[0], page.more
    assert backwards == whole[:-1]


async def test_a_page_goes_on_where_the_one_before_ended_though_rows_went(house: StoreHouse) -> None:
    page = domain_page(house.store.engine, Slice("name", limit=3))
    await house.do(directory_acts.remove_domain, page.rows[0].domain.id)
    assert names(house, Slice("name", after=page.marks[-1], limit=2)) == ["d03.test", "d04.test"]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"find": "D0"}, 10),
        ({"find": "%"}, 0),
        ({"find": "_"}, 0),
        ({"find": "' OR 1=1 --"}, 0),
        ({"state": "arriving"}, 3),
        ({"state": "suspended"}, 1),
        ({"state": "live", "find": "d1"}, 2),
        ({"state": "nonsense"}, 13),
    ],
)
async def test_filters(house: StoreHouse, filters: dict[str, str], count: int) -> None:
    page = domain_page(house.store.engine, Slice("name"), **filters)
    assert (len(page.rows), page.total) == (count, count)


@pytest.mark.parametrize("mark", [("x", 5), (5, "x"), (-1, ""), ("", "")])
async def test_a_place_of_another_kind_does_no_harm(house: StoreHouse, mark: tuple[object, ...]) -> None:
    for sort in COLUMNS:
        domain_page(house.store.engine, Slice(sort, after=mark))
        domain_page(house.store.engine, Slice(sort, before=mark))

"""Who guesses addresses is slowed down, then shut out: by address and by network, whatever session asks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.networks import neighbourhood
from smtp.harvest import NETWORK_FACTOR, WINDOW_US, Harvest

SLOW, MOST = 5, 20
HOME, NEIGHBOUR, FAR = "192.0.2.1", "192.0.2.2", "198.51.100.1"


def guessed(harvest: Harvest, address: str, times: int, now: int = 0) -> Harvest:
    for _ in range(times):
        harvest.unknown(address, now)
    return harvest


@pytest.mark.parametrize(
    ("times", "verdict"), [(0, "free"), (4, "free"), (5, "slow"), (19, "slow"), (20, "shut"), (900, "shut")]
)
def test_an_address_by_its_guesses(times: int, verdict: str) -> None:
    assert guessed(Harvest(SLOW, MOST), HOME, times).judge(HOME, 1) == verdict


def test_one_bad_neighbour_locks_nobody_out() -> None:
    harvest = Harvest(SLOW, MOST)
    while harvest.judge(HOME, 0) != "shut":  # it is asked first each time, as sessions are
        harvest.unknown(HOME, 0)
    assert (harvest.judge(NEIGHBOUR, 1), harvest.judge(FAR, 1)) == ("free", "free")


@pytest.mark.parametrize(
    ("hops", "stranger", "far"),
    [
        ([f"192.0.2.{n}" for n in range(100, 200)], "192.0.2.9", "192.0.3.9"),
        ([f"2001:db8:0:1::{n:x}" for n in range(100, 200)], "2001:db8:0:1:ffff::", "2001:db8:0:2::1"),
    ],
    ids=["/24", "/64"],
)
def test_hopping_between_addresses_shuts_out_the_network(hops: list[str], stranger: str, far: str) -> None:
    harvest = Harvest(SLOW, MOST)
    for number, address in enumerate(hops):
        expected = "slow" if number >= SLOW * NETWORK_FACTOR else "free"
        assert harvest.judge(address, 0) == expected
        harvest.unknown(address, 0)
    assert [harvest.judge(address, 0) for address in (hops[0], stranger, far)] == ["shut", "shut", "free"]


def test_who_brings_mail_is_judged_by_himself_while_he_guesses_little() -> None:
    harvest = Harvest(SLOW, MOST)
    harvest.delivered(HOME)
    for n in range(MOST * NETWORK_FACTOR):
        harvest.unknown(f"192.0.2.{n % 200 + 10}", 0)
    assert (harvest.judge(HOME, 0), harvest.judge(NEIGHBOUR, 0)) == ("free", "shut")
    guessed(harvest, HOME, SLOW - 1)
    assert harvest.judge(HOME, 0) == "free"
    guessed(harvest, HOME, 1)
    assert harvest.judge(HOME, 0) == "shut"


def test_a_message_halves_its_own_count_only() -> None:
    harvest = guessed(Harvest(SLOW, MOST), HOME, 12)
    guessed(harvest, FAR, 6)
    harvest.delivered(HOME)
    assert (harvest.judge(HOME, 0), harvest.judge(FAR, 0)) == ("slow", "slow")
    harvest.delivered(HOME)
    assert (harvest.judge(HOME, 0), harvest.judge(FAR, 0)) == ("free", "slow")


def test_an_account_is_a_network_of_its_own() -> None:
    harvest = Harvest(SLOW, MOST)
    for n in range(10):
        guessed(harvest, f"192.0.2.{n + 10}", 15)
        guessed(harvest, f"account {n + 10}", 15)
    assert (harvest.judge(NEIGHBOUR, 0), harvest.judge("account 1", 0)) == ("shut", "free")
    guessed(harvest, "account 1", MOST)
    assert harvest.judge("account 1", 0) == "shut"


def test_it_ends_with_the_window_and_not_before() -> None:
    harvest = guessed(Harvest(SLOW, MOST), HOME, MOST, now=1000)
    assert harvest.judge(HOME, 999 + WINDOW_US) == "shut"
    assert harvest.judge(HOME, 1000 + WINDOW_US) == "free"
    guessed(harvest, HOME, SLOW, now=1000 + WINDOW_US)
    assert harvest.judge(HOME, 1000 + WINDOW_US) == "slow"


def test_a_clock_that_steps_back_keeps_nobody_out() -> None:
    assert guessed(Harvest(SLOW, MOST), HOME, MOST, now=WINDOW_US).judge(HOME, 0) == "free"


def test_zero_is_no_bound() -> None:
    assert guessed(Harvest(0, 0), HOME, 10_000).judge(HOME, 0) == "free"
    assert guessed(Harvest(0, 3), HOME, 2).judge(HOME, 0) == "free"
    assert guessed(Harvest(3, 0), HOME, 10_000).judge(HOME, 0) == "slow"


def test_the_tables_are_bounded() -> None:
    harvest = Harvest(SLOW, MOST, max_entries=4)
    for n in range(50):
        harvest.unknown(f"192.0.{n}.1", n)
        harvest.delivered(f"192.0.{n}.1")
    assert max(len(harvest._addresses), len(harvest._networks), len(harvest._good)) == 4


ADDRESSES = st.sampled_from([HOME, NEIGHBOUR, FAR, "2001:db8::1", "2001:db8::2", ""])
EVENTS = st.lists(st.tuples(ADDRESSES, st.integers(0, 2 * WINDOW_US), st.sampled_from("uud")), max_size=300)


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_no_order_of_events_lets_more_through_than_the_bounds(events: list[tuple[str, int, str]]) -> None:
    """Answers about unknown recipients in one window, asked as a session asks, with no message taken."""
    harvest, answered, times = Harvest(2, 4), dict[str, int](), sorted(at for _, at, _ in events)
    for (address, _, kind), at in zip(events, times, strict=True):
        if kind == "d" or at >= WINDOW_US or harvest.judge(address, at) == "shut":
            continue
        harvest.unknown(address, at)
        answered[address] = answered.get(address, 0) + 1
    assert max(answered.values(), default=0) <= 4
    networks: dict[str, int] = {}
    for address, count in answered.items():
        networks[neighbourhood(address)] = networks.get(neighbourhood(address), 0) + count
    assert max(networks.values(), default=0) <= 4 * NETWORK_FACTOR


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_any_order_of_events_and_times_is_judged(events: list[tuple[str, int, str]]) -> None:
    harvest = Harvest(2, 4, max_entries=2)
    for address, at, kind in events:
        if kind == "d":
            harvest.delivered(address)
        else:
            harvest.unknown(address, at)
        assert harvest.judge(address, at) in ("free", "slow", "shut")
        assert max(len(harvest._addresses), len(harvest._networks), len(harvest._good)) <= 2

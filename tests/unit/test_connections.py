"""Connections are counted in all and by address, and 0 is no bound."""

import pytest

from appliance.connections import ConnectionCounter, patience, under_stress


def test_bounds_are_named_and_a_refused_connection_is_not_counted() -> None:
    counter = ConnectionCounter(total=3, per_address=2)
    answers = [counter.admit(address) for address in ("a", "a", "a", "b", "c")]
    assert answers == [None, None, "address", None, "total"]
    assert counter.open == 3
    counter.leave("a")
    assert counter.admit("c") is None


def test_a_place_is_given_back_once() -> None:
    counter = ConnectionCounter(total=1, per_address=0)
    release = counter.place("a")
    assert release is not None
    assert counter.place("a") is None
    release()
    release()
    assert counter.open == 0


def test_one_that_waits_for_its_address_takes_a_place_and_breaks_no_bound() -> None:
    counter = ConnectionCounter(total=2, per_address=1)
    for _ in range(3):
        counter.wait()
    assert (counter.open, counter.stressed, counter.admit("a")) == (3, True, "total")
    for _ in range(3):
        counter.waited()
        assert counter.open < 3
    assert [counter.admit("a"), counter.admit("a"), counter.admit("b")] == [None, "address", None]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_zero_is_unlimited(address: str) -> None:
    counter = ConnectionCounter(0, 0)
    assert all(counter.admit(address) is None for _ in range(100))


@pytest.mark.parametrize(
    ("taken", "total", "stress"),
    [(0, 10, False), (8, 10, False), (9, 10, True), (10, 10, True), (10_000, 0, False), (1, 1, True)],
)
def test_stress_begins_above_four_fifths_of_the_places(taken: int, total: int, stress: bool) -> None:
    assert under_stress(taken, total) is stress


@pytest.mark.parametrize(
    ("seconds", "stress", "signed_in", "waits"),
    [
        (300.0, False, False, 300.0),
        (300.0, True, False, 10.0),
        (5.0, True, False, 5.0),
        (0.0, False, False, 0.0),
        (0.0, True, False, 10.0),
        (1800.0, True, True, 1800.0),
    ],
)
def test_under_stress_strangers_are_hurried(seconds: float, stress: bool, signed_in: bool, waits: float) -> None:
    assert patience(seconds, stress=stress, signed_in=signed_in) == waits


def test_a_counter_knows_stress_by_its_places() -> None:
    counter = ConnectionCounter(total=10, per_address=0)
    seen = []
    for _ in range(10):
        counter.admit("a")
        seen.append(counter.stressed)
    assert seen == [False] * 8 + [True] * 2
    counter.leave("a")
    counter.leave("a")
    assert not counter.stressed

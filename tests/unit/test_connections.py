"""Connections are counted in all and by address, and 0 is no bound."""

import pytest

from appliance.connections import ConnectionCounter


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


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_zero_is_unlimited(address: str) -> None:
    counter = ConnectionCounter(0, 0)
    assert all(counter.admit(address) is None for _ in range(100))

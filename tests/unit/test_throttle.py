"""The throttle: free tries, growing delays, an address shut out, an owner never locked out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.identity.throttle import GO_ON, MAX_DELAY, SHUT_OUT_US, WINDOW_US, Throttle

SECOND = 1_000_000
ANNA, BERT = "anna@a.example", "bert@a.example"
HOME, OTHER = "192.0.2.1", "198.51.100.7"


def failing(throttle, times, account=ANNA, address=OTHER, now=0):
    for _ in range(times):
        throttle.failed(account, address, now)


@pytest.mark.parametrize(("failures", "delay"), [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (8, 8), (9, 16)])
def test_five_are_free_then_the_delay_doubles(failures, delay):
    throttle = Throttle()
    failing(throttle, failures)
    decision = throttle.decide(ANNA, OTHER, SECOND)
    assert (decision.delay, decision.refused_for) == (delay, 0)


def test_ten_shut_the_address_out_for_fifteen_minutes_for_every_account():
    throttle = Throttle()
    failing(throttle, 10)
    assert throttle.decide(BERT, OTHER, 60 * SECOND).refused_for == 14 * 60
    assert throttle.decide(BERT, OTHER, SHUT_OUT_US - 1).refused_for > 0
    assert throttle.decide(BERT, OTHER, SHUT_OUT_US) == GO_ON


def test_many_addresses_slow_the_account_for_strangers_but_never_shut_it():
    throttle = Throttle()
    for i in range(100):
        throttle.failed(ANNA, f"203.0.113.{i}", 0)
    decision = throttle.decide(ANNA, OTHER, SECOND)
    assert (decision.delay, decision.refused_for) == (MAX_DELAY, 0)
    assert throttle.decide(BERT, OTHER, SECOND) == GO_ON


def test_an_address_that_was_good_for_the_account_passes_the_flood():
    throttle = Throttle()
    throttle.succeeded(ANNA, HOME)
    for i in range(100):
        throttle.failed(ANNA, f"203.0.113.{i}", 0)
    failing(throttle, 10, account=BERT, address=HOME)
    assert throttle.decide(ANNA, HOME, SECOND) == GO_ON
    assert throttle.decide(BERT, HOME, SECOND).refused_for > 0
    assert throttle.decide(ANNA, OTHER, SECOND, known=True) == GO_ON


def test_a_good_address_is_still_shut_out_by_its_own_failures():
    throttle = Throttle()
    throttle.succeeded(ANNA, HOME)
    failing(throttle, 10, address=HOME)
    assert throttle.decide(ANNA, HOME, SECOND).refused_for > 0


def test_signing_in_to_an_own_account_does_not_free_the_address_for_guessing():
    throttle = Throttle()
    failing(throttle, 9)
    throttle.succeeded(BERT, OTHER)
    assert throttle.decide(ANNA, OTHER, SECOND).delay == 16


def test_failures_are_forgotten_after_ten_minutes():
    throttle = Throttle()
    failing(throttle, 9)
    assert throttle.decide(ANNA, OTHER, WINDOW_US) == GO_ON
    throttle.failed(ANNA, OTHER, WINDOW_US)
    assert throttle.decide(ANNA, OTHER, WINDOW_US + 1) == GO_ON


def test_a_clock_that_steps_back_shuts_nobody_out_for_longer():
    throttle = Throttle()
    failing(throttle, 10, now=10 * SHUT_OUT_US)
    assert throttle.decide(BERT, OTHER, 0).refused_for == SHUT_OUT_US / SECOND


def test_the_tables_are_bounded():
    throttle = Throttle(max_entries=4)
    for i in range(50):
        throttle.failed(f"u{i}@a.example", f"203.0.113.{i}", i)
        throttle.succeeded(f"u{i}@a.example", f"203.0.113.{i}")
    assert max(len(throttle._accounts), len(throttle._addresses), len(throttle._pairs), len(throttle._known)) <= 4


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([ANNA, BERT]), st.sampled_from([HOME, OTHER]), st.integers(0, 10**10), st.booleans())
    )
)
def test_whatever_happens_delays_and_refusals_stay_in_bounds(events):
    throttle = Throttle(max_entries=3)
    for account, address, now, good in events:
        decision = throttle.decide(account, address, now)
        assert 0 <= decision.delay <= MAX_DELAY
        assert 0 <= decision.refused_for <= SHUT_OUT_US / SECOND
        if good:
            throttle.succeeded(account, address)
        else:
            throttle.failed(account, address, now)

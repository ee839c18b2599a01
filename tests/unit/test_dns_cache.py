"""The cache: TTLs are kept to the second, and nothing grows without bound."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.dns.answers import Answer, Failed, Found, NotFound
from appliance.dns.cache import Cache, lifetime


def found(ttl: int, record: int = 1) -> Found[int]:
    return Found((record,), ttl, False)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (found(0), 0),
        (found(1), 1),
        (found(86_400), 86_400),
        (found(2**31 - 1), 86_400),
        (NotFound("nxdomain", 0), 0),
        (NotFound("nodata", 900), 900),
        (NotFound("nxdomain", 86_400), 3_600),
        (Failed("servfail", "SERVFAIL"), 1),
        (Failed("timeout", "no answer"), 1),
        (Failed("bad name", "no name"), 0),
    ],
)
def test_how_long_an_answer_is_kept(answer: Answer[int], seconds: int) -> None:
    assert lifetime(answer) == seconds


def test_the_ttl_runs_down_and_out() -> None:
    cache: Cache[int] = Cache()
    cache.put("a.test", "A", found(100), 50, 1000)
    assert [cache.get("a.test", "A", now) for now in (1000, 1040.5, 1099.9)] == [found(100), found(59), found(1)]
    assert cache.get("a.test", "AAAA", 1000) is None
    assert cache.get("a.test", "A", 1100) is None
    assert (len(cache), cache.size) == (0, 0)


def test_a_new_answer_takes_the_place_of_the_old_one_even_if_it_may_not_be_kept() -> None:
    cache: Cache[int] = Cache()
    cache.put("a.test", "A", found(100, 1), 50, 0)
    cache.put("a.test", "A", found(100, 2), 70, 0)
    assert (cache.get("a.test", "A", 0), len(cache), cache.size) == (found(100, 2), 1, 70)
    cache.put("a.test", "A", found(0, 3), 70, 0)
    assert (cache.get("a.test", "A", 0), len(cache), cache.size) == (None, 0, 0)


def test_the_least_recently_used_goes_first() -> None:
    cache: Cache[int] = Cache(entries=2)
    cache.put("a.test", "A", found(9), 1, 0)
    cache.put("b.test", "A", found(9), 1, 0)
    cache.get("a.test", "A", 0)
    cache.put("c.test", "A", found(9), 1, 0)
    assert [cache.get(name, "A", 0) is not None for name in ("a.test", "b.test", "c.test")] == [True, False, True]


def test_octets_are_bounded_too() -> None:
    cache: Cache[int] = Cache(octets=100)
    cache.put("a.test", "A", found(9), 60, 0)
    cache.put("b.test", "A", found(9), 60, 0)
    assert (cache.get("a.test", "A", 0), cache.size) == (None, 60)
    cache.put("c.test", "A", found(9), 101, 0)
    assert (cache.get("c.test", "A", 0), cache.get("b.test", "A", 0), cache.size) == (None, found(9), 60)


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
ANSWERS = st.one_of(
    st.builds(found, st.integers(0, 200_000), st.integers()),
    st.builds(NotFound, st.sampled_from(["nxdomain", "nodata"]), st.integers(0, 10_000)),
    st.builds(Failed, st.sampled_from(["servfail", "timeout", "bad name"]), st.just("")),
)
STEPS = st.lists(st.tuples(NAMES, st.none() | ANSWERS, st.integers(0, 40), st.integers(0, 5000)), max_size=40)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_it_never_gives_what_it_should_not(steps: list[tuple[str, Answer[int] | None, int, int]]) -> None:
    """Against a plain dictionary: an answer is the last one put, in time, its TTL at most what is left."""
    cache: Cache[int] = Cache(entries=3, octets=100)
    last: dict[str, tuple[Answer[int], int]] = {}
    now = 0
    for name, answer, size, later in steps:
        now += later
        if answer is not None:
            cache.put(name, "A", answer, size, now)
            last[name] = (answer, now)
        given_back = cache.get(name, "A", now)
        if given_back is not None:
            put, at = last[name]
            assert now < at + lifetime(put)
            if isinstance(given_back, Failed):
                assert given_back == put
            else:
                assert 1 <= given_back.ttl <= at + lifetime(put) - now
                assert isinstance(given_back, type(put))
        elif answer is not None:
            assert lifetime(answer) == 0
        assert len(cache) <= 3
        assert 0 <= cache.size <= 100
        assert (cache.size == 0) or len(cache)

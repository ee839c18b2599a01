"""UIDs as runs."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.uid_runs import ascending, uid_runs


@pytest.mark.parametrize(
    ("uids", "runs"),
    [
        ([], []),
        (range(5, 5), []),
        (range(3, 9), [(3, 8)]),
        (range(3, 9, 2), [(3, 3), (5, 5), (7, 7)]),
        ([4], [(4, 4)]),
        ([1, 1, 3], [(1, 1), (3, 3)]),
        ([9, 1, 2, 8], [(1, 2), (8, 9)]),
    ],
)
def test_runs(uids, runs) -> None:
    assert uid_runs(uids) == runs


@given(st.lists(st.integers(1, 60)))
def test_runs_hold_exactly_the_uids(uids) -> None:
    runs = uid_runs(uids)
    assert [uid for first, last in runs for uid in range(first, last + 1)] == sorted(set(uids)) == ascending(uids)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(runs))

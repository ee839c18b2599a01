"""Lists in URLs: what is asked for, and the way to the pages beside."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admin.forms import Fields
from admin.paging import ListAsk, listing, mark_text, read_list, read_mark


def asked(**query: str) -> ListAsk:
    return read_list(Fields(list(query.items())), "/domains", ("name", "used"), {"state": ("live", "suspended")})


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ({}, "/domains"),
        ({"find": " a&b ", "state": "live"}, "/domains?find=a%26b&state=live"),
        ({"sort": "-used"}, "/domains?sort=-used"),
        ({"sort": "name"}, "/domains"),
        ({"sort": "-name"}, "/domains?sort=-name"),
        ({"sort": "password", "state": "all", "after": "!", "before": "x"}, "/domains"),
        ({"find": "\x1b[2J"}, "/domains?find=%5B2J"),
    ],
)
def test_what_cannot_be_read_is_as_if_it_were_not_there(query, url):
    assert asked(**query).url() == url


def test_another_order_begins_anew_and_keeps_the_filter():
    ask = asked(find="a", after=mark_text(("b", "b")))
    assert ask.sorted_by("used") == "/domains?find=a&sort=used"
    assert ask.sorted_by("name") == "/domains?find=a&sort=-name"


@pytest.mark.parametrize(
    ("query", "more", "before", "after"),
    [
        ({}, False, False, False),
        ({}, True, False, True),
        ({"after": mark_text(("a", "a"))}, True, True, True),
        ({"after": mark_text(("a", "a"))}, False, True, False),
        ({"before": mark_text(("d", "d"))}, True, True, True),
        ({"before": mark_text(("d", "d"))}, False, False, True),
    ],
)
def test_the_way_to_the_pages_beside(query, more, before, after):
    page = listing(asked(**query), ["b", "c"], [("b", "b"), ("c", "c")], 4, more=more)
    assert page.before == (f"/domains?before={mark_text(('b', 'b'))}" if before else "")
    assert page.after == (f"/domains?after={mark_text(('c', 'c'))}" if after else "")


def test_a_page_that_became_empty_leads_back_to_the_first():
    page = listing(asked(after=mark_text(("z", "z"))), [], [], 3, more=False)
    assert (page.before, page.after) == ("/domains", "")


@given(
    st.tuples(
        *[st.one_of(st.integers(-(2**62), 2**62), st.text(st.characters(codec="utf-8", categories=["L", "N"])))] * 2
    )
)
@settings(max_examples=100)
def test_a_place_reads_back(mark):
    assert read_mark(mark_text(mark)) == mark


@given(st.text(max_size=80))
@settings(max_examples=100)
def test_any_text_is_a_place_or_none(text):
    mark = read_mark(text)
    assert mark is None or len(mark) == 2


@pytest.mark.parametrize(
    "value", [[1], [1, None], [1.5, "a"], {"a": 1}, [True, "a"], [2**64, "a"], ["a\n", "b"], [[1], 2]]
)
def test_what_is_no_place(value):
    assert read_mark(mark_text(value)) is None

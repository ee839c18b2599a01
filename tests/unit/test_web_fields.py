"""Fields that several forms have: addresses of a domain, several addresses, quotas."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from admin.charts import share
from admin.fields import address_of, quota_of, quota_text, several
from admin.forms import Form
from appliance.provision.values import read_quota


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("ann", "ann@one.test"),
        (" Ann@ONE.test ", "ann@one.test"),
        ('"a b"@one.test', '"a b"@one.test'),
        ("a/b", "a/b@one.test"),
        ("Zoë", "zoë@one.test"),
        ("ann@two.test", ""),
        ("a b", ""),
        ("", ""),
        ("ann@", ""),
        ("@one.test", ""),
        ("a\u202eb", ""),
        ("x" * 500, ""),
    ],
)
def test_an_address_of_the_domain_or_a_fault_beside_the_field(typed, address):
    form = Form(address=typed)
    assert address_of(form, "address", "one.test", missing="Type it.") == address
    assert bool(form.faults) is not bool(address)
    assert set(form.faults) <= {"address"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@x.test", ["a@x.test"]),
        ("a@x.test, b@x.test;c  d", ["a@x.test", "b@x.test", "c", "d"]),
        ('"a b, c"@x.test d', ['"a b, c"@x.test', "d"]),
        (r'"a\" b"@x.test', [r'"a\" b"@x.test']),
        (" ,; ", []),
    ],
)
def test_several_addresses_with_anything_between_them(text, found):
    assert several(text) == found


@settings(max_examples=200)
@given(st.text(alphabet='a @.,;"\\\t<', max_size=200))
def test_several_takes_any_text(text):
    assert all(one and not one.isspace() for one in several(text))


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        ("", None), ("5 GB", 5 << 30), ("5gb", 5 << 30), ("5G", 5 << 30), ("5 GiB", 5 << 30), ("1.5 TB", 1536 << 30),
        ("100", 100), ("100 kB", 100 << 10), ("none", None), ("20MiB", 20 << 20),
    ],
)  # fmt: skip
def test_a_quota_is_in_the_units_that_pages_show(typed, size):
    form = Form(quota=typed)
    assert (read_quota(quota_of(form)), form.faults) == (size, {})


@pytest.mark.parametrize("typed", ["0", "-1", "lots", "5 XB", "1e9", "5 GB GB", "9" * 39, "\x00", "x" * 100])
def test_a_quota_that_is_none_has_its_fault_beside_the_field(typed):
    form = Form(quota=typed)
    quota_of(form)
    assert set(form.faults) == {"quota"}


@settings(max_examples=200)
@example(1 << 50)
@given(st.none() | st.integers(1, (1 << 63) - 1))
def test_a_quota_in_its_field_is_the_quota_to_the_byte(quota):
    form = Form(quota=quota_text(quota))
    assert (read_quota(quota_of(form)), form.faults) == (quota, {})


@pytest.mark.parametrize(
    ("value", "most", "width"), [(0, 0, 0), (0, 9, 0), (-5, 9, 0), (9, 9, 100), (1, 4, 25), (1, 10**9, 0.8)]
)
def test_a_share_is_as_wide_as_it_is_large_and_seen_where_it_is_little(value, most, width):
    assert f'width="{width:.1f}"' in share(value, most)

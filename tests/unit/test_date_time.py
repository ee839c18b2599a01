"""Dates as headers write them, and as the world writes them."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.date_time import date_time, parse_date_time


def micros(text: str) -> int:
    return int((datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06+00:00"),
        (b"21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06+00:00"),
        (b"Tue, 1 Jul 2003 10:52:37 +0200", "2003-07-01T08:52:37+00:00"),
        (b"Thu, 13 Feb 1969 23:32 -0330", "1969-02-14T03:02:00+00:00"),
        (b"Thu, 13 Feb 1969 23:32:54 -0330 (Newfoundland Time)", "1969-02-14T03:02:54+00:00"),
        (b"Thu , 13 (day) Feb (month) 1969 23 : 32", "1969-02-13T23:32:00+00:00"),
        (b"Mon, 1 Jan 01 00:00:00 EST", "2001-01-01T05:00:00+00:00"),
        (b"1 Jan 101 00:00:00 Z", "2001-01-01T00:00:00+00:00"),
        (b"Monday, 01-Jan-2001 00:00:00 UTC", "2001-01-01T00:00:00+00:00"),
        (b"1 January 2001 00:00:00.123 +0000", "2001-01-01T00:00:00+00:00"),
        (b"Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_a_date_is_read(value: bytes, moment: str) -> None:
    assert parse_date_time(value) == micros(moment)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"yesterday",
        b"1 Jan 2001",
        b"32 Jan 2001 00:00:00 +0000",
        b"29 Feb 2001 00:00:00 +0000",
        b"1 Foo 2001 00:00:00 +0000",
        b"1 Jan 0000 00:00:00 +0000",
        b"1 Jan 2001 24:00:00 +0000",
        b"1 Jan 2001 10:60:00 +0000",
    ],
)
def test_what_is_no_date_is_none(value: bytes) -> None:
    assert parse_date_time(value) is None


@settings(max_examples=100)
@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31)))
def test_what_is_written_is_read_back_and_is_what_others_write(moment: datetime) -> None:
    exact = moment.replace(microsecond=0, tzinfo=UTC)
    written = date_time(micros(exact.isoformat()) + 5)
    assert written == format_datetime(exact)
    assert parse_date_time(written.encode()) == micros(exact.isoformat())
    assert parsedate_to_datetime(written) == exact


@settings(max_examples=200)
@given(st.one_of(st.binary(), st.from_regex(rb"[a-z]{3}, \d{1,3} [A-Z][a-z]{2} \d{2,5} \d\d:\d\d:\d\d [+-]\d{4}")))
def test_reading_never_raises(value: bytes) -> None:
    moment = parse_date_time(value)
    assert moment is None or abs(moment) < 1 << 60

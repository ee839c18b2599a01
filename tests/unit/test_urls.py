"""The address of our own pages as people have to write it."""

import pytest

from config.urls import address_url, https_url


@pytest.mark.parametrize(
    ("listeners", "url"),
    [
        (["127.0.0.1:2443"], "https://localhost:2443/i/t"),
        (["[::1]:2443"], "https://localhost:2443/i/t"),
        (["0.0.0.0:443"], "https://mail.test/i/t"),
        (["127.0.0.1:2443", "[::]:8443"], "https://mail.test:8443/i/t"),
        ([], None),
    ],
)
def test_it_names_the_host_and_a_port_that_is_not_the_schemes_own(listeners, url):
    assert https_url(listeners, "mail.test", "/i/t") == url


@pytest.mark.parametrize(
    ("listeners", "outward", "expected"),
    [
        (["0.0.0.0:443"], "192.0.2.1", "https://192.0.2.1/x"),
        (["0.0.0.0:8443", "127.0.0.1:2443"], "192.0.2.1", "https://192.0.2.1:8443/x"),
        (["127.0.0.1:2443", "198.51.100.7:443"], "192.0.2.1", "https://198.51.100.7/x"),
        (["[::]:443"], "2001:db8::1", "https://[2001:db8::1]/x"),
        (["0.0.0.0:443"], "", None),
        (["127.0.0.1:2443"], "192.0.2.1", None),
        ([], "192.0.2.1", None),
    ],
)
def test_by_address_while_no_name_leads_here(listeners, outward, expected):
    assert address_url(listeners, outward, "/x") == expected

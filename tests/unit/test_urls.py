"""The address of our own pages as people have to write it."""

import pytest

from config.urls import https_url


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

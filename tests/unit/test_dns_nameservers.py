"""Whom to ask: the configuration, resolv.conf as it changes, and in which order."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.dns.nameservers import (
    LOCAL,
    LOOK_AGAIN,
    SHUNNED,
    Nameserver,
    Rotation,
    SystemNameservers,
    nameservers,
    parse_resolv_conf,
)
from config.settings import Dns


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("nameserver 192.0.2.53", ["192.0.2.53"]),
        ("# by hand\n; too\nnameserver\t192.0.2.53  # ours\nsearch a.test\noptions ndots:3", ["192.0.2.53"]),
        ("nameserver ::1\nnameserver fe80::1%lo\n", ["::1", "fe80::1%lo"]),
        ("nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.2", ["192.0.2.1", "192.0.2.2"]),
        ("".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 6)), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        ("nameserver dns.example\nnameserver\n nameserver 192.0.2.9", ["192.0.2.9"]),
        ("nameservers 192.0.2.1\n#nameserver 192.0.2.2", ["127.0.0.1"]),
        ("search a.test\ndomain b.test", ["127.0.0.1"]),
        ("", ["127.0.0.1"]),
    ],
)
def test_resolv_conf(text: str, addresses: list[str]) -> None:
    assert parse_resolv_conf(text) == tuple(Nameserver(address, 53) for address in addresses)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_resolv_conf_gives_somebody_to_ask(text: str) -> None:
    assert 1 <= len(parse_resolv_conf(text)) <= 3


def test_resolv_conf_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A server that starts before its network finds an empty file, and must not keep to it."""
    clock, file = Clock(), tmp_path / "resolv.conf"
    source = SystemNameservers(clock, file)
    assert source() == (LOCAL,)
    file.write_text("nameserver 192.0.2.1")
    assert source() == (LOCAL,)
    clock.seconds += LOOK_AGAIN
    assert source() == (Nameserver("192.0.2.1"),)
    file.unlink()
    clock.seconds += LOOK_AGAIN
    assert source() == (Nameserver("192.0.2.1"),)
    (tmp_path / "new").write_text("nameserver 192.0.2.22")
    (tmp_path / "new").rename(file)
    clock.seconds += LOOK_AGAIN
    assert source() == (Nameserver("192.0.2.22"),)


def test_the_configuration_comes_before_the_system() -> None:
    source = nameservers(Dns(nameservers=("192.0.2.1:53", "[::1]:5353")), Clock())
    assert source() == (Nameserver("192.0.2.1", 53), Nameserver("::1", 5353))
    assert [one.text for one in source()] == ["192.0.2.1:53", "[::1]:5353"]
    assert isinstance(nameservers(Dns(), Clock()), SystemNameservers)


def test_the_first_to_be_asked_changes_and_the_silent_come_last() -> None:
    a, b, c = (Nameserver(f"192.0.2.{n}") for n in (1, 2, 3))
    rotation = Rotation()
    assert [rotation.order((a, b, c), 0) for _ in range(4)] == [[a, b, c], [b, c, a], [c, a, b], [a, b, c]]
    rotation.silent(c, 0)
    assert [rotation.order((a, b, c), 1)[-1] for _ in range(3)] == [c, c, c]
    rotation.answered(c)
    assert rotation.order((a, b, c), 2) == [b, c, a]
    rotation.silent(c, 2)
    assert rotation.order((a, b, c), 2 + SHUNNED) == [c, a, b]
    assert rotation.order((), 0) == []

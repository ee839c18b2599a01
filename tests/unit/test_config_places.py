"""What empty settings stand for."""

import os
from pathlib import Path

import pytest

from config.load import ConfigError
from config.places import resolve
from config.settings import Server, Settings

GIB = 1 << 30


def test_empty_places_are_those_of_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    places = resolve(Settings(), {"XDG_STATE_HOME": "/state", "XDG_CONFIG_HOME": "relative/is/ignored"})
    assert places.data_dir == Path("/state/appliance")
    assert places.master_key == Path("/home/ann/.config/appliance/master.key")
    assert resolve(Settings(), {}).data_dir == Path("/home/ann/.local/state/appliance")


def test_places_named_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    places = resolve(Settings(server=Server(data_dir="/var/lib/a", master_key="~/k")), {})
    assert places.data_dir == Path("/var/lib/a")
    assert places.master_key == Path("/home/ann/k")


@pytest.mark.parametrize(
    ("named", "chosen", "expected"),
    [("mail.example", "chosen.example", "mail.example"), ("", "chosen.example", "chosen.example")],
)
def test_the_host_name(named: str, chosen: str, expected: str) -> None:
    assert resolve(Settings(server=Server(hostname=named)), {}, chosen_hostname=chosen).hostname == expected


def test_the_host_name_of_the_system() -> None:
    assert resolve(Settings(), {}).hostname in (os.uname().nodename.lower(), "localhost")


@pytest.mark.parametrize(
    ("reserve", "largest", "expected"),
    [(None, 1000, GIB), (None, GIB, 2 * GIB), (0, GIB, 0), (5, 5, 5)],
)
def test_the_disk_reserve(reserve: int | None, largest: int, expected: int) -> None:
    server = Server(disk_reserve=reserve, max_message_size=largest)
    assert resolve(Settings(server=server), {}).disk_reserve == expected


def test_a_home_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"\[server\] data_dir = .* allowed is a whole path"):
        resolve(Settings(server=Server(data_dir="~nobody-of-that-name/x")), {})

"""Sockets, readiness and watchdog as a service manager has them; the manager's end is a real socket."""

import os
import socket

import pytest

from appliance.service import PassedSocketError, ServiceManager, take_sockets


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver


def test_it_is_told_in_one_datagram(manager):
    ServiceManager({"NOTIFY_SOCKET": manager.getsockname()}).tell("READY=1", "STATUS=listening")
    assert manager.recv(100) == b"READY=1\nSTATUS=listening"


def test_an_abstract_socket_is_named_with_an_at_sign():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        name = f"appliance-test-{os.getpid()}"
        receiver.bind("\0" + name)
        receiver.settimeout(5)
        ServiceManager({"NOTIFY_SOCKET": "@" + name}).tell("WATCHDOG=1")
        assert receiver.recv(100) == b"WATCHDOG=1"


def test_nobody_there_is_no_error(tmp_path):
    ServiceManager({}).tell("READY=1")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nothing")}).tell("READY=1")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_the_watchdog_is_meant_for_us_or_is_none(environ, seconds):
    assert ServiceManager(environ).watchdog == seconds


class Passed:
    """Listening sockets on neighbouring descriptors, as they come from the manager."""

    def __init__(self, count: int) -> None:
        self.first = 200
        self.ports = []
        for number in range(count):
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                one.listen()
                self.ports.append(one.getsockname()[1])
                os.dup2(one.fileno(), self.first + number, inheritable=True)

    def environ(self, names: str = "") -> dict[str, str]:
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(self.ports)), "PATH": "/bin"}
        return environ | ({"LISTEN_FDNAMES": names} if names else {})


def close(taken):
    for sockets in taken.values():
        for one in sockets:
            one.close()


def test_a_name_that_is_a_key_places_a_socket_and_else_its_port():
    passed = Passed(3)
    environ = passed.environ("smtp.mx:appliance.socket:appliance.socket")
    listeners = {"smtp.mx": (), "imap.imap": (f"0.0.0.0:{passed.ports[1]}", f"[::]:{passed.ports[2]}")}
    taken = take_sockets(listeners, environ, passed.first)
    assert {key: [one.getsockname()[1] for one in sockets] for key, sockets in taken.items()} == {
        "smtp.mx": passed.ports[:1],
        "imap.imap": passed.ports[1:],
    }
    assert environ == {"PATH": "/bin"}
    assert not any(one.get_inheritable() or one.getblocking() for sockets in taken.values() for one in sockets)
    close(taken)


def test_a_socket_nobody_has_a_use_for_is_one_line():
    passed = Passed(1)
    with pytest.raises(PassedSocketError, match=rf"port {passed.ports[0]}, which no listener has; allowed .* smtp\.mx"):
        take_sockets({"smtp.mx": ("0.0.0.0:25",)}, passed.environ(), passed.first)


def test_a_socket_for_both_kinds_of_address_is_one_line():
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        port = both.getsockname()[1]
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
        with pytest.raises(PassedSocketError, match=r"both IPv4 and IPv6; allowed .*BindIPv6Only=ipv6-only"):
            take_sockets({"smtp.mx": (f"0.0.0.0:{port}",)}, environ, os.dup(both.fileno()))


def test_sockets_of_another_process_are_left_alone():
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2"}
    assert take_sockets({"smtp.mx": ()}, environ) == {}
    assert environ == {}

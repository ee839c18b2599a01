"""The registry of live sessions."""

import pytest

from appliance.mail.envelope import Peer
from appliance.sessions import MAX_CLIENT, LiveSession, Sessions


def opened(sessions: Sessions, id: int, protocol: str = "imap", ended: list[int] | None = None) -> LiveSession:
    return sessions.open(id, protocol, Peer("192.0.2.1", 5000), 17, lambda: None if ended is None else ended.append(id))


def test_sessions_are_found_by_account_and_protocol() -> None:
    sessions = Sessions()
    opened(sessions, 1)
    opened(sessions, 2, "smtp")
    opened(sessions, 3).signed_in(7, "joe@dest.example", 9)
    opened(sessions, 4, "submission").signed_in(7, "joe@dest.example", 9)
    assert [live.id for live in sessions.find()] == [1, 2, 3, 4]
    assert [live.id for live in sessions.find(account="joe@dest.example")] == [3, 4]
    assert [live.id for live in sessions.find(protocol="imap")] == [1, 3]
    assert [live.id for live in sessions.find(account="joe@dest.example", protocol="imap")] == [3]


def test_one_is_ended_by_its_id_and_stays_until_its_front_closes_it() -> None:
    sessions, ended = Sessions(), list[int]()
    first, second = opened(sessions, 1, ended=ended), opened(sessions, 2, ended=ended)
    assert sessions.end(2) is second
    assert ended == [2]
    assert sessions.end(3) is None
    sessions.close(second)
    sessions.close(second)
    assert list(sessions) == [first]
    assert sessions.end(2) is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Thunderbird 128", "Thunderbird 128"),
        ("a\x1b[31mb\r\nc", "a?[31mb??c"),
        ("x" * 5000, "x" * MAX_CLIENT),
        ("", ""),
    ],
)
def test_what_a_client_says_of_itself_is_cut_and_cleaned(said: str, kept: str) -> None:
    live = opened(Sessions(), 1)
    live.introduce(said)
    assert live.client == kept

"""Small parts of set-up: the pace, the verdict on a password, the list of steps, mail programs, the QR code."""

import re

import pytest

from admin.mail_program import Door, doors
from admin.pace import Pace
from admin.qr import qr_code
from admin.set_up import steps
from admin.strength import verdict
from appliance.identity.password import measure

SECOND = 1_000_000


def test_the_pace_lets_some_at_once_and_then_so_many_a_second():
    pace = Pace(2, 3)
    assert [pace.take(SECOND) for _ in range(4)] == [True, True, True, False]
    assert [pace.take(2 * SECOND) for _ in range(3)] == [True, True, False]
    assert [pace.take(100 * SECOND) for _ in range(4)] == [True, True, True, False]
    assert not pace.take(0), "a clock that goes back gives nothing"


@pytest.mark.parametrize(
    ("password", "good", "words"),
    [
        ("a", False, "11 more characters at least."),
        ("abcdefghijk", False, "1 more character at least."),
        ("passwordpassword", False, "easy to guess"),
        ("root@admin.test", False, "easy to guess"),
        ("pebble lantern orbit cactus", True, "Very good."),
    ],
)
def test_the_verdict_says_good_only_where_the_password_will_be_taken(password, good, words):
    found = verdict(measure(password, ["root@admin.test", "root", "admin", "test"]), len(password))
    assert (found.good, words in found.words) == (good, True), found
    assert (found.score >= 3) == good


def test_the_list_of_steps_leads_where_one_has_been():
    seen = steps("domain", "mailbox")
    assert [one.words for one in seen] == ["Administrator", "Host name", "Domain", "Mailbox", "What is next"]
    assert [one.path for one in seen] == ["", "/setup/host", "", "/setup/mailbox", ""]
    assert [one.here for one in seen] == [False, False, True, False, False]
    assert [one.past for one in seen] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("listeners", "expected"),
    [
        (
            {"imap.imaps": ["0.0.0.0:993"], "imap.imap": ["0.0.0.0:143"], "smtp.submissions": ["0.0.0.0:465"]},
            [("mail.test", 993, "SSL/TLS"), ("mail.test", 465, "SSL/TLS")],
        ),
        (
            {"imap.imap": ["127.0.0.1:2143"], "smtp.submission": ["127.0.0.1:2587", "192.0.2.1:587"]},
            [("localhost", 2143, "STARTTLS"), ("mail.test", 587, "STARTTLS")],
        ),
        ({}, []),
    ],
)
def test_mail_programs_are_told_the_best_door(listeners, expected):
    found = doors(listeners, "mail.test")
    assert [(one.host, one.port, one.security) for one in found] == expected
    assert all(isinstance(one, Door) for one in found)


def test_the_qr_code_is_one_drawing_that_the_csp_lets_through():
    drawn = str(qr_code("https://mail.test/i/" + "0" * 64))
    assert re.match(r"<svg [^>]*class=\"qr\"", drawn)
    assert "style=" not in drawn
    assert "#fff" in drawn, "its own ground, in the dark too"
    assert qr_code("") == ""

"""What a record may hold: the three levels, and the hashes that stand for those at the other end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.session_record import EventRecord
from appliance.store.privacy import LEVELS, Veil, event_at, session_at, stricter, strictest, transaction_at
from tests.record_rows import recipient, session, transaction

KEY = bytes(32)
VEIL = Veil(lambda domain: domain == "one.test", KEY)
JOE = VEIL.address("joe@far.test")


def veil() -> Veil:
    return VEIL


def test_the_stricter_counts():
    for at, level in enumerate(LEVELS):
        for other in LEVELS[: at + 1]:
            assert stricter(level, other) == stricter(other, level) == strictest([other, level], "") == level
    assert strictest([], "metadata") == "metadata"


@pytest.mark.parametrize("text", ["", "postmaster", "Postmaster", "ann@one.test", "Ann+tag@ONE.TEST"])
def test_what_is_ours_stays(text):
    assert VEIL.address(text) == text


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("joe@far.test", "far.test"),
        ('"joe public"@far.test', "far.test"),
        ("joe@[192.0.2.1]", "[192.0.2.1]"),
        ("joe@far@one.test", "one.test"),
        ("@one.test:joe@far.test", "far.test"),
    ],
)
def test_what_is_not_ours_keeps_its_domain(text, domain):
    hashed, _, kept = VEIL.address(text).rpartition("@")
    assert kept == domain
    assert len(hashed) == 17
    assert hashed[0] == "#"
    assert int(hashed[1:], 16) >= 0


@pytest.mark.parametrize("text", ["joe", "<joe@far.test> SIZE=1", "joe at far.test"])
def test_what_is_no_address_is_all_hash(text):
    assert len(VEIL.address(text)) == 17


def test_one_address_has_one_hash_and_another_key_another():
    assert VEIL.address("JOE@Far.Test").split("@")[0] == JOE.split("@")[0]
    assert VEIL.address("jim@far.test") != JOE
    assert Veil(lambda _: False, b"x" * 32).address("joe@far.test") != JOE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5.7.1 <joe@far.test> is not yours", f"5.7.1 <{JOE}> is not yours"),
        ("5.7.1 joe@far.test, ann@one.test", f"5.7.1 {JOE}, ann@one.test"),
        ("no address @ all", "no address @ all"),
        ("2.0.0 OK", "2.0.0 OK"),
    ],
)
def test_addresses_in_a_text(text, found):
    assert VEIL.text(text) == found


@given(st.text(max_size=200) | st.text('@."\\<> ab', max_size=200))
@settings(max_examples=100)
def test_no_text_is_too_odd(text):
    """None of the doors raises, and nothing between two @ of others' addresses comes through."""
    VEIL.text(text)
    VEIL.addresses(text)
    secret = "verysecretname"
    for hidden in (VEIL.text(f"{text} {secret}@far.test {text}"), VEIL.address(f"{secret}@far.test")):
        assert secret not in hidden


def test_a_long_text_takes_no_long_time():
    VEIL.text("a" * 20_000 + "@")
    VEIL.text('"a\\' * 5_000 + "@")


SENT = transaction(
    "joe@far.test",
    "ann@one.test",
    mail_from="ann@one.test",
    header_from="ann@one.test, joe@far.test",
    reply="2.0.0 OK for joe@far.test",
    recipients=(recipient("joe@far.test", reply="2.1.5 <joe@far.test> OK"), recipient("ann@one.test")),
)
EVENT = EventRecord(1, 2, "accept", "x", 550, "joe@far.test", {"subject": "secret", "to": ["joe@far.test"], "n": 1})


def test_full_keeps_all():
    assert transaction_at("full", SENT, veil) is SENT
    assert session_at("full", session(), veil) == session()
    assert event_at("full", EVENT, veil) is EVENT


def test_no_subjects():
    kept = transaction_at("no-subjects", SENT, veil)
    assert (kept.subject, kept.transcript, kept.recipients) == ("", SENT.transcript, SENT.recipients)
    assert session_at("no-subjects", session(), veil) == session()
    assert event_at("no-subjects", EVENT, veil).facts == {"to": ["joe@far.test"], "n": 1}


def test_metadata():
    kept = transaction_at("metadata", SENT, veil)
    assert (kept.subject, kept.transcript, kept.mail_from) == ("", "", "ann@one.test")
    assert (kept.header_from, kept.reply) == (f"ann@one.test, {JOE}", f"2.0.0 OK for {JOE}")
    assert [(one.address, one.reply) for one in kept.recipients] == [
        (JOE, f"2.1.5 <{JOE}> OK"),
        ("ann@one.test", "2.1.5 OK"),
    ]
    assert session_at("metadata", session(), veil).transcript == ""
    event = event_at("metadata", EVENT, veil)
    assert (event.reply, event.facts) == (JOE, {"to": [JOE], "n": 1})


@pytest.mark.parametrize("level", LEVELS)
def test_what_was_hidden_stays_hidden(level):
    """Sealing twice is sealing once: what is no address of ours is never shown by a later look."""
    once = transaction_at(level, SENT, veil)
    again = transaction_at(level, once, veil)
    assert [one.domain for one in again.recipients] == [one.domain for one in SENT.recipients]
    assert (again.subject, again.transcript) == (once.subject, once.transcript)

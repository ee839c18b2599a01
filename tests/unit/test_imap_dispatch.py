"""The table of commands says all there is to say about them."""

import pytest

from imap.dispatch import ANY, LOGGED_IN, TABLE
from imap.session import NOT_AUTHENTICATED, SELECTED
from imap.wire.commands import PARSERS


def test_every_command_that_is_parsed_is_done_and_the_other_way_round() -> None:
    assert set(TABLE) == set(PARSERS)


def test_removals_are_told_with_all_but_three() -> None:
    """RFC 3501 §7.4.1: never while FETCH, STORE or SEARCH is answered; their UID forms are other commands."""
    assert {name for name, row in TABLE.items() if not row.may_announce_expunge} == {"FETCH", "STORE", "SEARCH"}


@pytest.mark.parametrize(
    ("names", "states"),
    [
        (("CAPABILITY", "NOOP", "LOGOUT", "ID"), ANY),
        (("STARTTLS", "LOGIN", "AUTHENTICATE"), NOT_AUTHENTICATED),
        (("SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "LIST", "LSUB", "STATUS", "APPEND", "IDLE"), LOGGED_IN),
        (("CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "MOVE"), SELECTED),
        (("UID EXPUNGE", "UID SEARCH", "UID FETCH", "UID STORE", "UID COPY", "UID MOVE"), SELECTED),
    ],
)
def test_states_are_those_of_the_rfc(names: tuple[str, ...], states: int) -> None:
    """RFC 3501 §6 sorts the commands by the state they are legal in."""
    assert {name: TABLE[name].states for name in names} == dict.fromkeys(names, states)

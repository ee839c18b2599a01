"""What people read: sizes, aligned tables, and nothing that steers their terminal."""

import pytest

from appliance.cli import text


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 30, "5.0 GiB"), (1 << 52, "4096.0 TiB"), (None, "none")],
)
def test_sizes(count: int | None, expected: str) -> None:
    assert text.size(count) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, "0 mailboxes"), (1, "1 mailbox"), (2, "2 mailboxes")])
def test_plurals(count: int, expected: str) -> None:
    assert text.plural(count, "mailbox", "mailboxes") == expected


def test_tables_are_aligned_and_say_when_they_are_empty() -> None:
    assert text.table(("a", "bb"), [("long", 1), ("x", None)], "none") == "a     bb\nlong  1\nx     -"
    assert text.table(("a", "bb"), [], "none at all") == "none at all"


def test_no_value_steers_the_terminal() -> None:
    shown = text.table(("name",), [("\x1b[2Jevil\r\n",)], "")
    assert shown == "name\n\\x1b[2Jevil\\x0d\\x0a"
    assert text.fields([("name", "a\x07b")]) == "name  a\\x07b"


def test_a_table_on_a_terminal_takes_values_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    shown = text.table(("name",), [("[red]x[/red]",)], "")
    assert "[red]x[/red]" in shown

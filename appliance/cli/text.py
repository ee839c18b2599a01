"""Words and tables for people: rich tables on a terminal, aligned plain text in a pipe."""

import sys
from collections.abc import Iterable, Sequence

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def printable(text: object) -> str:
    """`text` without anything that could steer a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(text))


def size(count: int | None) -> str:
    """Bytes in the largest unit that keeps them above 1; "none" for no limit."""
    if count is None:
        return "none"
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{amount:.1f} {UNITS[unit]}"


def plural(count: int, one: str, many: str = "") -> str:
    """As in "1 mailbox", "2 mailboxes"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def fields(pairs: Iterable[tuple[str, object]]) -> str:
    """One `name  value` a line, aligned."""
    rows = [(name, printable("-" if value is None else value)) for name, value in pairs]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    """Rows under their column names; `empty` where there are none."""
    cells = [[printable("-" if value is None else value) for value in row] for row in rows]
    if not cells:
        return empty
    return _rich(columns, cells) if sys.stdout.isatty() else _plain(columns, cells)


def _plain(columns: Sequence[str], cells: list[list[str]]) -> str:
    lines = [list(columns), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _rich(columns: Sequence[str], cells: list[list[str]]) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    console = Console()
    with console.capture() as captured:
        console.print(drawn)
    return captured.get().rstrip("\n")

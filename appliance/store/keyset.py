"""Pages of administrative lists: in any order, each beginning right after the last row of the one before (or before
its first), so that a page costs what it shows and nothing is skipped or shown twice while rows come and go."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

Mark = tuple[Any, ...]
"""A place in a list: the value sorted by, and the value that tells equals apart."""


class Slice(msgspec.Struct, frozen=True):
    """Which rows: `sort` is a key of the list's columns; `after` wins where both places are named."""

    sort: str
    descending: bool = False
    after: Mark | None = None
    before: Mark | None = None
    limit: int = 50


class Part(msgspec.Struct, frozen=True):
    """The rows, in the order that was asked for, with the place of each."""

    rows: list[tuple[Any, ...]]
    marks: list[Mark]
    more: bool
    """Whether there are rows beyond, in the direction that was read."""


def read_slice(
    connection: sqlite3.Connection,
    query: str,
    params: Mapping[str, Any],
    columns: Mapping[str, str],
    tie: str,
    wanted: Slice,
) -> Part:
    """A page of the rows of `query` (which names its columns, and its parameters as `:name`).

    `columns` says which of its columns each `sort` is; `tie` is one that is unique. All of these are the caller's own
    text, never a person's.
    """
    column = columns[wanted.sort]
    backwards = wanted.after is None and wanted.before is not None
    falling = wanted.descending != backwards
    order, sign = ("DESC", "<") if falling else ("ASC", ">")
    mark = wanted.before if backwards else wanted.after
    where = "" if mark is None else f"WHERE (_value, _tie) {sign} (:_value, :_tie)"
    sql = (
        f"SELECT * FROM (SELECT {column} AS _value, {tie} AS _tie, * FROM ({query})) {where} "
        f"ORDER BY _value {order}, _tie {order} LIMIT :_limit"
    )
    own = {"_limit": wanted.limit + 1}
    if mark is not None:
        own |= {"_value": mark[0], "_tie": mark[1]}
    found = connection.execute(sql, {**params, **own}).fetchall()
    more = len(found) > wanted.limit
    found = found[: wanted.limit]
    if backwards:
        found.reverse()
    return Part([tuple(row[2:]) for row in found], [(row[0], row[1]) for row in found], more)


def holding(text: str) -> str:
    """A LIKE pattern (with ESCAPE '\\') for what holds a text."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"

"""The models describe exactly the schema that the migrations make."""

import re
import sqlite3

import peewee
import pytest

from appliance.store import mail_tables, record_tables, tables
from appliance.store.engine_sqlite import open_alone
from appliance.store.migrate import migrate


def models():
    found = {}
    for module in (tables, mail_tables, record_tables):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, tables.Table) and value is not tables.Table:
                found[value._meta.table_name] = value
    return found


def from_models(path) -> sqlite3.Connection:
    database = peewee.SqliteDatabase(str(path))
    for model in models().values():
        with model.bind_ctx(database, bind_refs=False, bind_backrefs=False):
            model.create_table(safe=False)
    database.close()
    return open_alone(path)


def checks(sql: str) -> set[str]:
    """The CHECK expressions of a table, without the layout."""
    found = set()
    for match in re.finditer(r"CHECK \(", sql):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        found.add(re.sub(r"\s+", " ", sql[match.end() : end - 1]))
    return found


def described(connection: sqlite3.Connection, table: str) -> dict:
    kind = connection.execute("SELECT type, wr, strict FROM pragma_table_list WHERE name = ?", (table,)).fetchone()
    columns = [
        # A primary key is never NULL here, whether or not the text says so: STRICT, WITHOUT ROWID or rowid.
        (name, type_, bool(notnull or pk), default, pk)
        for _, name, type_, notnull, default, pk in connection.execute(f'PRAGMA table_info("{table}")')
    ]
    indexes = set()
    for _, name, unique, _, partial in connection.execute(f'PRAGMA index_list("{table}")').fetchall():
        names = tuple(row[2] for row in connection.execute(f'PRAGMA index_info("{name}")'))
        indexes.add((names, unique, partial))
    links = {row[2:7] for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')}
    sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    return {"kind": kind, "columns": columns, "indexes": indexes, "links": links, "checks": checks(sql)}


def names(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_models_and_migrations_make_the_same_tables(tmp_path):
    assert models().keys() == schema_names(tmp_path)


def schema_names(tmp_path) -> set[str]:
    migrate(tmp_path / "migrated.db")
    connection = open_alone(tmp_path / "migrated.db")
    try:
        return names(connection)
    finally:
        connection.close()


@pytest.mark.parametrize("table", sorted(models()))
def test_model_equals_its_table(tmp_path, table):
    migrate(tmp_path / "migrated.db")
    migrated, modelled = open_alone(tmp_path / "migrated.db"), from_models(tmp_path / "modelled.db")
    try:
        assert described(modelled, table) == described(migrated, table)
    finally:
        migrated.close()
        modelled.close()

"""Migrations: forward only, one transaction each, a copy first, and no newer schema is touched."""

import sqlite3

import pytest

from appliance.store.engine_sqlite import open_alone
from appliance.store.errors import SchemaError
from appliance.store.migrate import Migration, known_migrations, migrate, statements

FIRST = Migration(
    1, "first", "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT) STRICT; -- one; two\nINSERT INTO a VALUES (1, 'x;y');"
)
SECOND = Migration(2, "second", "CREATE TABLE b (id INTEGER PRIMARY KEY) STRICT;\nALTER TABLE a ADD COLUMN n INTEGER;")
BAD = Migration(2, "bad", "CREATE TABLE b (id INTEGER PRIMARY KEY) STRICT;\nINSERT INTO nowhere VALUES (1);")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "appliance.db"


def ask(path, sql):
    connection = open_alone(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def schema(path):
    return sorted(ask(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema"))


def test_a_new_database_gets_everything_and_no_copy(path):
    assert migrate(path) == known_migrations()[-1].number
    assert [file.name for file in path.parent.iterdir() if "version" in file.name] == []
    assert ask(path, "PRAGMA auto_vacuum") == [(2,)]
    assert ask(path, "PRAGMA page_size") == [(4096,)]
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


def test_opening_again_changes_nothing(path):
    migrate(path)
    before = schema(path)
    migrate(path)
    assert schema(path) == before


def test_an_older_database_is_copied_then_brought_up(path, tmp_path):
    migrate(path, [FIRST])
    assert migrate(path, [FIRST, SECOND]) == 2
    assert ask(path, "SELECT * FROM a") == [(1, "x;y", None)]
    copy = tmp_path / "appliance.db.version-0001"
    assert ask(copy, "PRAGMA user_version") == [(1,)]
    assert ask(copy, "SELECT * FROM a") == [(1, "x;y")]


def test_migrated_and_fresh_have_the_same_schema(path, tmp_path):
    """Step by step with a stop at each version, and all at once."""
    steps = known_migrations()
    for count in range(1, len(steps) + 1):
        migrate(path, steps[:count])
    migrate(tmp_path / "fresh.db", steps)
    assert schema(path) == schema(tmp_path / "fresh.db")


def test_a_migration_that_fails_leaves_the_database_as_it_was(path):
    migrate(path, [FIRST])
    before = schema(path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(path, [FIRST, BAD])
    assert schema(path) == before
    assert ask(path, "PRAGMA user_version") == [(1,)]
    assert migrate(path, [FIRST, SECOND]) == 2


def test_a_newer_schema_is_refused_in_one_line_and_left_alone(path):
    migrate(path, [FIRST, SECOND])
    before = path.read_bytes()
    with pytest.raises(SchemaError, match=r"version 2, this program knows 1") as caught:
        migrate(path, [FIRST])
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be one" * 20, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_what_is_no_database_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(SchemaError, match="not a database of this program"):
        migrate(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(SchemaError, match="no version"):
        migrate(path)


def test_migrations_are_numbered_without_a_gap():
    assert [step.number for step in known_migrations()] == list(range(1, len(known_migrations()) + 1))


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("", 0),
        ("-- nothing; here\n", 1),
        ("SELECT 1;\nSELECT ';';\n", 2),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\nSELECT 3;", 2),
    ],
)
def test_a_script_is_split_where_its_statements_end(script, count):
    assert len(list(statements(script))) == count


def test_a_database_of_the_first_release_opens_with_its_domains(path):
    migrate(path, known_migrations()[:1])
    connection = open_alone(path)
    connection.execute("INSERT INTO organisation (id, name, created_at) VALUES (1, 'default', 1)")
    connection.execute("INSERT INTO domain (id, organisation, name, created_at) VALUES (2, 1, 'one.test', 1)")
    connection.close()
    migrate(path)
    assert ask(path, "SELECT name, separators, privacy FROM domain") == [("one.test", "+", None)]
    assert ask(path, "SELECT count(*) FROM smtp_session") == [(0,)]
    with pytest.raises(sqlite3.IntegrityError):
        ask(path, "UPDATE domain SET privacy = 'none'")

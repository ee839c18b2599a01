"""Reads the settings: a TOML file, then the environment, else the defaults.

The file is the one named by the caller, else by APPLIANCE_CONFIG, else /etc/appliance/appliance.toml, else none.
`APPLIANCE_SECTION__KEY` overrides one key. Whatever is wrong is one `ConfigError` of one line that names the file or
the variable, the table, the key and what is allowed; nothing has been touched by then.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from config.keys import KINDS, Key, keys
from config.settings import Settings
from config.values import LISTENERS, parse_listener

DEFAULT_FILE = Path("/etc/appliance/appliance.toml")
PREFIX = "APPLIANCE_"
FILE_VARIABLE = "APPLIANCE_CONFIG"
MAX_FILE = 1 << 20
"""Longest configuration file, in bytes."""
TABLES = tuple(field.name for field in msgspec.structs.fields(Settings))
LISTENER_KEYS = tuple(path for path, kind in KINDS.items() if kind is LISTENERS and path != "dns.nameservers")


class ConfigError(ValueError):
    """One line that says what is wrong with the configuration, where, and what is allowed."""


class Loaded(msgspec.Struct, frozen=True):
    """The settings with their origin: `origins` maps `table.key` to the file or variable it was read from.

    A key that has its default stands not in `origins`.
    """

    settings: Settings
    file: Path | None
    origins: dict[str, str]


def load(file: str | None, environ: Mapping[str, str], *, default_file: Path = DEFAULT_FILE) -> Loaded:
    """The settings in force. `file` is the --config option. Raises ConfigError."""
    named = file or environ.get(FILE_VARIABLE) or None
    path = Path(named) if named else default_file
    text = _read(path, must=named is not None)
    found = {} if text is None else _from_file(text, _line(str(path)))
    found |= _from_environment(environ)
    _check_together(found)
    chosen: dict[str, dict[str, object]] = {table: {} for table in TABLES}
    for (table, name), (_, value) in found.items():
        chosen[table][name] = value
    settings = Settings(**{f.name: f.type(**chosen[f.name]) for f in msgspec.structs.fields(Settings)})
    origins = {f"{table}.{name}": source for (table, name), (source, _) in found.items()}
    return Loaded(settings, None if text is None else path, origins)


Found = dict[tuple[str, str], tuple[str, object]]
"""(table, key) -> (the file or variable that says so, the value)."""


def _read(path: Path, *, must: bool) -> str | None:
    """Text of the file; None when it may be absent and is."""
    source = _line(str(path))
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except FileNotFoundError as error:
        if must:
            raise ConfigError(f"{source}: cannot be read: {error.strerror}") from error
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{source}: cannot be read: {reason}") from error
    if len(data) > MAX_FILE:
        raise ConfigError(f"{source}: too long; allowed are {MAX_FILE} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: not UTF-8 text at byte {error.start}; allowed is TOML") from error


def _from_file(text: str, source: str) -> Found:
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers and nesting beyond what Python takes
        raise ConfigError(f"{source}: not TOML: {_line(str(error))}") from error
    return dict(_from_tables(document, source))


def _from_tables(document: Mapping[str, object], source: str) -> Iterator[tuple[tuple[str, str], tuple[str, object]]]:
    for table, content in document.items():
        if table not in TABLES or not isinstance(content, Mapping):
            what = (
                f"[{_line(table)}]: no such table" if isinstance(content, Mapping) else f"{_line(table)}: not a table"
            )
            raise ConfigError(f"{source}: {what}; allowed are {_tables()}")
        for name, value in content.items():
            yield (table, name), (source, _value(_key(table, name, source), value, source))


def _from_environment(environ: Mapping[str, str]) -> Found:
    found: Found = {}
    for variable in sorted(environ):
        if variable == FILE_VARIABLE or not variable.startswith(PREFIX):
            continue
        table, separator, name = variable.removeprefix(PREFIX).lower().partition("__")
        if not separator:
            _refuse_single_underscore(variable, table)
            continue
        source = _line(variable)
        if table not in TABLES:
            raise ConfigError(f"{source}: [{_line(table)}]: no such table; allowed are {_tables()}")
        key = _key(table, name, source)
        found[table, name] = (source, _value(key, _from_text(key, environ[variable], source), source))
    return found


def _refuse_single_underscore(variable: str, rest: str) -> None:
    """A lost underscore is an error; other programs' APPLIANCE_ variables are none of ours."""
    for table in TABLES:
        name = rest.removeprefix(f"{table}_")
        if name != rest:
            raise ConfigError(
                f"{_line(variable)}: [{table}] {_line(name)}: one underscore; "
                f"allowed is {PREFIX}{table.upper()}__KEY with two"
            )


def _from_text(key: Key, text: str, source: str) -> object:
    """What TOML would hold for the text of a variable; lists may be written in TOML's own way.

    An IPv6 listener begins with a bracket too, but ends in its port.
    """
    text = text.strip()
    if not (isinstance(key.default, tuple) and text.startswith("[") and text.endswith("]")):
        return key.kind.from_text(text)
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        raise _refusal(key, text, source) from None


def _key(table: str, name: str, source: str) -> Key:
    if f"{table}.{name}" not in KINDS:
        raise ConfigError(f"{source}: [{table}] {_line(name)}: no such key; allowed are {_names(table)}")
    return next(key for key in keys() if key.table == table and key.name == name)


def _value(key: Key, value: object, source: str) -> object:
    try:
        return key.kind.read(value)
    except ValueError:
        raise _refusal(key, value, source) from None


def _refusal(key: Key, value: object, source: str) -> ConfigError:
    return ConfigError(f"{source}: [{key.table}] {key.name} = {_shown(value)}: allowed is {key.kind.allowed}")


def _check_together(found: Found) -> None:
    """Rules about more than one key."""
    for one, other in (("certificate", "key"), ("key", "certificate")):
        source, value = found.get(("tls", one), ("", ""))
        if value and not found.get(("tls", other), ("", ""))[1]:
            raise ConfigError(f"{source}: [tls] {other}: missing; allowed is a file beside {one}, or neither")
    source, value = found.get(("smtp", "proxy_listen"), ("", ()))
    if value and not found.get(("smtp", "proxy_from"), ("", ()))[1]:
        raise ConfigError(
            f"{source}: [smtp] proxy_from: missing; allowed with [smtp] proxy_listen is a list of the proxies' networks"
        )
    seen: dict[object, str] = {}
    for key in (key for key in keys() if key.path in LISTENER_KEYS):
        source, value = found.get((key.table, key.name), ("defaults", key.default))
        for text in value if isinstance(value, tuple) else ():
            address = parse_listener(text)
            earlier = seen.setdefault(address, f"[{key.table}] {key.name}")
            if address[1] and earlier != f"[{key.table}] {key.name}":
                where = source if source != "defaults" else found.get(_place(earlier), (source,))[0]
                raise ConfigError(
                    f'{where}: [{key.table}] {key.name} = "{text}": taken by {earlier}; '
                    "allowed is an address:port that no other key names"
                )


def _place(words: str) -> tuple[str, str]:
    table, _, name = words.partition("] ")
    return table.removeprefix("["), name


def _tables() -> str:
    return ", ".join(f"[{table}]" for table in TABLES)


def _names(table: str) -> str:
    return ", ".join(key.name for key in keys() if key.table == table)


def _line(text: str) -> str:
    """`text` on one line and not longer than a screen is wide, whatever is in it."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:200])
    return shown if len(text) <= 200 else f"{shown}..."


def _shown(value: object) -> str:
    """A value as TOML would write it, cut."""
    if isinstance(value, str):
        return f'"{_line(value[:60])}"' if len(value) <= 60 else f'"{_line(value[:60])}..."'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_shown(item) for item in value[:4])}{', ...' if len(value) > 4 else ''}]"
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return "a number beyond 64 bits"
    return _line(str(value)[:60]) if not isinstance(value, Mapping) else "a table"

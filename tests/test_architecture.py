"""The laws of the house: who may import whom, what is pure, how long things are, how they are named.

Each test collects all offences and shows them at once. A room that no law knows yet is an offence, too:
its place is a decision, to be made here.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parent.parent
FRONTS = {"smtp", "imap", "admin"}
OURS = FRONTS | {"appliance", "config"}

ROOF = {"appliance.daemon", "appliance.serving", "appliance.demo", "appliance.cli", "appliance.__main__"}
GROUND = {"appliance.mail", "appliance.records", "appliance.ids", "appliance.logs", "appliance.metrics"} | {
    "appliance.connections",
    "appliance.process",
    "appliance.service",
    "appliance.sealing",
    "config",
}
STORES = {"appliance.store", "appliance.dns"}
FOR_ANYONE = {"appliance.acts", "appliance.explain", "appliance.post", "appliance.notify"}
BETWEEN: dict[str, set[str]] = {
    "appliance.acts": set(),
    "appliance.control": {"*"},
    "appliance.identity": set(),
    "appliance.tls": set(),
    "appliance.sending": set(),
    "appliance.sessions": set(),
    "appliance.sockets": set(),
    "appliance.rendering": {"appliance.render_worker"},
    "appliance.render_worker": set(),
    "appliance.provision": {"appliance.identity", "appliance.sending", "appliance.sessions"},
}
"""The rooms between the fronts and the store, and which of each other they may import."""

CONFINED = {
    "peewee": ("appliance/store/",),
    "playhouse": ("appliance/store/",),
    "sqlite3": ("appliance/store/",),
    "aiosmtpd": ("smtp/wire/",),
    "argon2": ("appliance/identity/password.py",),
    "spf": ("smtp/inbound/check_spf.py",),
    "dkim": ("smtp/inbound/check_dkim.py", "smtp/inbound/check_arc.py", "appliance/sending/sign.py"),
    "dns": ("appliance/dns/",),
    "litestar": ("admin/",),
    "aioimaplib": ("appliance/migrate/source.py",),
}
"""Libraries, and the only files that may know them."""

PURE = (
    "appliance/mail/*.py",
    "appliance/records.py",
    "appliance/ids.py",
    "appliance/connections.py",
    "appliance/dns/answers.py",
    "appliance/dns/cache.py",
    "appliance/dns/host_facts.py",
    "appliance/dns/host_verdict.py",
    "appliance/dns/names.py",
    "appliance/sessions.py",
    "appliance/identity/sasl.py",
    "appliance/identity/throttle.py",
    "appliance/sending/routing.py",
    "appliance/sending/planning.py",
    "config/settings.py",
    "admin/charts.py",
    "admin/forms.py",
    "admin/headers.py",
    "admin/pace.py",
    "admin/paging.py",
    "admin/words.py",
    "smtp/harvest.py",
    "smtp/replies.py",
    "smtp/submission/allowance.py",
    "smtp/submission/author.py",
    "smtp/submission/complete.py",
    "smtp/submission/holds.py",
    "smtp/client_hello.py",
    "smtp/proxy_header.py",
    "smtp/record.py",
    "smtp/wire/commands.py",
    "imap/wire/*.py",
    "imap/truth.py",
    "imap/view.py",
    "imap/header_subset.py",
    "imap/sections.py",
    "imap/fetch_columns.py",
    "imap/fetch_data.py",
    "imap/search_text.py",
    "imap/search_plan.py",
)
IMPURE_MODULES = {"asyncio", "socket", "ssl", "threading", "time", "random", "secrets", "os", "logging", "subprocess"}
PURE_LIBRARIES = {"msgspec", "idna", "charset_normalizer", "markupsafe"}

MAX_FILE, MEDIAN_FILE, MAX_FUNCTION, MEDIAN_FUNCTION = 400, 150, 50, 10
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "manager", "managers", "misc"}
MUTATORS = {"append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "setdefault", "add", "discard"}


@cache
def sources() -> dict[str, ast.Module]:
    """Every file of the product by its path from the root."""
    paths = [p for top in sorted(OURS) if (ROOT / top).is_dir() for p in sorted((ROOT / top).rglob("*.py"))]
    return {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text("utf-8")) for p in paths}


def lines_of(path: str) -> int:
    return len((ROOT / path).read_text("utf-8").splitlines())


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports() -> dict[str, set[str]]:
    """What each file imports, submodules by their own name (`from appliance import ids` is `appliance.ids`)."""
    return {path: set(imports_of(tree)) for path, tree in sources().items()}


def imports_of(tree: ast.Module) -> Iterator[str]:
    modules = {module_of(path) for path in sources()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in modules else base


def room_of(module: str) -> str:
    """`appliance.identity` for `appliance.identity.login`, `smtp` for all of the front."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "appliance" else parts[0]


def may_import(importer: str, imported: str) -> bool:
    if importer == imported or imported == "appliance":
        return True
    if importer in ROOF:
        return imported not in {"appliance.__main__"}
    if importer in FRONTS:
        return imported not in FRONTS | ROOF
    if importer in BETWEEN:
        allowed = BETWEEN[importer]
        if importer == "appliance.acts":
            return imported in {"appliance.records", "appliance.mail"}
        beside = BETWEEN.keys() if "*" in allowed else allowed | FOR_ANYONE
        return imported in GROUND | STORES | set(beside)
    if importer in STORES:
        return imported in GROUND
    return importer == "appliance.records" and imported == "appliance.mail"


def offences(found: Iterable[str]) -> None:
    listed = sorted(found)
    if listed:
        pytest.fail("\n".join(["offences:", *listed]), pytrace=False)


def test_every_room_has_its_place():
    placed = ROOF | FRONTS | GROUND | STORES | BETWEEN.keys() | {"appliance"}
    offences(f"{path}: no law knows this room" for path in sources() if room_of(module_of(path)) not in placed)


def test_imports_go_downwards_only():
    offences(
        f"{path}: imports {imported}"
        for path, all_imported in imports().items()
        for imported in all_imported
        if imported.split(".")[0] in OURS and not may_import(room_of(module_of(path)), room_of(imported))
    )


def test_libraries_stay_where_they_are_known():
    offences(
        f"{path}: imports {imported}"
        for path, all_imported in imports().items()
        for imported in all_imported
        for library, places in CONFINED.items()
        if imported.split(".")[0] == library and not path.startswith(places)
    )


def test_aiosmtpd_is_known_to_at_most_five_files():
    assert sum(any(i.split(".")[0] == "aiosmtpd" for i in found) for found in imports().values()) <= 5


def pure_files() -> set[str]:
    return {p.relative_to(ROOT).as_posix() for pattern in PURE for p in ROOT.glob(pattern)}


def test_pure_rooms_need_only_their_arguments():
    pure = {module_of(path) for path in pure_files()}
    allowed = pure | {"appliance"} | PURE_LIBRARIES | (sys.stdlib_module_names - IMPURE_MODULES)
    offences(
        f"{path}: imports {imported}"
        for path in pure_files()
        for imported in imports()[path]
        if imported not in allowed and (imported.split(".")[0] in OURS or imported.split(".")[0] not in allowed)
    )


def functions() -> Iterator[tuple[str, str, int]]:
    """Path, name and length of each function, its decorators and docstring left out of the length."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node.name, length_of(node)


def length_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    docstring = node.body[0] if ast.get_docstring(node) is not None else None
    prose = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - prose


def test_files_are_short():
    lengths = {path: lines_of(path) for path in sources()}
    offences(f"{path}: {n} lines" for path, n in lengths.items() if n > MAX_FILE)
    assert median(n for n in lengths.values() if n > 5) <= MEDIAN_FILE


def test_functions_are_short():
    lengths = list(functions())
    offences(f"{path}: {name} has {n} lines" for path, name, n in lengths if n > MAX_FUNCTION)
    assert median(n for _, _, n in lengths) <= MEDIAN_FUNCTION


def test_no_module_holds_state():
    offences(offence for path, tree in sources().items() for offence in state_of(path, tree))


def state_of(path: str, tree: ast.Module) -> Iterator[str]:
    """`global` statements, and changes made by functions to what stands at a module's top."""
    tops = {name for node in tree.body for name in names_bound(node)}
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)):
        own = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield f"{path}:{node.lineno}: global {', '.join(node.names)}"
            name = changed_name(node)
            if name in tops and name not in own:
                yield f"{path}:{node.lineno}: changes {name}"


def names_bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        yield from (t.id for t in node.targets if isinstance(t, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def changed_name(node: ast.AST) -> str | None:
    """The name whose content a statement or call changes in place."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        target: ast.expr = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        target = node.func.value
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def test_names_mean_something():
    offences(path for path in sources() if FORBIDDEN_NAMES & set(re.split(r"[/_.]", path)))


def test_no_abstraction_without_two_implementations():
    offences(
        f"{path}: {base} in {node.name}"
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in map(ast.unparse, node.bases)
        if base in {"Protocol", "typing.Protocol", "ABC", "abc.ABC"}
    )


def comments(path: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO((ROOT / path).read_text("utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


CITED = re.compile(r"RFC 1047\b|RFC \d{3,5} (§[0-9A-Z][0-9A-Za-z.]*|[Aa]ppendix [A-Z])")
"""RFC 1047 is two pages without numbered sections."""
MENTIONED = re.compile(r"\bRFC \d")
MISSPELT = re.compile(r"\b(?:RFC|rfc|Rfc)[-_]?\d|\b(?:rfc|Rfc) \d|RFC \d+,? (?:[Ss]ection|sec\.|s\.|#)")


def test_comments_cite_rfcs_by_section():
    offences(
        f"{path}:{line}: {comment}"
        for path in sources()
        for line, comment in comments(path)
        if MENTIONED.search(comment) and not CITED.search(comment)
    )


def test_rfcs_are_spelt_alike_everywhere():
    offences(
        f"{path}:{number}: {line.strip()}"
        for path in sources()
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1)
        if MISSPELT.search(line) and "rfc822" not in line.casefold() and "rfc2822" not in line.casefold()
    )


def test_the_tests_are_no_package():
    offences(p.relative_to(ROOT).as_posix() for p in (ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("smtp", "imap", False),
        ("smtp", "appliance.store", True),
        ("smtp", "appliance.cli", False),
        ("appliance.identity", "smtp", False),
        ("appliance.identity", "appliance.tls", False),
        ("appliance.provision", "appliance.identity", True),
        ("appliance.store", "appliance.identity", False),
        ("appliance.mail", "appliance.records", False),
        ("appliance.records", "appliance.mail", True),
        ("appliance.daemon", "smtp", True),
        ("appliance.cli", "appliance.daemon", True),
    ],
)
def test_the_law_itself(importer, imported, allowed):
    assert may_import(importer, imported) is allowed


def test_no_group_is_possessive():
    """Before CPython 3.11.5 a possessive group that can go back within itself matches wrongly (Debian 12 has 3.11.2);
    an atomic group around a plain one says the same and is right."""
    possessive = re.compile(r"\)[*+?]\+")
    offences(
        f"{path}:{number}"
        for path in sources()
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1)
        if possessive.search(line)
    )

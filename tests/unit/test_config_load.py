"""The configuration: where it is read from, what it may hold, and the one line each mistake gets."""

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from config.certificate import check_certificate
from config.keys import KINDS, Key, keys, meanings
from config.load import ConfigError, Loaded, load
from config.settings import Settings

EXAMPLE = Path(config.__file__).parent / "appliance.toml"


def loaded(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None) -> Loaded:
    file = tmp_path / "a.toml"
    file.write_text(text)
    return load(str(file), environ or {})


def test_the_example_names_every_key_at_its_default() -> None:
    document = tomllib.loads(EXAMPLE.read_text())
    assert [(table, key) for table in document for key in document[table]] == [(k.table, k.name) for k in keys()]
    assert load(str(EXAMPLE), {}).settings == Settings()


def test_each_key_of_the_example_has_a_comment_above_it() -> None:
    lines = EXAMPLE.read_text().splitlines()
    assert [b for a, b in pairwise(lines) if " = " in b and b[0] != "#" and a[:1] != "#"] == []


def test_each_key_has_a_kind_and_a_meaning() -> None:
    assert list(KINDS) == [key.path for key in keys()]
    assert set(meanings()) == set(KINDS)
    assert all(text.endswith(".") for text in meanings().values())


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load(None, {}, default_file=tmp_path / "none") == Loaded(Settings(), None, {})


def test_the_file_named_wins_over_the_variable_and_that_over_the_default(tmp_path: Path) -> None:
    for name in ("named", "variable", "default"):
        (tmp_path / name).write_text(f'[server]\nhostname = "{name}"')
    environ = {"APPLIANCE_CONFIG": str(tmp_path / "variable")}
    default = tmp_path / "default"
    assert load(str(tmp_path / "named"), environ, default_file=default).settings.server.hostname == "named"
    assert load(None, environ, default_file=default).settings.server.hostname == "variable"
    assert load(None, {}, default_file=default).settings.server.hostname == "default"


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ('[server]\nmax_message_size = "20MiB"', "server.max_message_size", 20_971_520),
        ('[server]\nmax_message_size = "50MB"', "server.max_message_size", 50_000_000),
        ('[server]\nmax_message_size = "1 GiB"', "server.max_message_size", 1 << 30),
        ('[server]\nmax_message_size = "1.5 kib"', "server.max_message_size", 1536),
        ('[server]\ndisk_reserve = ""', "server.disk_reserve", None),
        ("[server]\ndisk_reserve = 0", "server.disk_reserve", 0),
        ('[server]\nhostname = "Mail.Example.ORG"', "server.hostname", "mail.example.org"),
        ('[server]\naddresses = ["192.0.2.1", "2001:db8::1"]', "server.addresses", ("192.0.2.1", "2001:db8::1")),
        ('[server]\nprobe_domain = "Example.ORG"', "server.probe_domain", "example.org"),
        ('[server]\ncontact = "root@example.org"', "server.contact", "root@example.org"),
        ("[smtp]\nmx = []", "smtp.mx", ()),
        ('[smtp]\nmx = ["0.0.0.0:25", "[::]:25"]', "smtp.mx", ("0.0.0.0:25", "[::]:25")),
        ('[imap]\ncleartext_login_from = ["::1/128"]', "imap.cleartext_login_from", ("::1/128",)),
        ("[limits]\ngreet_delay = 2", "limits.greet_delay", 2.0),
        ('[limits]\nsession_timeout = "10m"', "limits.session_timeout", 600.0),
        ("[limits]\nerrors = 0", "limits.errors", 0),
        ('[tls]\nmin_version = "1.3"', "tls.min_version", "1.3"),
    ],
)
def test_values(tmp_path: Path, text: str, path: str, value: object) -> None:
    found = loaded(tmp_path, text)
    table, key = path.split(".")
    assert getattr(getattr(found.settings, table), key) == value
    assert found.origins == {path: str(tmp_path / "a.toml")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sever]", "[sever]: no such table; allowed are [server]"),
        ('hostname = "x"', "hostname: not a table; allowed are [server]"),
        ("server = 3", "server: not a table; allowed are [server]"),
        ("[[smtp]]", "smtp: not a table"),
        ('[smtp]\nmxx = ["127.0.0.1:25"]', "[smtp] mxx: no such key; allowed are mx, submission, submissions"),
        ('[server]\n"a\\nb" = 1', "[server] a\\x0ab: no such key"),
        ('[smtp]\nmx = "127.0.0.1:25"', '[smtp] mx = "127.0.0.1:25": allowed is a list'),
        ('[smtp]\nmx = ["localhost:25"]', '[smtp] mx = ["localhost:25"]: allowed is a list'),
        ('[smtp]\nmx = ["127.0.0.1"]', "[smtp] mx"),
        ('[smtp]\nmx = ["127.0.0.1:65536"]', "[smtp] mx"),
        ('[smtp]\nmx = ["::1:25"]', '"[::1]:2525"'),
        ('[smtp]\nmx = ["[127.0.0.1]:25"]', "[smtp] mx"),
        ('[smtp]\nmx = ["127.0.0.1:25", "127.0.0.1:25"]', "a list of different"),
        ('[smtp]\nmx = ["127.0.0.1:2143"]', "[imap] imap"),
        ('[imap]\nimaps = ["127.0.0.1:2525"]', '[imap] imaps = "127.0.0.1:2525": taken by [smtp] mx'),
        ('[imap]\ncleartext_login_from = ["127.0.0.1/8"]', "[imap] cleartext_login_from"),
        ('[dns]\nnameservers = ["9.9.9.9"]', "[dns] nameservers"),
        ('[server]\nhostname = "-a.example"', "[server] hostname"),
        ('[server]\nhostname = "192.0.2.1"', "a host name such as"),
        ('[server]\nprobe_domain = "192.0.2.1"', "[server] probe_domain"),
        ('[server]\ncontact = "root"', "[server] contact"),
        ('[server]\naddresses = ["example.org"]', "[server] addresses"),
        ('[server]\nlog_level = "loud"', '"debug", "info", "warning" or "error"'),
        ("[server]\nmax_message_size = 0", "bytes above 0"),
        ("[server]\nmax_message_size = -1", "[server] max_message_size = -1"),
        ('[server]\nmax_message_size = "20 apples"', "20MiB"),
        ("[server]\nmax_message_size = 2.5", "[server] max_message_size = 2.5"),
        ('[server]\ndata_dir = "a\\u0000b"', '[server] data_dir = "a\\x00b"'),
        ("[server]\ndata_dir = 1979-05-27", "[server] data_dir = 1979-05-27"),
        ("[limits]\nerrors = true", "[limits] errors = true: allowed is an integer of 0 or more"),
        ('[limits]\nerrors = "10"', '[limits] errors = "10"'),
        ("[limits]\nerrors = 9223372036854775808", "[limits] errors"),
        ("[limits]\ngreet_delay = nan", "[limits] greet_delay = nan"),
        ("[limits]\ngreet_delay = -0.5", "seconds as a number"),
        ('[limits]\ngreet_delay = "soon"', "[limits] greet_delay"),
        ("[tls]\nmin_version = 1.2", '[tls] min_version = 1.2: allowed is "1.2" or "1.3"'),
        ('[tls]\ncertificate = "/a.pem"', "[tls] key: missing"),
        ('[tls]\nkey = "/a.pem"', "[tls] certificate: missing"),
        ('[smtp]\nproxy_listen = ["127.0.0.1:26"]', "[smtp] proxy_from: missing; allowed with [smtp] proxy_listen is"),
        ('[smtp]\nproxy_from = ["10.0.0.1/8"]', "[smtp] proxy_from"),
        ('[smtp]\nproxy_listen = ["127.0.0.1:2587"]\nproxy_from = ["::1/128"]', "taken by [smtp] submission"),
        ("[server", "not TOML"),
        ("[server]\n[server]", "not TOML"),
        ("a = " + "[" * 50_000, "not TOML"),
        ("a = " + "9" * 10_000, "not TOML"),
        ("#" * (1 << 20) + "\n", "too long"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'a.toml'}: ")
    assert words in line
    assert line.isprintable()


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("APPLIANCE_SERVER__HOSTNAME", "mx.example.org", "server.hostname", "mx.example.org"),
        ("APPLIANCE_SERVER__HOSTNAME", "", "server.hostname", ""),
        ("APPLIANCE_SMTP__MX", "127.0.0.1:25, [::1]:25", "smtp.mx", ("127.0.0.1:25", "[::1]:25")),
        ("APPLIANCE_SMTP__MX", "[2001:db8::1]:25,127.0.0.1:25", "smtp.mx", ("[2001:db8::1]:25", "127.0.0.1:25")),
        ("APPLIANCE_SMTP__MX", '["127.0.0.1:25"]', "smtp.mx", ("127.0.0.1:25",)),
        ("APPLIANCE_SMTP__MX", "", "smtp.mx", ()),
        ("APPLIANCE_SMTP__MX", "[]", "smtp.mx", ()),
        ("APPLIANCE_LIMITS__ERRORS", "3", "limits.errors", 3),
        ("APPLIANCE_LIMITS__GREET_DELAY", "0.25", "limits.greet_delay", 0.25),
        ("APPLIANCE_SERVER__MAX_MESSAGE_SIZE", "20MiB", "server.max_message_size", 20_971_520),
        ("APPLIANCE_SERVER__DISK_RESERVE", "", "server.disk_reserve", None),
    ],
)
def test_the_environment_overrides_the_file(tmp_path: Path, variable: str, text: str, path: str, value: object) -> None:
    found = loaded(tmp_path, '[server]\nhostname = "file.example"\n[smtp]\nmx = []', {variable: text})
    table, key = path.split(".")
    assert getattr(getattr(found.settings, table), key) == value
    assert found.origins[path] == variable


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("APPLIANCE_SMPT__MX", "x", "[smpt]: no such table"),
        ("APPLIANCE_SMTP__MXX", "x", "[smtp] mxx: no such key; allowed are mx, submission, submissions"),
        ("APPLIANCE_SMTP_MX", "x", "one underscore; allowed is APPLIANCE_SMTP__KEY"),
        ("APPLIANCE_LIMITS__ERRORS", "many", "an integer of 0 or more"),
        ("APPLIANCE_SMTP__MX", "[1]", "[smtp] mx = [1]"),
        ("APPLIANCE_SMTP__MX", "[oops]", "[smtp] mx"),
        ("APPLIANCE_SERVER__HOSTNAME", "a\nb", "[server] hostname"),
        ("APPLIANCE_TLS__KEY", "/key.pem", "[tls] certificate: missing"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path, variable: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "", {variable: text})
    assert str(caught.value).startswith(f"{variable}: ")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_variables_of_other_programs_are_none_of_ours(tmp_path: Path) -> None:
    assert loaded(tmp_path, "", {"APPLIANCE_PORT": "1", "APPLIANCES__X": "2", "PATH": "/bin"}).origins == {}


@pytest.mark.parametrize("name", ["absent.toml", ".", "a\0b"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read: ") as caught:
        load(f"{tmp_path}/{name}", {})
    assert str(caught.value).isprintable()


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'[server]\nhostname = "\xff"')
    with pytest.raises(ConfigError, match=r"a\.toml: not UTF-8 text at byte 21"):
        load(str(tmp_path / "a.toml"), {})


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "b.pem").write_text("-----BEGIN NOTHING-----\n")
    pairs = [
        (tmp_path / "none.pem", tmp_path / "b.pem", "certificate"),
        (tmp_path / "b.pem", tmp_path / "b.pem", "key"),
    ]
    for certificate, key, named in pairs:
        found = loaded(tmp_path, f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"')
        with pytest.raises(ConfigError, match=rf"a\.toml: \[tls\] {named} = .* allowed ") as caught:
            check_certificate(found)
        assert str(caught.value).isprintable()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes() | st.times()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3)
)


@settings(max_examples=200)
@given(st.sampled_from(keys()), VALUES)
def test_a_reader_takes_any_value_or_refuses_it(key: Key, value: object) -> None:
    try:
        read = key.kind.read(value)
    except ValueError:
        return
    assert key.kind.read(read if read is not None else "") == read


def refusal(file: str | None, environ: dict[str, str]) -> str:
    """The line of the error, "" when there is none."""
    try:
        load(file, environ, default_file=Path("/nonexistent"))
    except ConfigError as error:
        return str(error)
    return ""


TOML = st.recursive(
    st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(st.characters(codec="utf-8")) | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=2)
    ),
)


@settings(max_examples=100)
@given(st.sampled_from(keys()), TOML)
def test_any_value_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, key: Key, value: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "value.toml"
    file.write_text(tomlkit.dumps({key.table: {key.name: value}}), "utf-8")
    line = refusal(str(file), {})
    assert line.isprintable()
    assert not line or f"[{key.table}] " in line or "not TOML" in line


@settings(max_examples=100)
@given(st.text() | st.text(alphabet='[]"=.,#server limits\nerrors0123456789truenainf-+_:TZ'))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert refusal(str(file), {}).isprintable()


@settings(max_examples=100)
@given(st.sampled_from(keys()), st.text(max_size=40) | st.text(alphabet='[]",.:0123456789abkMiBinf-\n ', max_size=20))
def test_any_variable_is_read_or_refused(key: Key, text: str) -> None:
    line = refusal(None, {key.variable: text})
    assert line.isprintable()
    assert line.startswith("APPLIANCE_") or not line

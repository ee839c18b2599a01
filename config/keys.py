"""Every key of the configuration: its kind, default and meaning; the table behind `load`, `describe` and the example.

Defaults and docstrings are those of `config.settings`; only the kinds are written here.
"""

import ast
import inspect
from functools import cache

import msgspec

from config import settings as tables
from config import values
from config.settings import Settings
from config.values import Kind

KINDS: dict[str, Kind] = {
    "server.hostname": values.HOSTNAME,
    "server.contact": values.MAILBOX,
    "server.addresses": values.ADDRESSES,
    "server.probe_domain": values.HOSTNAME,
    "server.data_dir": values.PATH,
    "server.master_key": values.PATH,
    "server.max_message_size": values.SIZE,
    "server.disk_reserve": values.RESERVE,
    "server.log_level": values.LOG_LEVEL,
    "smtp.mx": values.LISTENERS,
    "smtp.submission": values.LISTENERS,
    "smtp.submissions": values.LISTENERS,
    "smtp.proxy_listen": values.LISTENERS,
    "smtp.proxy_from": values.NETWORKS,
    "imap.imap": values.LISTENERS,
    "imap.imaps": values.LISTENERS,
    "imap.cleartext_login_from": values.NETWORKS,
    "http.http": values.LISTENERS,
    "http.https": values.LISTENERS,
    "dns.nameservers": values.LISTENERS,
    "tls.certificate": values.PATH,
    "tls.key": values.PATH,
    "tls.min_version": values.TLS_VERSION,
    "limits.connections_total": values.COUNT,
    "limits.connections_per_address": values.COUNT,
    "limits.command_timeout": values.DURATION,
    "limits.pre_data_timeout": values.DURATION,
    "limits.data_min_rate": values.SIZE_OR_NONE,
    "limits.session_timeout": values.DURATION,
    "limits.drain_timeout": values.DURATION,
    "limits.greet_delay": values.DURATION,
    "limits.errors": values.COUNT,
    "limits.unknown_recipients_slow": values.COUNT,
    "limits.unknown_recipients": values.COUNT,
    "limits.recipients": values.COUNT,
    "limits.account_recipients_hour": values.COUNT,
    "limits.account_recipients_day": values.COUNT,
    "limits.command_line": values.SIZE_OR_NONE,
    "limits.received": values.COUNT,
    "limits.header_bytes": values.SIZE_OR_NONE,
    "limits.header_fields": values.COUNT,
    "limits.mime_depth": values.COUNT,
    "limits.mime_parts": values.COUNT,
    "limits.bytes_in_flight": values.SIZE_OR_NONE,
    "records.privacy": values.PRIVACY,
    "records.days": values.COUNT,
}
"""Kind of each key, by `table.key`."""


class Key(msgspec.Struct, frozen=True):
    """One key: where it stands, what it may be and its default."""

    table: str
    name: str
    kind: Kind
    default: object

    @property
    def path(self) -> str:
        """As in `server.hostname`."""
        return f"{self.table}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        return f"APPLIANCE_{self.table.upper()}__{self.name.upper()}"


@cache
def keys() -> tuple[Key, ...]:
    """All keys in the order of `config.settings`."""
    return tuple(
        Key(table.name, field.name, KINDS[f"{table.name}.{field.name}"], field.default)
        for table in msgspec.structs.fields(Settings)
        for field in msgspec.structs.fields(table.type)
    )


@cache
def meanings() -> dict[str, str]:
    """What each key is for, by `table.key`: the docstring under it in `config.settings`."""
    found: dict[str, str] = {}
    for node in ast.parse(inspect.getsource(tables)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for key, text in zip(node.body, node.body[1:], strict=False):
            if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(text, ast.Expr):
                found[f"{node.name.lower()}.{key.target.id}"] = str(ast.literal_eval(text.value))
    return found

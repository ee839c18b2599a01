"""The settings as frozen structs, one for each TOML table; a docstring under each key says what it means.

Sizes are bytes, durations seconds, networks CIDR text, listeners `address:port` text. `config.load`
makes a `Settings` from a file and the environment; `config/appliance.toml` shows every key at its default.
"""

import msgspec


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this server is and where its data lies."""

    hostname: str = ""
    """Host name for the banner, Received and the certificate. Empty: the one chosen at set-up, else the system's."""
    contact: str = ""
    """Mailbox that gets mail for bare `postmaster` and `postmaster@hostname`."""
    addresses: tuple[str, ...] = ()
    """Our public IP addresses, where the server stands behind NAT."""
    probe_domain: str = ""
    """Domain whose mail server may be tried, to see whether port 25 is open outwards. Empty: not checked."""
    data_dir: str = ""
    """Directory of the database and the message files. Empty: `appliance/` under XDG state."""
    master_key: str = ""
    """File with the key that seals secrets. Empty: made at first start under XDG config."""
    max_message_size: int = 52_428_800
    """Largest message taken over SMTP or APPEND, in bytes (RFC 1870)."""
    disk_reserve: int | None = None
    """Free bytes below which no mail is taken (452 4.3.1). Empty: the larger of 1 GiB and twice max_message_size."""
    log_level: str = "info"
    """One of debug, info, warning, error."""


class Smtp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Listeners of SMTP."""

    mx: tuple[str, ...] = ("127.0.0.1:2525",)
    """Where mail from other servers is received; port 25 on a real server."""
    submission: tuple[str, ...] = ("127.0.0.1:2587",)
    """Where mail programs send, with STARTTLS and a sign-in; port 587 on a real server."""
    submissions: tuple[str, ...] = ("127.0.0.1:2465",)
    """The same inside TLS (RFC 8314); port 465 on a real server."""
    proxy_listen: tuple[str, ...] = ()
    """Where mail from other servers comes through a proxy that says for whom it speaks (PROXY protocol 1 and 2)."""
    proxy_from: tuple[str, ...] = ()
    """Networks of these proxies; needed with proxy_listen."""


class Imap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Listeners of IMAP."""

    imap: tuple[str, ...] = ("127.0.0.1:2143",)
    """IMAP with STARTTLS; port 143 on a real server."""
    imaps: tuple[str, ...] = ("127.0.0.1:2993",)
    """IMAP inside TLS (RFC 8314); port 993 on a real server."""
    cleartext_login_from: tuple[str, ...] = ()
    """Networks from which LOGIN without TLS is allowed."""


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Listeners of the web: the pages of administrators and of owners."""

    http: tuple[str, ...] = ("127.0.0.1:2080",)
    """Plain HTTP, which only leads to HTTPS; port 80 on a real server."""
    https: tuple[str, ...] = ("127.0.0.1:2443",)
    """The pages, inside TLS; port 443 on a real server."""


class Dns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The resolver."""

    nameservers: tuple[str, ...] = ()
    """Name servers as `address:port`. Empty: the system's."""


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The certificate of the host."""

    certificate: str = ""
    """PEM file with the chain. Empty: a self-signed certificate made at first start."""
    key: str = ""
    """PEM file with the private key of `certificate`."""
    min_version: str = "1.2"
    """Lowest TLS version offered: 1.2 or 1.3."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what peers may use. 0 is unlimited."""

    connections_total: int = 5000
    """Connections of all listeners together."""
    connections_per_address: int = 20
    """Connections from one IP address, all listeners together."""
    command_timeout: float = 300
    """Seconds of silence in an SMTP session (RFC 5321 §4.5.3.2.7)."""
    pre_data_timeout: float = 600
    """Seconds an SMTP session may take to reach its first DATA."""
    data_min_rate: int = 100
    """Bytes a second below which DATA is given up, after its first minute."""
    session_timeout: float = 1800
    """Seconds an SMTP session may last in all. IMAP's autologout is 30 minutes of silence."""
    drain_timeout: float = 10
    """Seconds that DATA under way may still take once the server stops."""
    greet_delay: float = 0.5
    """Seconds before the SMTP banner; peers that speak earlier are refused."""
    errors: int = 10
    """Bad syntax, unknown verbs and wrong order in one session; a refused RCPT is not one."""
    unknown_recipients_slow: int = 5
    """Unknown recipients of one session, or from one address in ten minutes, after which each reply takes a second."""
    unknown_recipients: int = 20
    """Unknown recipients of one session, or from one address in ten minutes, after which nothing more is looked up.

    A network, /24 or /64, has five times as many."""
    recipients: int = 100
    """Recipients of one message (RFC 5321 §4.5.3.1.8)."""
    account_recipients_hour: int = 300
    """Recipients a mailbox may send to in any hour; beyond it 450 4.7.1."""
    account_recipients_day: int = 2000
    """Recipients a mailbox may send to in any 24 hours; beyond it 450 4.7.1."""
    command_line: int = 2048
    """Longest SMTP command line, in bytes."""
    received: int = 100
    """Received fields beyond which a message is refused as looping (RFC 5321 §6.3)."""
    header_bytes: int = 1_048_576
    """Size of a header block; beyond it 554 5.6.0, and APPEND NO."""
    header_fields: int = 2000
    """Fields of a header block; beyond it 554 5.6.0, and APPEND NO."""
    mime_depth: int = 100
    """Nesting of MIME parts; the part at the bound is shown as a leaf."""
    mime_parts: int = 1000
    """Number of MIME parts; what lies beyond is shown as part of the last leaf."""
    bytes_in_flight: int = 268_435_456
    """Message bytes held in memory by all sessions; what is spooled to disk does not count."""


class Records(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of sessions and of the mail they brought."""

    privacy: str = "full"
    """How much: full, no-subjects, or metadata (no transcript either, and a hash for who is at the other end).
    A domain may have its own."""
    days: int = 30
    """For how many days; 0 is for ever."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All static settings."""

    server: Server = Server()
    smtp: Smtp = Smtp()
    imap: Imap = Imap()
    http: Http = Http()
    dns: Dns = Dns()
    tls: Tls = Tls()
    limits: Limits = Limits()
    records: Records = Records()

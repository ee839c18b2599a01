"""TLS as a server: one context a protocol, and a new certificate without a restart.

TLS 1.2 and 1.3 only (RFC 8996, RFC 9325 §3.1.1), with TLS 1.2 narrowed to ephemeral key exchange and AEAD
ciphers, no compression and no renegotiation. A context is live: certificates loaded into it serve all
handshakes that begin afterwards, and connections that are open go on as they are.
"""

import ssl
from pathlib import Path

from appliance.tls.self_signed import ensure_self_signed
from config.settings import Tls

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2 (RFC 9325 §4.2); those of TLS 1.3 are all good."""


class TlsError(ValueError):
    """A certificate or key that cannot be used: one line naming file, setting and fault."""


class Contexts:
    """The contexts of SMTP, IMAP and HTTP, from the same certificate."""

    def __init__(self, settings: Tls, data_dir: Path, hostname: str, now: int) -> None:
        """Reads or makes the certificate; raises TlsError. `now` is UTC microseconds."""
        self._settings, self._data_dir = settings, data_dir
        self._certificate, self._key = _files(settings, data_dir, hostname, now)
        self.smtp = server_context(settings.min_version)
        self.imap = server_context(settings.min_version)
        # RFC 7301 §3.2, with the name of RFC 9051's registry entry; a client that offers no ALPN is served the same.
        self.imap.set_alpn_protocols(["imap"])
        self.smtp.set_alpn_protocols(["smtp"])
        self.http = server_context(settings.min_version)
        # RFC 9112 §1: HTTP/1.1 only.
        self.http.set_alpn_protocols(["http/1.1"])
        self.reload()

    def rename(self, hostname: str, now: int) -> None:
        """Serves a self-signed certificate for another name, where no other is configured. Raises TlsError, OSError."""
        self._certificate, self._key = _files(self._settings, self._data_dir, hostname, now)
        self.reload()

    def reload(self) -> None:
        """Reads the files again; raises TlsError and keeps serving the old certificate when they are no good."""
        # A trial first: of several contexts, none may get a certificate that another refuses.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.smtp, self.imap, self.http):
            _load(context, self._certificate, self._key)


def server_context(min_version: str) -> ssl.SSLContext:
    """A context without a certificate yet. Raises TlsError for a version other than 1.2 and 1.3."""
    if min_version not in VERSIONS:
        raise TlsError(f"tls.min_version {min_version!r}: one of {', '.join(VERSIONS)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[min_version]
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # Sessions of mail last; resumption would keep a kilobyte or more for each of thousands of idle connections,
    # and ticket keys that live as long as the process weaken forward secrecy (RFC 9325 §3.4).
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def _files(settings: Tls, data_dir: Path, hostname: str, now: int) -> tuple[Path, Path]:
    if bool(settings.certificate) != bool(settings.key):
        raise TlsError("tls.certificate and tls.key: set both, or neither for a self-signed certificate")
    if settings.certificate:
        return Path(settings.certificate).expanduser(), Path(settings.key).expanduser()
    return ensure_self_signed(data_dir / "tls", hostname, now)


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for setting, path in (("tls.certificate", certificate), ("tls.key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise TlsError(f"{setting} {path}: {error.strerror}") from None
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        raise TlsError(f"tls.certificate {certificate} with tls.key {key}: {error.reason or error}") from None


def _no_passphrase() -> str:
    """Without this, OpenSSL would ask on the terminal for the passphrase of an encrypted key."""
    return ""

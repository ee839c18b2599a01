"""The certificate of a first start: self-signed, so that mail is encrypted before anybody has arranged for more.

Mail servers that send to us take it (opportunistic TLS, RFC 7435); people's mail programs warn about it
once. A certificate from a public authority replaces it by the settings `tls.certificate` and `tls.key`.
"""

import datetime
import os
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=3650)
MAX_COMMON_NAME = 64
"""RFC 5280 appendix A.1, ub-common-name; the names that count are in the subjectAltName."""


def ensure_self_signed(directory: Path, hostname: str, now: int) -> tuple[Path, Path]:
    """Paths of certificate and key in `directory`; made (P-256, ten years) when missing, expired or for another name.

    `now` is UTC microseconds. The key is readable by its owner only.
    """
    certificate, key = directory / "self-signed.pem", directory / "self-signed.key"
    at = datetime.datetime.fromtimestamp(now / 1_000_000, datetime.UTC)
    if not (key.exists() and _serves(certificate, hostname, at)):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = ec.generate_private_key(ec.SECP256R1())
        _write(key, _key_pem(private))
        _write(certificate, _certificate(private, hostname, at).public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _serves(path: Path, hostname: str, at: datetime.datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    return _name(hostname) in list(names) and at < certificate.not_valid_after_utc


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(key: ec.EllipticCurvePrivateKey, hostname: str, at: datetime.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:MAX_COMMON_NAME])])
    names = dict.fromkeys((_name(hostname), _name("localhost")))
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A day back, for peers whose clock is behind.
        .not_valid_before(at - datetime.timedelta(days=1))
        .not_valid_after(at + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, 0600 from the first byte."""
    part = path.with_name(path.name + ".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)

"""Whether the certificate and key that the settings name can be read and belong together."""

import ssl
from pathlib import Path

from config.load import ConfigError, Loaded


def check_certificate(loaded: Loaded) -> None:
    """Raises ConfigError naming what cannot be read or does not fit; without a certificate there is nothing to do."""
    tls = loaded.settings.tls
    if not tls.certificate:
        return
    for key, file in (("certificate", tls.certificate), ("key", tls.key)):
        where = f'{loaded.origins[f"tls.{key}"]}: [tls] {key} = "{file}"'
        try:
            Path(file).read_bytes()
        except OSError as error:
            reason = error.strerror
            raise ConfigError(f"{where}: cannot be read: {reason}; allowed is a PEM file") from error
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = (getattr(error, "reason", None) or str(error) or "not PEM").replace("_", " ").lower()
        raise ConfigError(
            f'{where}: not usable with certificate = "{tls.certificate}": {reason}; '
            "allowed are a PEM chain and its own key without a passphrase"
        ) from error


def _no_password() -> str:
    """Asked for when the key is sealed; a server cannot ask anybody."""
    raise ValueError("the key has a passphrase")

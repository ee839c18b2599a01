"""The master key: a file of its own, never in the data directory, so that a copied database opens nothing by itself."""

import os
import secrets
from pathlib import Path

KEY_BYTES = 32


class MasterKeyError(ValueError):
    """The key file cannot be used: one line naming it."""


def ensure_master_key(path: Path, *, make: bool) -> bytes:
    """The key in `path` (64 hexadecimal digits); a new one, 0600, when there is none and `make` says so.

    Raises MasterKeyError when it cannot be read, made or understood.
    """
    try:
        if make and not path.exists():
            _make(path)
        text = path.read_text("ascii").strip()
        key = bytes.fromhex(text)
    except OSError as error:
        raise MasterKeyError(f"server.master_key {path}: {error.strerror}") from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"server.master_key {path}: must hold {2 * KEY_BYTES} hexadecimal digits")
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())

"""Style sheet, scripts, icons: read once, served from memory, named with their hash so that browsers may keep them."""

import gzip
import hashlib
from pathlib import Path

import msgspec

DIRECTORY = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class Asset(msgspec.Struct, frozen=True):
    """One file."""

    data: bytes
    packed: bytes
    """The same in gzip."""
    type: str
    version: str
    """Changes with the content."""


def _read(path: Path) -> Asset:
    data = path.read_bytes()
    version = hashlib.sha256(data).hexdigest()[:12]
    return Asset(data, gzip.compress(data, mtime=0), TYPES[path.suffix], version)


ASSETS = {path.name: _read(path) for path in sorted(DIRECTORY.iterdir()) if path.suffix in TYPES}
"""All files, by name. Read with the program: root may have to give up its right to read files before it serves them."""

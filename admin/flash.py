"""Messages for the next page ("the domain was added"), in a cookie that only we can write."""

import base64
import hashlib
import hmac
import json

import msgspec

COOKIE = "__Host-flash"
STATES = ("ok", "waiting", "warning", "broken", "off")
MAX_TEXT = 500


class Flash(msgspec.Struct, frozen=True):
    """`state` is one of STATES: its icon and colour."""

    state: str
    text: str


def seal(key: bytes, flash: Flash) -> str:
    """A cookie value. Names nothing secret: it lies with the browser."""
    packed = base64.urlsafe_b64encode(json.dumps([flash.state, flash.text[:MAX_TEXT]]).encode()).decode()
    return f"{packed}.{_signature(key, packed)}"


def unseal(key: bytes, value: str) -> Flash | None:
    """What `seal` made with the same key; None for anything else."""
    packed, _, signature = value.partition(".")
    if not value.isascii() or not hmac.compare_digest(signature, _signature(key, packed)):
        return None
    state, text = json.loads(base64.urlsafe_b64decode(packed))
    return Flash(state, text)


def _signature(key: bytes, packed: str) -> str:
    return hmac.digest(key, packed.encode(), hashlib.sha256).hex()

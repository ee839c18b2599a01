"""One request as the house sees it: its trace id, who asks, and what the answer has to carry."""

from typing import Any

import msgspec

from admin.headers import Headers


class Flash(msgspec.Struct, frozen=True):
    """A message for the next page, such as what was just done. `state` is ok, waiting, warning, broken or off."""

    state: str
    text: str


class Visit(msgspec.Struct):
    """Made at the entrance, kept in the request's state until the answer begins."""

    trace: str
    """13 characters that stand in the log and on error pages."""
    path: str
    peer: str
    """Address of the other end."""
    flashes: tuple[Flash, ...] = ()
    """Left by the request before; the page shows them."""
    cookies: Headers = msgspec.field(default_factory=list)
    """Set-Cookie fields for the answer."""


def visit_of(scope: Any) -> Visit:
    """The visit of an ASGI scope that came through the entrance."""
    found: Visit = scope["state"]["visit"]
    return found


def loggable(path: str) -> str:
    """A path without what follows its first segment, where tokens stand."""
    first, _, rest = path.lstrip("/")[:60].partition("/")
    return f"/{first}/…" if rest else f"/{first}"

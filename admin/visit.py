"""One request as the house sees it: its trace id, who asks, and what the answer has to carry."""

import secrets
from typing import Any

import msgspec

from admin import csrf, flash
from admin.cookies import drop_cookie, set_cookie
from admin.flash import Flash
from admin.headers import Headers
from admin.navigation import Item
from admin.visitors import Visitor


class Visit(msgspec.Struct):
    """Made at the entrance, kept in the request's state until the answer begins."""

    trace: str
    """13 characters that stand in the log and on error pages."""
    path: str
    target: str
    """Path and query, as they were asked for."""
    peer: str
    """Address of the other end."""
    flash_key: bytes
    left: Flash | None = None
    """What the request before left to say."""
    visitor: Visitor = None
    secret: str = ""
    """What the CSRF token is made of: the session's token, or the visitor's cookie; "" before the first form."""
    rail: tuple[Item, ...] = ()
    """Where the visitor may go."""
    answered: bool = False
    """Whether an answer has begun."""
    cookies: Headers = msgspec.field(default_factory=list)
    """Set-Cookie fields for the answer."""

    @property
    def csrf(self) -> str:
        """The token for a form of this answer."""
        if not self.secret:
            self.secret = secrets.token_hex(32)
            self.cookies.append(set_cookie(csrf.COOKIE, self.secret))
        return csrf.token_for(self.secret)

    @property
    def flashes(self) -> list[Flash]:
        """What is to be said on this page, once."""
        if self.left is None:
            return []
        said, self.left = self.left, None
        self.cookies.append(drop_cookie(flash.COOKIE))
        return [said]

    def leave(self, state: str, text: str) -> None:
        """Leave a message for the next page."""
        self.cookies.append(set_cookie(flash.COOKIE, flash.seal(self.flash_key, Flash(state, text))))


def visit_of(scope: Any) -> Visit:
    """The visit of an ASGI scope that came through the entrance."""
    found: Visit = scope["state"]["visit"]
    return found


def loggable(path: str) -> str:
    """A path without what follows its first segment, where tokens stand."""
    first, _, rest = path.lstrip("/")[:60].partition("/")
    return f"/{first}/…" if rest else f"/{first}"

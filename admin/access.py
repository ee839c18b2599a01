"""Who may ask for what. Every route names one of these guards; a route that names none refuses the start."""

import re
from typing import Any
from urllib.parse import quote

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from admin.refusals import Elsewhere, Refused
from admin.visit import visit_of
from admin.visitors import Administrator, Owner

Connection = ASGIConnection[Any, Any, Any, Any]

SIGN_IN = "/sign-in"
_LOCAL = re.compile(r"/(?![/\\])[!-~]{0,1000}")
"""A path of our own: "//" and "/\\" would begin another host's."""


def anyone(connection: Connection, handler: BaseRouteHandler) -> None:
    """Whoever comes, signed in or not."""


def administrator(connection: Connection, handler: BaseRouteHandler) -> None:
    """Only who administers the server."""
    visitor = visit_of(connection.scope).visitor
    if isinstance(visitor, Administrator):
        return
    if visitor is None:
        raise _sign_in_first(connection)
    if connection.scope["path"] == "/":
        raise Elsewhere(visitor.home)
    raise Refused(403, "This page is for administrators", "You are signed in as the owner of a mailbox.")


def owner(connection: Connection, handler: BaseRouteHandler) -> None:
    """Only who owns a mailbox."""
    visitor = visit_of(connection.scope).visitor
    if isinstance(visitor, Owner):
        return
    if visitor is None:
        raise _sign_in_first(connection)
    raise Refused(403, "This page is for the owner of a mailbox", "You are signed in as an administrator.")


def signed_in(connection: Connection, handler: BaseRouteHandler) -> None:
    """An administrator or an owner."""
    if visit_of(connection.scope).visitor is None:
        raise _sign_in_first(connection)


GUARDS = (anyone, administrator, owner, signed_in)


def own_path(text: str, default: str) -> str:
    """`text` where it is a path of our own to go to, else `default`: nobody is sent to another host."""
    return text if _LOCAL.fullmatch(text) and not text.startswith(SIGN_IN) else default


def _sign_in_first(connection: Connection) -> Elsewhere:
    """Back to the page afterwards; not to what a form would have done."""
    if connection.scope.get("method") != "GET":
        return Elsewhere(SIGN_IN)
    target = visit_of(connection.scope).target
    return Elsewhere(SIGN_IN if target == "/" else f"{SIGN_IN}?next={quote(target, safe='')}")

"""Who may ask for what. Every route names one of these guards; a route that names none refuses the start."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

Connection = ASGIConnection[Any, Any, Any, Any]


def anyone(connection: Connection, handler: BaseRouteHandler) -> None:
    """Whoever comes, signed in or not."""


GUARDS = (anyone,)

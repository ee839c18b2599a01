"""The whole daemon, seen by browsers: HTTP clients over real TLS on loopback."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.house import House

HOST = "mail.test"


def trusting() -> ssl.SSLContext:
    """Takes our self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def browser(
    house: House, *, host: str = HOST, plain: bool = False, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with cookies of its own that follows no redirect; it names the server `host`."""
    port = house.http if plain else house.https
    base = f"{'http' if plain else 'https'}://127.0.0.1:{port}"
    headers = {"Host": host} | options.pop("headers", {})
    async with httpx.AsyncClient(base_url=base, headers=headers, verify=trusting(), timeout=20, **options) as client:
        yield client

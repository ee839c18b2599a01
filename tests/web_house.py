"""The whole daemon, seen by browsers: HTTP clients over real TLS on loopback."""

import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from admin.app import make_app
from appliance.identity.operators import make_operator
from tests.house import PASSWORD, House

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


ADMINISTRATOR = "root@admin.test"
OWNER = "ann@one.test"


def registered(house: House) -> list[tuple[str, HTTPRouteHandler]]:
    """Every route there is, with its handlers."""
    routes = [route for route in make_app(house.appliance.web_house).routes if isinstance(route, HTTPRoute)]
    own = [(route.path, handler) for route in routes for handler in route.route_handlers]
    return [(path, handler) for path, handler in own if handler.http_methods != {"OPTIONS"}]


class Browser:
    """Somebody's browser: cookies, forms filled in as a person does, no redirect followed by itself."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page."""
        return self._keep(await self.client.get(path, headers=self._headers(headers)))

    async def post(self, path: str, data: Mapping[str, str] | None = None, **headers: str) -> httpx.Response:
        """A form as it stands, without the hidden fields of a page."""
        return self._keep(await self.client.post(path, data=data or {}, headers=self._headers(headers)))

    async def submit(self, path: str, data: Mapping[str, str] | None = None, *, page: str = "") -> httpx.Response:
        """Load `page` (the form's own path, if not named), then send its form with these fields and its token."""
        token = csrf_token((await self.get(page or path)).text)
        origin = f"https://{self.client.headers['Host']}"
        return await self.post(path, {"csrf": token, **(data or {})}, origin=origin, sec_fetch_site="same-origin")

    async def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """By the form."""
        return await self.submit("/sign-in", {"name": name, "password": password, **fields})

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {**({"cookie": cookie} if cookie else {}), **named}

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        """As browsers do: `__Host-` cookies need Secure, Path=/ and no Domain."""
        for field in answer.headers.get_list("set-cookie"):
            pair, *attributes = [part.strip() for part in field.split(";")]
            assert {"Path=/", "Secure", "HttpOnly"} <= set(attributes)
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer


def csrf_token(text: str) -> str:
    """The token in a page's form."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
    assert found is not None, text
    return found[1]


@asynccontextmanager
async def visiting(house: House, *, host: str = HOST) -> AsyncIterator[Browser]:
    """A browser that nobody is signed in with."""
    async with browser(house, host=host) as client:
        yield Browser(client)


async def people(house: House) -> None:
    """ADMINISTRATOR, and OWNER with a mailbox in one.test; both have PASSWORD."""
    passwords = house.appliance.passwords
    await make_operator(house.store, passwords, ADMINISTRATOR, PASSWORD, source="test")
    await house.add_domain("one.test")
    await house.add_mailbox(OWNER)


@asynccontextmanager
async def signed_in(house: House, name: str) -> AsyncIterator[Browser]:
    """The browser of ADMINISTRATOR or OWNER, who are made if need be."""
    if not house.store.operators.exist():
        await people(house)
    async with visiting(house) as visitor:
        assert (await visitor.sign_in(name)).status_code == 303
        yield visitor

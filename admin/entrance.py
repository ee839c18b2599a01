"""The way in: every HTTPS request comes through here before Litestar sees it, every answer leaves through here.

Methods are GET, HEAD and POST and nothing else; HEAD is answered as GET is, by the same guards, with its body left
out (by the connection). The host must be one of ours. Whatever the answer and whoever made it, its fields are whole.
"""

from typing import Any

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

from admin.headers import Headers, complete
from admin.hosts import LOOPBACK, is_ours, read_host
from admin.house import WebHouse
from admin.pages.errors import Refused, error_text
from admin.visit import Visit
from appliance.ids import id_text

METHODS = frozenset({"GET", "HEAD", "POST"})


class Entrance:
    """The ASGI application of HTTPS."""

    def __init__(self, app: ASGIApp, house: WebHouse) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """One request."""
        house = self._house
        visit = Visit(id_text(house.new_id()), scope["path"], _peer(scope))
        host = read_host(field(scope, b"host"))
        send = self._dressed(visit, host, send)
        if scope["method"] not in METHODS:
            await self._refuse(visit, Refused(405, headers={"allow": "GET, HEAD, POST"}), send)
        elif host is None or not is_ours(house, host, _local(scope)):
            await self._refuse(visit, Refused(421), send)
        else:
            inner: Any = dict(scope, state=dict(scope.get("state") or {}, visit=visit))
            if scope["method"] == "HEAD":
                inner["method"] = "GET"
            await self._app(inner, receive, send)

    def _dressed(self, visit: Visit, host: str | None, send: Send) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: Headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
                hsts = host is not None and host not in LOOPBACK
                message["headers"] = complete([*headers, *visit.cookies], self._house.now(), hsts=hsts)
            await send(message)

        return dressed

    async def _refuse(self, visit: Visit, refused: Refused, send: Send) -> None:
        text = error_text(self._house, visit, refused).encode()
        headers: Headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(text))]
        headers += [(name.encode(), value.encode()) for name, value in (refused.headers or {}).items()]
        await send({"type": "http.response.start", "status": refused.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": text, "more_body": False})


def field(scope: HTTPScope, name: bytes) -> bytes:
    """The value of a header field, b"" where there is none or more than one."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0] if len(found) == 1 else b""


def _peer(scope: HTTPScope) -> str:
    client = scope.get("client")
    # An IPv4 address is written as one, whatever kind of socket it came to.
    return client[0].removeprefix("::ffff:") if client else ""


def _local(scope: HTTPScope) -> str:
    server = scope.get("server")
    return server[0] if server else ""

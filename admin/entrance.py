"""The way in: every HTTPS request comes through here before Litestar sees it, every answer leaves through here.

Methods are GET, HEAD and POST and nothing else; HEAD is answered as GET is, by the same guards, with its body left
out (by the connection). The host must be one of ours. Whatever the answer and whoever made it, its fields are whole.
"""

import asyncio
from typing import Any

from litestar import Litestar
from litestar.types import HTTPScope, Message, Receive, Send

from admin import csrf, flash, web_session
from admin.cookies import read_cookie
from admin.headers import Headers, complete
from admin.hosts import LOOPBACK, is_ours, read_host
from admin.house import WebHouse
from admin.navigation import rail_of
from admin.pages.errors import error_text, note_fault
from admin.refusals import Refused
from admin.visit import Visit
from appliance.ids import id_text
from appliance.provision.setup import unfinished

MAX_REQUESTS = 500
"""Requests under way, those included whose browser is gone; beyond it 503."""
METHODS = frozenset({"GET", "HEAD", "POST"})


class Entrance:
    """The ASGI application of HTTPS."""

    def __init__(self, app: Litestar, house: WebHouse) -> None:
        self._app = app
        self._house = house
        self._under_way = 0
        self._paths = frozenset(route.path for route in app.routes)

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """One request."""
        visit = self._visit(scope)
        host = read_host(field(scope, b"host"))
        send = self._dressed(visit, host, send)
        self._under_way += 1
        try:
            await self._answer(visit, host, scope, receive, send)
        except asyncio.CancelledError:
            # The server stops. This is the end of the request's task: nobody is left to be told of the cancelling.
            await self._refuse(visit, Refused(503, "The server is stopping", "Try again in a minute."), send)
        except Exception as error:
            note_fault(visit, error)
            await self._refuse(visit, Refused(500), send)
        finally:
            self._under_way -= 1

    async def _answer(self, visit: Visit, host: str | None, scope: HTTPScope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope, host)
        if refused is not None:
            await self._refuse(visit, refused, send)
            return
        await self._recognise(visit, scope)
        inner: Any = dict(scope, state=dict(scope.get("state") or {}, visit=visit))
        if scope["method"] == "HEAD":
            inner["method"] = "GET"
        await self._app(inner, receive, send)

    def _visit(self, scope: HTTPScope) -> Visit:
        query = scope["query_string"]
        target = (scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")
        left = flash.unseal(self._house.flash_key, read_cookie(scope["headers"], flash.COOKIE))
        trace = id_text(self._house.new_id())
        return Visit(trace, scope["path"], target, _peer(scope), self._house.flash_key, left)

    def _refusal(self, scope: HTTPScope, host: str | None) -> Refused | None:
        """Why no page is even looked for."""
        if self._under_way > MAX_REQUESTS:
            return Refused(503, headers={"retry-after": "30"})
        if scope["method"] not in METHODS:
            return Refused(405, headers={"allow": "GET, HEAD, POST"})
        if host is None or not is_ours(self._house, host, _local(scope)):
            return Refused(421)
        if scope["method"] == "POST" and not csrf.is_own_page(dict(scope["headers"])):
            return Refused(403, "That did not come from our own page", "Open the page here and try again.")
        return None

    async def _recognise(self, visit: Visit, scope: HTTPScope) -> None:
        token = read_cookie(scope["headers"], web_session.COOKIE)
        visit.visitor = await web_session.recognise(self._house, token, visit.peer)
        visit.secret = token if visit.visitor is not None else read_cookie(scope["headers"], csrf.COOKIE)
        visit.rail = rail_of(visit.visitor, self._paths, unfinished=unfinished(self._house.store))

    def _dressed(self, visit: Visit, host: str | None, send: Send) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: Headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
                hsts = host is not None and host not in LOOPBACK
                visit.answered = True
                message["headers"] = complete([*headers, *visit.cookies], self._house.now(), hsts=hsts)
            await send(message)

        return dressed

    async def _refuse(self, visit: Visit, refused: Refused, send: Send) -> None:
        if visit.answered:
            return
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

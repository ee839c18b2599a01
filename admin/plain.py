"""Plain HTTP: the way to HTTPS, and `/healthz`. Nothing else is ever said in clear."""

from litestar.types import HTTPScope, Receive, Send

from admin.entrance import field
from admin.headers import Headers, complete
from admin.hosts import is_ours, read_host
from admin.house import WebHouse
from config.urls import authority
from config.values import parse_listener

MAX_TARGET = 2000
"""Bytes of a path and query that are sent on."""


class Plain:
    """The ASGI application of HTTP."""

    def __init__(self, house: WebHouse) -> None:
        self._house = house

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD"):
            await self._answer(send, 200, "OK")
            return
        host = read_host(field(scope, b"host"))
        server = scope.get("server")
        if host is None or not is_ours(self._house, host, server[0] if server else ""):
            await self._answer(send, 421, "This server does not go by that name.")
        elif scope["method"] not in ("GET", "HEAD"):
            await self._answer(send, 403, "Nothing is taken without encryption: use https.")
        elif (location := self._location(host, scope)) is None:
            await self._answer(send, 404, "There is no such page.")
        else:
            await self._answer(send, 308, "The page is at https.", location)

    def _location(self, host: str, scope: HTTPScope) -> bytes | None:
        """The same page by HTTPS; the host is ours, so that nobody is sent anywhere else."""
        path, query = scope["raw_path"], scope["query_string"]
        listeners = self._house.https
        if not listeners or not path.startswith(b"/") or len(path) + len(query) > MAX_TARGET:
            return None
        origin = f"https://{authority(host, parse_listener(listeners[0])[1])}".encode()
        return origin + path + (b"?" + query if query else b"")

    async def _answer(self, send: Send, status: int, text: str, location: bytes = b"") -> None:
        body = f"{text}\n".encode()
        headers: Headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        if location:
            headers.append((b"location", location))
        # RFC 6797 §7.2: no HSTS field outside TLS.
        headers = complete(headers, self._house.now(), hsts=False)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

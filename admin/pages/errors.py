"""Errors as pages: what happened and what to do, in plain words, with the trace id that stands in the log."""

import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from admin.ask import Ask, page, render
from admin.house import WebHouse
from admin.visit import Visit, loggable
from appliance.store.errors import Conflict, NotFound, StoreBusy, StoreError, StoreFull, StoreTimeout

log = structlog.get_logger("admin")

WORDS: dict[int, tuple[str, str]] = {
    400: ("That request was not understood", "Go back and try again. If you typed the address, check it."),
    403: ("This page is not for you", "You are signed in, but this page is for somebody else."),
    404: ("There is no such page", "Check the address, or begin at the start page."),
    405: ("That cannot be done here", "Go back, and use the buttons and links of the page."),
    409: ("That does not fit how things are now", "Reload the page before and look again."),
    413: ("That was too much", "A form may hold one megabyte. Nothing was saved."),
    421: ("This server does not go by that name", "Use the server's own name, or one of its domains."),
    429: ("Too many tries", "Wait a while before you try again."),
    500: ("Something went wrong on our side", "It is not your fault. Nothing half-done was saved. Try again."),
    503: ("The server is too busy", "Nothing was saved. Try again in a minute."),
    507: ("The server's disk is full", "Nothing was saved. The administrator has to make room."),
}
"""Title and advice by status."""


class Refused(HTTPException):
    """An error page with words of its own: raise it anywhere in a handler."""

    def __init__(
        self, status: int, title: str = "", advice: str = "", *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail=title or str(status), status_code=status, headers=headers)
        known = WORDS.get(status, WORDS[500 if status >= 500 else 400])
        self.title, self.advice = title or known[0], advice or known[1]


def error_text(house: WebHouse, visit: Visit, refused: Refused) -> str:
    """The page, for refusals made before any route."""
    _note(visit, refused.status_code, refused.title)
    return render(house, visit, "error.html", error=refused, status=refused.status_code)


def on_http(ask: Ask, error: HTTPException) -> Response[str]:
    """A refusal, ours or Litestar's (404, 405, 413 ...)."""
    refused = error if isinstance(error, Refused) else Refused(error.status_code, headers=error.headers)
    _note(ask.visit, refused.status_code, refused.title)
    response = page(ask, "error.html", status=refused.status_code, error=refused)
    for name, value in (refused.headers or {}).items():
        response.headers[name] = value
    return response


def on_store(ask: Ask, error: StoreError) -> Response[str]:
    """What the store refused and no form has caught."""
    if isinstance(error, NotFound):
        return on_http(ask, Refused(404, advice=_sentence(error)))
    if isinstance(error, Conflict):
        return on_http(ask, Refused(409, advice=_sentence(error)))
    if isinstance(error, StoreFull):
        return on_http(ask, Refused(507))
    if isinstance(error, StoreBusy | StoreTimeout):
        return on_http(ask, Refused(503, headers={"Retry-After": "30"}))
    return on_any(ask, error)


def on_any(ask: Ask, error: Exception) -> Response[str]:
    """A fault of ours: the log gets all of it, the person asking only where to find it."""
    visit = ask.visit
    log.error("request failed", trace=visit.trace, path=loggable(visit.path), peer=visit.peer, exc_info=error)
    return page(ask, "error.html", status=500, error=Refused(500))


def _note(visit: Visit, status: int, why: str) -> None:
    log.info("request refused", trace=visit.trace, status=status, why=why, path=loggable(visit.path), peer=visit.peer)


def _sentence(error: Exception) -> str:
    text = str(error).strip()
    return f"{text[:1].upper()}{text[1:]}." if text else ""

"""Errors as pages: what happened and what to do, in plain words, with the trace id that stands in the log."""

import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from admin.ask import Ask, page, render, see_other
from admin.house import WebHouse
from admin.refusals import Elsewhere, Refused
from admin.visit import Visit, loggable
from appliance.store.errors import Conflict, NotFound, StoreBusy, StoreError, StoreFull, StoreTimeout

log = structlog.get_logger("admin")


def error_text(house: WebHouse, visit: Visit, refused: Refused) -> str:
    """The page, for refusals made before any route."""
    _note(visit, refused.status_code, refused.title)
    return render(house, visit, "error.html", error=refused, status=refused.status_code)


def on_http(ask: Ask, error: HTTPException) -> Response[str]:
    """A refusal, ours or Litestar's (404, 405, 413 ...)."""
    if isinstance(error, Elsewhere):
        return see_other(ask, error.path)
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
    note_fault(ask.visit, error)
    return page(ask, "error.html", status=500, error=Refused(500))


def note_fault(visit: Visit, error: Exception) -> None:
    """A line with the trace id and where it went wrong."""
    log.error("request failed", trace=visit.trace, path=loggable(visit.path), peer=visit.peer, exc_info=error)


def _note(visit: Visit, status: int, why: str) -> None:
    log.info("request refused", trace=visit.trace, status=status, why=why, path=loggable(visit.path), peer=visit.peer)


def _sentence(error: Exception) -> str:
    text = str(error).strip()
    return f"{text[:1].upper()}{text[1:]}." if text else ""

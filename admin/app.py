"""The application: routes, templates, error pages, in one place; `Entrance` stands before it."""

from collections.abc import Sequence
from typing import cast

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import BeforeRequestHookHandler, ExceptionHandlersMap

from admin.access import GUARDS
from admin.ask import Ask, check_csrf
from admin.house import WebHouse
from admin.pages import (
    claim,
    domains,
    domains_addresses,
    domains_routing,
    domains_settings,
    errors,
    mailboxes,
    mailboxes_invite,
    mailboxes_settings,
    mailboxes_show,
    me,
    overview,
    own_password,
    record,
    setup,
    setup_host,
    setup_mail,
    sign_in,
    static,
)
from appliance.store.errors import StoreError

MAX_BODY = 1_000_000
"""Bytes of a request's body; a form is some hundred."""
PAGES: tuple[Sequence[HTTPRouteHandler], ...] = (
    static.ROUTES,
    sign_in.ROUTES,
    overview.ROUTES,
    record.ROUTES,
    domains.ROUTES,
    domains_routing.ROUTES,
    domains_addresses.ROUTES,
    domains_settings.ROUTES,
    mailboxes.ROUTES,
    mailboxes_show.ROUTES,
    mailboxes_invite.ROUTES,
    mailboxes_settings.ROUTES,
    me.ROUTES,
    claim.ROUTES,
    own_password.ROUTES,
    setup.ROUTES,
    setup_host.ROUTES,
    setup_mail.ROUTES,
)
"""The routes of every area."""


ERRORS = {HTTPException: errors.on_http, StoreError: errors.on_store, Exception: errors.on_any}
"""Who makes the page of an exception."""


def make_app(house: WebHouse) -> Litestar:
    """All pages. Raises ValueError naming a route that does not say who may ask for it."""
    handlers = [handler for routes in PAGES for handler in routes]
    for handler in handlers:
        if sum(guard in GUARDS for guard in handler.guards or ()) != 1:
            raise ValueError(f"{', '.join(sorted(handler.paths))}: name one guard of admin.access")
    return Litestar(
        handlers,
        request_class=Ask,
        before_request=cast("BeforeRequestHookHandler", check_csrf),
        state=State({"house": house}),
        exception_handlers=cast("ExceptionHandlersMap", ERRORS),
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
    )

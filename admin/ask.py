"""What a handler is given, and how it answers."""

from typing import Any

from litestar import MediaType, Request, Response

from admin import csrf
from admin.forms import Fields, FormError, read_fields
from admin.house import WebHouse
from admin.refusals import Refused
from admin.visit import Visit, visit_of
from appliance.mail.envelope import Peer
from appliance.provision import Actor

FORM = "application/x-www-form-urlencoded"


class Ask(Request[Any, Any, Any]):
    """A request, with the house at hand."""

    @property
    def house(self) -> WebHouse:
        """What pages work with."""
        found: WebHouse = self.app.state.house
        return found

    @property
    def visit(self) -> Visit:
        """Who asks, and the trace id."""
        return visit_of(self.scope)

    @property
    def peer(self) -> Peer:
        """The other end of the connection."""
        return Peer(self.visit.peer)

    @property
    def actor(self) -> Actor:
        """Who is signed in, for the audit row of an act."""
        visitor = self.visit.visitor
        if visitor is None:
            raise Refused(403)
        return Actor(visitor.name, self.visit.peer)

    @property
    def asked(self) -> Fields:
        """The fields of the URL."""
        return Fields(list(self.query_params.multi_items()))

    async def fields(self) -> Fields:
        """The fields of the form that was sent. Raises Refused 413, 415, 400."""
        body = await self.body()
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise Refused(415)
        try:
            return read_fields(body)
        except FormError:
            raise Refused(400) from None


async def check_csrf(request: Ask) -> None:
    """Before every handler: what changes something must come from our own page (`csrf`)."""
    if request.method == "GET":
        return
    token = request.headers.get(csrf.HEADER) or (await request.fields()).get(csrf.FIELD)
    if not csrf.is_token(request.visit.secret, token):
        raise Refused(403, "This form is too old", "Go back, reload the page and send it again. Nothing was saved.")


def page(request: Ask, template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """The answer made of a template and its values."""
    text = render(request.house, request.visit, template, **values)
    return Response(text, status_code=status, media_type=MediaType.HTML)


def render(house: WebHouse, visit: Visit, template: str, **values: Any) -> str:
    """The text of a page, for answers that are made outside of a handler."""
    return house.templates.render(template, house.now(), hostname=house.hostname(), visit=visit, **values)


def see_other(request: Ask, path: str) -> Response[str]:
    """Send the browser to a path of our own: after a form, or to sign in. htmx is told to leave the page."""
    if request.headers.get("hx-request"):
        return Response("", headers={"HX-Redirect": path}, status_code=200, media_type=MediaType.HTML)
    return Response("", headers={"Location": path}, status_code=303, media_type=MediaType.HTML)

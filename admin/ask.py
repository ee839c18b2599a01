"""What a handler is given, and how it answers with a page."""

from typing import Any

from litestar import MediaType, Request, Response

from admin.house import WebHouse
from admin.visit import Visit, visit_of


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


def page(ask: Ask, template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """The answer made of a template and its values."""
    return Response(render(ask.house, ask.visit, template, **values), status_code=status, media_type=MediaType.HTML)


def render(house: WebHouse, visit: Visit, template: str, **values: Any) -> str:
    """The text of a page, for answers that are made outside of a handler."""
    return house.templates.render(template, house.now(), hostname=house.hostname(), visit=visit, **values)

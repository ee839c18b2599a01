"""The start page of administrators."""

from litestar import Response, get

from admin.access import administrator
from admin.ask import Ask, page
from appliance.store.census import totals


@get("/", guards=[administrator])
async def show(request: Ask) -> Response[str]:
    """How much there is."""
    return page(request, "overview.html", totals=await totals(request.house.store.engine))


ROUTES = (show,)

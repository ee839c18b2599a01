"""What the pages of one domain share: finding it, the tabs."""

from typing import Any

from litestar import Response

from admin.ask import Ask, page
from admin.refusals import Refused
from appliance.provision import ProvisionError, find_domain
from appliance.records import DomainInfo

TABS = (
    ("overview", "Overview", ""),
    ("routing", "Routing", "/routing"),
    ("addresses", "Addresses", "/addresses"),
    ("mailboxes", "Mailboxes", "/mailboxes"),
    ("settings", "Settings", "/settings"),
)
"""Key, words, and the end of the path."""


def domain_of(request: Ask, name: str) -> DomainInfo:
    """The domain of a path. Raises Refused 404, NotFound, and Conflict for another name of a domain."""
    try:
        return find_domain(request.house.store, name)
    except ProvisionError:
        raise Refused(404) from None


def domain_page(
    request: Ask, template: str, domain: DomainInfo, tab: str, *, status: int = 200, **values: Any
) -> Response[str]:
    """A page of a domain, with the tab it belongs to."""
    return page(request, template, status=status, domain=domain, tab=tab, tabs=TABS, **values)

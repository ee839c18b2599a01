"""Domains: the list, and one of them."""

from litestar import Response, get
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, page
from admin.paging import PAGE_ROWS, listing, read_list
from appliance.provision import find_domain
from appliance.provision.domains import catch_all_waiting
from appliance.store.census import domain_counts
from appliance.store.domain_list import COLUMNS, STATES, domain_page
from appliance.store.keyset import Slice

FILTERS = {"state": tuple(STATES)}


@get("/domains", guards=[administrator])
async def show_all(request: Ask) -> Response[str]:
    """The list."""
    asked = read_list(request.asked, "/domains", tuple(COLUMNS), FILTERS)
    wanted = Slice(asked.sort, asked.descending, asked.after, asked.before, PAGE_ROWS)
    found = domain_page(request.house.store.engine, wanted, find=asked.find, state=asked.chosen["state"])
    domains = listing(asked, found.rows, found.marks, found.total, more=found.more)
    return page(request, "domains/list.html", domains=domains)


@get("/domains/{name:str}", guards=[administrator])
async def show(request: Ask, name: FromPath[str]) -> Response[str]:
    """One domain."""
    store = request.house.store
    domain = find_domain(store, name)
    named = [one for one in (domain.catch_all_account, domain.contact_account) if one is not None]
    owners = store.directory.accounts_by_id(named)
    return page(
        request,
        "domains/show.html",
        domain=domain,
        counts=domain_counts(store.engine, domain.id),
        aliases=store.directory.domain_aliases(domain.id),
        catch_all=owners.get(domain.catch_all_account or 0),
        catch_all_waiting=catch_all_waiting(store, domain),
        contact=owners.get(domain.contact_account or 0),
    )


ROUTES = (show_all, show)

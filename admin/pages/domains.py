"""Domains: the list, adding one, and how one is doing."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, page, see_other
from admin.fields import address_of, quota_of
from admin.forms import Form
from admin.pages.domains_frame import domain_of, domain_page
from admin.paging import PAGE_ROWS, listing, read_list
from appliance import provision
from appliance.provision import ProvisionError
from appliance.provision.domains import catch_all_waiting
from appliance.provision.lookups import read_domain
from appliance.provision.values import PRIVACY, read_separators
from appliance.store.census import domain_counts
from appliance.store.domain_list import COLUMNS, STATES
from appliance.store.domain_list import domain_page as domains_of
from appliance.store.errors import Conflict
from appliance.store.keyset import Slice

FILTERS = {"state": tuple(STATES)}
UNKNOWN = ("reject", "catch-all")


@get("/domains", guards=[administrator])
async def show_all(request: Ask) -> Response[str]:
    """The list."""
    asked = read_list(request.asked, "/domains", tuple(COLUMNS), FILTERS)
    wanted = Slice(asked.sort, asked.descending, asked.after, asked.before, PAGE_ROWS)
    found = domains_of(request.house.store.engine, wanted, find=asked.find, state=asked.chosen["state"])
    domains = listing(asked, found.rows, found.marks, found.total, more=found.more)
    return page(request, "domains/list.html", domains=domains)


@get("/domains/add", guards=[administrator])
async def ask_new(request: Ask) -> Response[str]:
    """The form for another domain."""
    return _form(request, Form(unknown="reject", state="live", separators="+", privacy="default"))


@post("/domains/add", guards=[administrator])
async def add(request: Ask) -> Response[str]:
    """Receive mail for another domain."""
    form = Form(await request.fields())
    name = form.text("name", missing="Type the domain's name.", longest=300)
    unknown = form.choice("unknown", UNKNOWN)
    state, privacy = form.choice("state", ("live", "arriving")), form.choice("privacy", ("default", *PRIVACY))
    separators, quota = separators_of(form), quota_of(form)
    if "name" not in form.faults:
        try:
            name = read_domain(name)
        except ProvisionError as error:
            form.refuse(error, "name")
    catch_all = None
    if unknown == "catch-all" and "name" not in form.faults:
        catch_all = address_of(form, "catch_all", name, missing="Type the mailbox that gets this mail.")
    if not form.faults:
        try:
            added = await provision.add_domain(
                request.house.store, request.actor, name,
                unknown=unknown, catch_all=catch_all, subaddress=separators, quota=quota, state=state, privacy=privacy,
            )  # fmt: skip
        except Conflict as error:
            form.refuse(error, "name")
    if form.faults:
        return _form(request, form, status=422)
    request.visit.leave("ok", f"{added.name} is added. Now add its first mailbox.")
    return see_other(request, f"/domains/{added.name}")


@get("/domains/{name:str}", guards=[administrator])
async def show(request: Ask, name: FromPath[str]) -> Response[str]:
    """How a domain is doing."""
    store = request.house.store
    domain = domain_of(request, name)
    named = [one for one in (domain.catch_all_account, domain.contact_account) if one is not None]
    owners = store.directory.accounts_by_id(named)
    return domain_page(
        request,
        "domains/show.html",
        domain,
        "overview",
        counts=domain_counts(store.engine, domain.id),
        aliases=store.directory.domain_aliases(domain.id),
        catch_all=owners.get(domain.catch_all_account or 0),
        catch_all_waiting=catch_all_waiting(store, domain),
        contact=owners.get(domain.contact_account or 0),
        privacy=domain.privacy or request.house.settings.records.privacy,
    )


def separators_of(form: Form) -> str:
    """The characters that begin a subaddress, for the acts: "off" for an empty field."""
    wanted = form.text("separators") or "off"
    try:
        read_separators(wanted)
    except ProvisionError:
        form.fault("separators", "Type each of + - . _ = # at most once, or nothing to turn subaddresses off.")
    return wanted


def _form(request: Ask, form: Form, status: int = 200) -> Response[str]:
    privacy = request.house.settings.records.privacy
    return page(request, "domains/add.html", status=status, form=form, privacy=privacy)


ROUTES = (show_all, ask_new, add, show)

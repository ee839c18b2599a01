"""Mailboxes: the list of all, the list of a domain, adding one."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, page
from admin.fields import MAX_ADDRESS, quota_of
from admin.forms import Form
from admin.pages.domains_frame import domain_of, domain_page
from admin.pages.mailboxes_frame import standings
from admin.pages.mailboxes_invite import invitation_page
from admin.paging import PAGE_ROWS, ListAsk, Listing, listing, read_list
from appliance import provision
from appliance.mail.address import Address, AddressError
from appliance.provision import ProvisionError
from appliance.provision.lookups import read_domain
from appliance.records import DomainInfo
from appliance.store.account_list import COLUMNS, STATES, account_page
from appliance.store.errors import Conflict, NotFound
from appliance.store.keyset import Slice

MAX_OFFERED = 500
"""Domains that the field offers while one types."""


@get("/mailboxes", guards=[administrator])
async def show_all(request: Ask) -> Response[str]:
    """The list of all, or of the domain that the URL names."""
    named = request.house.store.directory.domain(request.asked.get("domain"))
    filters = {"state": tuple(STATES), "domain": (named.name,) if named else ()}
    asked = read_list(request.asked, "/mailboxes", tuple(COLUMNS), filters)
    mailboxes = await _list(request, asked, named)
    missing = not mailboxes.rows and not request.house.store.directory.domains(limit=1)
    return page(request, "mailboxes/list.html", mailboxes=mailboxes, domain_missing=missing)


@get("/domains/{name:str}/mailboxes", guards=[administrator])
async def show_domain(request: Ask, name: FromPath[str]) -> Response[str]:
    """The list of one domain."""
    domain = domain_of(request, name)
    path = f"/domains/{domain.name}/mailboxes"
    asked = read_list(request.asked, path, tuple(COLUMNS), {"state": tuple(STATES)})
    mailboxes = await _list(request, asked, domain)
    return domain_page(request, "domains/mailboxes.html", domain, "mailboxes", mailboxes=mailboxes)


@get("/mailboxes/add", guards=[administrator])
async def ask_new(request: Ask) -> Response[str]:
    """The form for another mailbox; of a domain, where the URL names one."""
    named = request.house.store.directory.domain(request.asked.get("domain"))
    return _form(request, Form(domain=named.name if named else ""))


@post("/mailboxes/add", guards=[administrator])
async def add(request: Ask) -> Response[str]:
    """Make a mailbox, and show its owner's link this once."""
    form = Form(await request.fields())
    address, quota = _address(form), quota_of(form)
    if not form.faults:
        try:
            made = await provision.add_mailbox(request.house.store, request.actor, address, quota)
        except (ProvisionError, Conflict, NotFound) as error:
            form.refuse(error, "address")
    if form.faults:
        return _form(request, form, status=422)
    return invitation_page(request, made, new=True)


async def _list(request: Ask, asked: ListAsk, domain: DomainInfo | None) -> Listing:
    wanted = Slice(asked.sort, asked.descending, asked.after, asked.before, PAGE_ROWS)
    found = await account_page(
        request.house.store.engine,
        wanted,
        find=asked.find,
        domain=domain.id if domain else None,
        state=asked.chosen["state"],
    )
    rows = standings(found.rows, request.house.now())
    return listing(asked, rows, found.marks, found.total, more=found.more)


def _address(form: Form) -> str:
    """The whole address, of one field or of both."""
    typed = form.text("address", missing="Type the address.", longest=MAX_ADDRESS)
    domain = form.text("domain", longest=MAX_ADDRESS)
    if form.faults or "@" in typed:
        if domain and "@" in typed and typed.rpartition("@")[2].casefold() != domain.casefold():
            form.fault("address", f"This is no address of {domain}: empty the domain's field, or leave out the @.")
        return typed
    if not domain:
        form.fault("domain", "Type the domain, or the whole address above.")
        return ""
    try:
        return Address(typed, read_domain(domain)).text
    except (AddressError, ProvisionError) as error:
        form.refuse(error, "domain" if isinstance(error, ProvisionError) else "address")
        return ""


def _form(request: Ask, form: Form, status: int = 200) -> Response[str]:
    names = [one.name for one in request.house.store.directory.domains(limit=MAX_OFFERED)]
    return page(request, "mailboxes/add.html", status=status, form=form, domains=names)


ROUTES = (show_all, show_domain, ask_new, add)

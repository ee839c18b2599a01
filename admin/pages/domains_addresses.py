"""The addresses of a domain that are no mailbox: aliases, and those that refuse."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, see_other
from admin.fields import address_of, several
from admin.forms import Form
from admin.pages.domains_frame import domain_of, domain_page
from admin.paging import PAGE_ROWS, listing, read_list
from appliance import provision
from appliance.mail.address import Address
from appliance.provision import ProvisionError
from appliance.provision.values import DEFAULT_REJECT_CODE, DEFAULT_REJECT_TEXT, read_reject
from appliance.store.address_list import COLUMNS, KINDS, address_page
from appliance.store.errors import Conflict, NotFound
from appliance.store.keyset import Slice

MAX_TARGETS = 100
"""Mailboxes that one form may name."""
MAX_NAMED = 3
"""Mailboxes that the message after it names."""


@get("/domains/{name:str}/addresses", guards=[administrator])
async def show_all(request: Ask, name: FromPath[str]) -> Response[str]:
    """The list."""
    domain = domain_of(request, name)
    asked = read_list(request.asked, f"/domains/{domain.name}/addresses", tuple(COLUMNS), {"kind": KINDS})
    wanted = Slice(asked.sort, asked.descending, asked.after, asked.before, PAGE_ROWS)
    engine = request.house.store.engine
    found = address_page(engine, domain.id, wanted, find=asked.find, kind=asked.chosen["kind"])
    rows = [(Address(row.localpart, domain.name).text, row) for row in found.rows]
    addresses = listing(asked, rows, found.marks, found.total, more=found.more)
    return domain_page(request, "domains/addresses.html", domain, "addresses", addresses=addresses)


@get("/domains/{name:str}/aliases/add", guards=[administrator])
async def ask_alias(request: Ask, name: FromPath[str]) -> Response[str]:
    """The form for another alias."""
    return domain_page(request, "domains/add_alias.html", domain_of(request, name), "addresses", form=Form())


@post("/domains/{name:str}/aliases/add", guards=[administrator])
async def add_alias(request: Ask, name: FromPath[str]) -> Response[str]:
    """Let an address lead to mailboxes."""
    domain, form = domain_of(request, name), Form(await request.fields())
    address = address_of(form, "address", domain.name, missing="Type the address.")
    targets = _targets(request, form, domain.name)
    if not form.faults:
        try:
            await provision.add_alias(request.house.store, request.actor, address, targets)
        except (ProvisionError, Conflict, NotFound) as error:
            form.refuse(error, "address")
    if form.faults:
        return domain_page(request, "domains/add_alias.html", domain, "addresses", status=422, form=form)
    named = ", ".join(targets) if len(targets) <= MAX_NAMED else f"{len(targets)} mailboxes"
    request.visit.leave("ok", f"Mail for {address} goes to {named}.")
    return see_other(request, f"/domains/{domain.name}/addresses")


@get("/domains/{name:str}/rejects/add", guards=[administrator])
async def ask_reject(request: Ask, name: FromPath[str]) -> Response[str]:
    """The form for another address that refuses."""
    form = Form(code=str(DEFAULT_REJECT_CODE), text=DEFAULT_REJECT_TEXT)
    return domain_page(request, "domains/add_reject.html", domain_of(request, name), "addresses", form=form)


@post("/domains/{name:str}/rejects/add", guards=[administrator])
async def add_reject(request: Ask, name: FromPath[str]) -> Response[str]:
    """Refuse mail for an address, with words of its own."""
    domain, form = domain_of(request, name), Form(await request.fields())
    address = address_of(form, "address", domain.name, missing="Type the address.")
    code, text = _reply(form)
    if not form.faults:
        try:
            await provision.reject_address(request.house.store, request.actor, address, code, text)
        except (ProvisionError, Conflict, NotFound) as error:
            form.refuse(error, "address")
    if form.faults:
        return domain_page(request, "domains/add_reject.html", domain, "addresses", status=422, form=form)
    request.visit.leave("ok", f"Mail for {address} is refused.")
    return see_other(request, f"/domains/{domain.name}/addresses")


@post("/domains/{name:str}/aliases/remove", guards=[administrator])
async def remove_alias(request: Ask, name: FromPath[str]) -> Response[str]:
    """Let an address lead nowhere."""
    domain, address = domain_of(request, name), (await request.fields()).get("address")
    await provision.remove_alias(request.house.store, request.actor, _own(domain.name, address))
    request.visit.leave("ok", f"The alias {address} is removed.")
    return see_other(request, f"/domains/{domain.name}/addresses")


@post("/domains/{name:str}/rejects/remove", guards=[administrator])
async def remove_reject(request: Ask, name: FromPath[str]) -> Response[str]:
    """Treat an address as any other that nobody has."""
    domain, address = domain_of(request, name), (await request.fields()).get("address")
    await provision.remove_reject(request.house.store, request.actor, _own(domain.name, address))
    request.visit.leave("ok", f"{address} refuses no longer.")
    return see_other(request, f"/domains/{domain.name}/addresses")


def _own(domain: str, text: str) -> str:
    """An address of the domain whose page it came from. Raises NotFound."""
    try:
        address = provision.canonical_address(text)
    except ProvisionError as error:
        raise NotFound(str(error)) from None
    if address.rpartition("@")[2] != domain:
        raise NotFound(f"{address} is no address of {domain}")
    return address


def _targets(request: Ask, form: Form, domain: str) -> list[str]:
    """The mailboxes that are named, each as the store keeps it."""
    typed = several(form.text("targets", missing="Type the mailboxes that get this mail.", longest=20_000))
    if len(typed) > MAX_TARGETS:
        form.fault("targets", f"Name at most {MAX_TARGETS} mailboxes.")
    found: list[str] = []
    for one in typed[:MAX_TARGETS]:
        try:
            text = one if "@" in one else f"{one}@{domain}"
            found.append(provision.find_mailbox(request.house.store, text).address)
        except (ProvisionError, NotFound) as error:
            form.refuse(error, "targets")
    return list(dict.fromkeys(found))


def _reply(form: Form) -> tuple[int, str]:
    """Code and text of the refusal."""
    typed, text = form.text("code", missing="Type a code such as 550."), form.text("text", missing="Type the words.")
    code = int(typed) if typed.isascii() and typed.isdigit() and len(typed) == 3 else 0
    try:
        read_reject(code, None)
    except ProvisionError:
        form.fault("code", "Type a code such as 550 (for good) or 450 (for now).")
    try:
        read_reject(None, text)
    except ProvisionError as error:
        form.refuse(error, "text")
    return code, text


ROUTES = (show_all, ask_alias, add_alias, ask_reject, add_reject, remove_alias, remove_reject)

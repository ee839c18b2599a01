"""Set-up: the first domain, the first mailbox with its invite, and what is next."""

from ipaddress import ip_address

from litestar import Response, get, post

from admin.access import administrator
from admin.arrival import arrival_of
from admin.ask import Ask, see_other
from admin.forms import Form
from admin.mail_program import doors
from admin.qr import qr_code
from admin.set_up import open_progress, step_page
from appliance import provision
from appliance.ids import id_text
from appliance.mail.address import AddressError, parse_address
from appliance.provision import ProvisionError
from appliance.provision.lookups import read_domain
from appliance.provision.setup import Progress, add_first_mailbox, reach
from appliance.records import Account
from appliance.store.errors import Conflict, NotFound
from config.urls import claim_path
from config.values import parse_listener

MAX_NAME = 260


@get("/setup/domain", guards=[administrator])
async def ask_domain(request: Ask) -> Response[str]:
    """The name first; with a name in the URL, what becomes of its mail."""
    there = open_progress(request)
    if "name" in request.asked:
        return await _ask_policy(request, Form(request.asked))
    domain = _first_domain(request, there)
    if domain and "other" not in request.asked:
        return step_page(request, "domain", "domain_there.html", domain=domain)
    return _ask_name(request, Form(name=_parent(request.house.hostname())))


@post("/setup/domain", guards=[administrator])
async def add_domain(request: Ask) -> Response[str]:
    """Take mail for it from now on."""
    open_progress(request)
    form, store = Form(await request.fields()), request.house.store
    unknown = form.choice("unknown", ("reject", "catch-all"))
    state = form.choice("state", ("live", "arriving"))
    if form.faults:
        return await _ask_policy(request, form, status=422)
    try:
        added = await provision.add_domain(store, request.actor, form.typed("name").strip(), state=state)
    except (ProvisionError, Conflict) as error:
        form.refuse(error, "name")
        return _ask_name(request, form, status=422)
    # A catch-all is a mailbox, and there is none yet: the first one will be it.
    await reach(store, "mailbox", domain=added.name, catch_all=added.name if unknown == "catch-all" else "")
    request.visit.leave("ok", f"{added.name} is added.")
    return see_other(request, "/setup/mailbox")


@get("/setup/mailbox", guards=[administrator])
async def ask_mailbox(request: Ask) -> Response[str]:
    """The address; or the mailbox that was made already."""
    there = open_progress(request)
    if there.mailbox and "other" not in request.asked:
        return _there(request, there.mailbox)
    return _ask_address(request, there, Form(address=_own_localpart(request, _first_domain(request, there))))


@post("/setup/mailbox", guards=[administrator])
async def add_mailbox(request: Ask) -> Response[str]:
    """The mailbox and its invite, whose link is on this page and nowhere else."""
    there, form = open_progress(request), Form(await request.fields())
    text = form.text("address", missing="Type a name for the mailbox.", longest=MAX_NAME)
    address = text if "@" in text else f"{text}@{_first_domain(request, there)}"
    if not form.faults:
        try:
            made = await add_first_mailbox(request.house.store, request.actor, address)
            return _invited(request, made, there.catch_all)
        except (ProvisionError, Conflict, NotFound) as error:
            if there.mailbox and address.lower() == there.mailbox:
                return _shown_once(request)
            form.refuse(error, "address")
    return _ask_address(request, there, form, status=422)


@post("/setup/link", guards=[administrator])
async def new_link(request: Ask) -> Response[str]:
    """Another invite for the first mailbox; the one before ends."""
    there, latest = open_progress(request), (await request.fields()).get("latest")
    account = request.house.store.directory.account(there.mailbox) if there.mailbox else None
    if account is None or latest != _latest(request, account):
        return _shown_once(request)
    made = await provision.invite_owner(request.house.store, request.actor, there.mailbox)
    return _invited(request, made, "")


@get("/setup/done", guards=[administrator])
async def show_next(request: Ask) -> Response[str]:
    """What there is to know now."""
    there, house = open_progress(request), request.house
    domain = house.store.directory.domain(_first_domain(request, there))
    listened = [parse_listener(text)[0] for text in house.live.listeners().get("smtp.mx", [])]
    return step_page(
        request,
        "done",
        "done.html",
        domain=domain,
        account=house.store.directory.account(there.mailbox) if there.mailbox else None,
        catches=there.catch_all,
        doors=doors(house.live.listeners(), house.hostname()),
        self_signed=not house.settings.tls.certificate,
        mx=f"{domain.name}. MX 10 {house.hostname()}." if domain and "." in house.hostname() else "",
        public=any(not ip_address(address).is_loopback for address in listened),
    )


def _ask_name(request: Ask, form: Form, *, status: int = 200) -> Response[str]:
    return step_page(request, "domain", "domain.html", status=status, form=form)


async def _ask_policy(request: Ask, form: Form, *, status: int = 200) -> Response[str]:
    """With what the DNS says of the domain's mail, so that nobody has to look it up."""
    text = form.text("name", missing="Type the domain's name.", longest=MAX_NAME)
    if form.faults:
        return _ask_name(request, form, status=422)
    try:
        name = read_domain(text)
        if request.house.store.directory.resolve(name) is not None:
            raise Conflict(f"{name} is here already")
    except (ProvisionError, Conflict) as error:
        form.refuse(error, "name")
        return _ask_name(request, form, status=422)
    seen = await arrival_of(request.house.resolver, name, request.house.hostname)
    first = Form(name=name, unknown=form.typed("unknown") or "reject", state=form.typed("state") or seen.state)
    first.faults = form.faults
    return step_page(request, "domain", "domain_policy.html", status=status, form=first, domain=name, seen=seen)


def _ask_address(request: Ask, there: Progress, form: Form, *, status: int = 200) -> Response[str]:
    domain = _first_domain(request, there)
    catches = bool(domain) and there.catch_all == domain
    return step_page(request, "mailbox", "mailbox.html", status=status, form=form, domain=domain, catches=catches)


def _invited(request: Ask, made: provision.Invitation, catches: str) -> Response[str]:
    url = request.house.url(claim_path(made.token))
    # A phone is no use where the address leads nowhere but to this machine.
    code = "" if url.startswith("https://localhost") else qr_code(url)
    return step_page(
        request, "mailbox", "invited.html", address=made.account.address, url=url, qr=code, catches=catches,
        expires_at=made.expires_at,
    )  # fmt: skip


def _there(request: Ask, address: str) -> Response[str]:
    account = request.house.store.directory.account(address)
    if account is None:
        return _ask_address(request, open_progress(request), Form())
    claimed, latest = account.state != "unclaimed", _latest(request, account)
    return step_page(request, "mailbox", "mailbox_there.html", address=address, claimed=claimed, latest=latest)


def _latest(request: Ask, account: Account) -> str:
    """Which invite is the latest, for the form that makes another: sent again by a reload, it makes none."""
    found = request.house.store.credentials.open_invite(account.id, request.house.now())
    return id_text(found.id) if found else ""


def _shown_once(request: Ask) -> Response[str]:
    request.visit.leave("warning", "The link was made already, and is shown once. If it is lost, make another.")
    return see_other(request, "/setup/mailbox")


def _first_domain(request: Ask, there: Progress) -> str:
    """The one that was added here; else one that the command line added, "" where there is none at all."""
    directory = request.house.store.directory
    if there.domain and directory.domain(there.domain) is not None:
        return there.domain
    return next((domain.name for domain in directory.domains("", 1)), "")


def _parent(hostname: str) -> str:
    """The domain to begin with: mail.example.org most likely serves example.org."""
    parent = hostname.partition(".")[2]
    return parent if "." in parent else ""


def _own_localpart(request: Ask, domain: str) -> str:
    """The administrator's own, where the address is one of the domain."""
    try:
        own = parse_address(request.actor)
    except AddressError:
        return ""
    return own.folded if own.domain == domain else ""


ROUTES = (ask_domain, add_domain, ask_mailbox, add_mailbox, new_link, show_next)

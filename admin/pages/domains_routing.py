"""How a domain takes its mail: unknown recipients, the contact, subaddresses."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, see_other
from admin.fields import address_of
from admin.forms import Form
from admin.pages.domains import UNKNOWN, separators_of
from admin.pages.domains_frame import domain_of, domain_page
from appliance import provision
from appliance.provision import ProvisionError
from appliance.provision.domains import catch_all_waiting
from appliance.records import DomainInfo
from appliance.store.errors import Conflict, NotFound


@get("/domains/{name:str}/routing", guards=[administrator])
async def show(request: Ask, name: FromPath[str]) -> Response[str]:
    """The form with what is so now."""
    domain = domain_of(request, name)
    return domain_page(request, "domains/routing.html", domain, "routing", form=Form(None, **_now(request, domain)))


@post("/domains/{name:str}/routing", guards=[administrator])
async def change(request: Ask, name: FromPath[str]) -> Response[str]:
    """Change what is different from now, in one act."""
    domain = domain_of(request, name)
    form, now = Form(await request.fields()), _now(request, domain)
    changes = _changes(request, form, domain, now)
    if changes and not form.faults:
        try:
            domain = await provision.set_domain(request.house.store, request.actor, domain.name, **changes)
        except (ProvisionError, Conflict, NotFound) as error:
            form.refuse(error)
    if form.faults:
        return domain_page(request, "domains/routing.html", domain, "routing", status=422, form=form)
    waiting = catch_all_waiting(request.house.store, domain)
    if not changes:
        request.visit.leave("off", "Nothing was different: nothing was changed.")
    elif waiting:
        request.visit.leave("waiting", f"Unknown recipients are refused until {waiting} is made, then caught by it.")
    else:
        request.visit.leave("ok", f"The routing of {domain.name} is changed.")
    return see_other(request, f"/domains/{domain.name}/routing")


def _now(request: Ask, domain: DomainInfo) -> dict[str, str]:
    """The fields as they are in force."""
    store = request.house.store
    catcher = store.directory.account_by_id(domain.catch_all_account or 0)
    caught = catcher.address if catcher and domain.unknown == "catch_all" else catch_all_waiting(store, domain)
    contact = store.directory.account_by_id(domain.contact_account or 0)
    return {
        "unknown": "catch-all" if caught else "reject",
        "catch_all": caught,
        "contact": contact.address if contact else "",
        "separators": domain.separators,
    }


def _changes(request: Ask, form: Form, domain: DomainInfo, now: dict[str, str]) -> dict[str, str]:
    """What of the form is different, as `set_domain` takes it."""
    changes: dict[str, str] = {}
    if form.choice("unknown", UNKNOWN) == "reject":
        if now["unknown"] != "reject":
            changes["unknown"] = "reject"
    else:
        wanted = address_of(form, "catch_all", domain.name, missing="Type the mailbox that gets this mail.")
        if wanted != now["catch_all"]:
            changes["catch_all"] = wanted
    contact = _contact(request, form, domain, now)
    if contact != now["contact"]:
        changes["contact"] = contact
    separators = separators_of(form)
    if separators.replace("off", "") != now["separators"]:
        changes["subaddress"] = separators
    return changes


def _contact(request: Ask, form: Form, domain: DomainInfo, now: dict[str, str]) -> str:
    typed = form.text("contact")
    if not typed:
        if now["contact"]:
            form.fault("contact", "Type the mailbox that gets mail for postmaster and abuse.")
        return ""
    try:
        text = typed if "@" in typed else f"{typed}@{domain.name}"
        return provision.find_mailbox(request.house.store, text).address
    except (ProvisionError, NotFound) as error:
        form.refuse(error, "contact")
        return ""


ROUTES = (show, change)

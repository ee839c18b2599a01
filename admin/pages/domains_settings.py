"""What else is set of a domain: state, quota, privacy, other names; suspending and removing it."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, see_other
from admin.fields import quota_of, quota_text
from admin.forms import Form
from admin.pages.domains_frame import domain_of, domain_page
from appliance import provision
from appliance.provision import ProvisionError
from appliance.provision.values import PRIVACY, STATES, read_quota
from appliance.records import DomainInfo
from appliance.store.census import domain_counts
from appliance.store.errors import Conflict


@get("/domains/{name:str}/settings", guards=[administrator])
async def show(request: Ask, name: FromPath[str]) -> Response[str]:
    """All of it, as it is now."""
    return _page(request, domain_of(request, name))


@post("/domains/{name:str}/settings", guards=[administrator])
async def change(request: Ask, name: FromPath[str]) -> Response[str]:
    """Change state, quota and privacy where they are different from now."""
    domain, form = domain_of(request, name), Form(await request.fields())
    wanted = {
        "state": form.choice("state", STATES),
        "quota": quota_of(form),
        "privacy": form.choice("privacy", ("default", *PRIVACY)),
    }
    if form.faults:
        return _page(request, domain, form=form)
    changes = {key: value for key, value in wanted.items() if not _is_so(domain, key, value)}
    if changes:
        await provision.set_domain(request.house.store, request.actor, domain.name, **changes)
        request.visit.leave("ok", f"The settings of {domain.name} are changed.")
    else:
        request.visit.leave("off", "Nothing was different: nothing was changed.")
    return see_other(request, f"/domains/{domain.name}/settings")


@post("/domains/{name:str}/names/add", guards=[administrator])
async def add_name(request: Ask, name: FromPath[str]) -> Response[str]:
    """Let another name stand for the domain."""
    domain, form = domain_of(request, name), Form(await request.fields())
    other = form.text("other", missing="Type the other name.", longest=300)
    if not form.faults:
        try:
            other = await provision.add_domain_alias(request.house.store, request.actor, domain.name, other)
        except (ProvisionError, Conflict) as error:
            form.refuse(error, "other")
    if form.faults:
        return _page(request, domain, other=form)
    request.visit.leave("ok", f"{other} is another name of {domain.name} now.")
    return see_other(request, f"/domains/{domain.name}/settings")


@post("/domains/{name:str}/names/remove", guards=[administrator])
async def remove_name(request: Ask, name: FromPath[str]) -> Response[str]:
    """Take mail by another name no longer."""
    domain, other = domain_of(request, name), (await request.fields()).get("other")
    try:
        gone = await provision.remove_domain_alias(request.house.store, request.actor, domain.name, other)
    except ProvisionError as error:
        raise Conflict(str(error)) from None
    request.visit.leave("ok", f"{gone} is no name of {domain.name} any more.")
    return see_other(request, f"/domains/{domain.name}/settings")


@post("/domains/{name:str}/suspend", guards=[administrator])
async def suspend(request: Ask, name: FromPath[str]) -> Response[str]:
    """Take no mail for a while."""
    domain = await provision.suspend_domain(request.house.store, request.actor, domain_of(request, name).name)
    request.visit.leave("off", f"{domain.name} is suspended: senders are told to try again later.")
    return see_other(request, f"/domains/{domain.name}")


@post("/domains/{name:str}/resume", guards=[administrator])
async def resume(request: Ask, name: FromPath[str]) -> Response[str]:
    """Take mail again."""
    domain = await provision.resume_domain(request.house.store, request.actor, domain_of(request, name).name)
    request.visit.leave("ok", f"{domain.name} takes mail again.")
    return see_other(request, f"/domains/{domain.name}")


@get("/domains/{name:str}/remove", guards=[administrator])
async def ask_removal(request: Ask, name: FromPath[str]) -> Response[str]:
    """What would be lost, and the name to type."""
    return _removal(request, domain_of(request, name), Form())


@post("/domains/{name:str}/remove", guards=[administrator])
async def remove(request: Ask, name: FromPath[str]) -> Response[str]:
    """Remove the domain, where its name was typed."""
    domain, form = domain_of(request, name), Form(await request.fields())
    form.same("confirm", domain.name)
    if not form.faults:
        try:
            await provision.remove_domain(request.house.store, request.actor, domain.name)
        except Conflict as error:
            form.refuse(error)
    if form.faults:
        return _removal(request, domain, form, status=422)
    request.visit.leave("ok", f"{domain.name} is removed.")
    return see_other(request, "/domains")


def _is_so(domain: DomainInfo, key: str, value: str) -> bool:
    if key == "quota":
        return read_quota(value) == domain.quota_bytes
    return value == (domain.state if key == "state" else domain.privacy or "default")


def _page(request: Ask, domain: DomainInfo, form: Form | None = None, other: Form | None = None) -> Response[str]:
    """The page with its forms: the one that was refused, the others as things are."""
    first = Form(state=domain.state, quota=quota_text(domain.quota_bytes), privacy=domain.privacy or "default")
    return domain_page(
        request,
        "domains/settings.html",
        domain,
        "settings",
        status=422 if form or other else 200,
        form=form or first,
        other=other or Form(other=""),
        names=request.house.store.directory.domain_aliases(domain.id),
        privacy=request.house.settings.records.privacy,
    )


def _removal(request: Ask, domain: DomainInfo, form: Form, status: int = 200) -> Response[str]:
    store = request.house.store
    return domain_page(
        request,
        "domains/remove.html",
        domain,
        "settings",
        status=status,
        form=form,
        counts=domain_counts(store.engine, domain.id),
        names=store.directory.domain_aliases(domain.id),
    )


ROUTES = (show, change, add_name, remove_name, suspend, resume, ask_removal, remove)

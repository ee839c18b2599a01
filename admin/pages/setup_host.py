"""Set-up: the host name, and what can be seen of this host from inside. Both stay when set-up is over."""

from litestar import Response, get, post

from admin.access import administrator
from admin.ask import Ask, see_other
from admin.forms import Form
from admin.set_up import open_progress, step_page
from appliance.provision import ProvisionError
from appliance.provision.hostname import choose_hostname
from appliance.provision.setup import reach

CHECKS = "/setup/checks"


@get("/setup/host", guards=[administrator])
async def ask_name(request: Ask) -> Response[str]:
    """The form; a name that is no full one is not offered."""
    name = request.house.hostname()
    return _ask(request, Form(hostname=name if "." in name else ""))


@post("/setup/host", guards=[administrator])
async def choose(request: Ask) -> Response[str]:
    """Go by that name from now on, and look at this host under it."""
    house, form = request.house, Form(await request.fields())
    if not house.settings.server.hostname:
        name = form.text("hostname", missing="Type a name for this server.")
        if not form.faults:
            try:
                await choose_hostname(house.store, house.settings, request.actor, name)
            except ProvisionError as error:
                form.refuse(error, "hostname")
        if form.faults:
            return _ask(request, form, status=422)
    house.host_checks.start(house.hostname())
    return see_other(request, CHECKS)


@get(CHECKS, guards=[administrator])
async def show_checks(request: Ask) -> Response[str]:
    """What was found so far. The page asks again by itself while there is more to come."""
    house = request.house
    known = house.host_checks.name == house.hostname()
    return step_page(
        request,
        "host",
        "checks.html",
        job=house.host_checks if known else None,
        probed=bool(house.settings.server.probe_domain),
    )


@post(CHECKS, guards=[administrator])
async def check_again(request: Ask) -> Response[str]:
    """Look once more."""
    request.house.host_checks.start(request.house.hostname())
    return see_other(request, CHECKS)


@post("/setup/checked", guards=[administrator])
async def go_on(request: Ask) -> Response[str]:
    """Whatever was found is an answer: on to the domain."""
    open_progress(request)
    await reach(request.house.store, "domain")
    return see_other(request, "/setup/domain")


def _ask(request: Ask, form: Form, *, status: int = 200) -> Response[str]:
    fixed = request.house.settings.server.hostname
    return step_page(request, "host", "host.html", status=status, form=form, fixed=fixed)


ROUTES = (ask_name, choose, show_checks, check_again, go_on)

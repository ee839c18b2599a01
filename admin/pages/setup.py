"""Set-up: its first step, by the one-time link, and how it is resumed, finished and dismissed."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin import web_session
from admin.access import administrator, anyone
from admin.ask import Ask, see_other
from admin.forms import WHOLE, Form
from admin.hosts import is_address, read_host
from admin.refusals import Refused
from admin.set_up import PATHS, open_progress, step_page
from admin.strength import Verdict, judged, meter
from admin.visitors import Administrator
from appliance.identity.new_password import WeakPassword
from appliance.identity.password import PasswordsBusy
from appliance.identity.setup_token import SetupRefused, check_setup, make_first_operator
from appliance.provision.setup import STEPS, finish, reach
from appliance.store.errors import Conflict

MAX_EMAIL = 320
NEW_LINK = "Run “appliance setup” on the server: it prints a new one."
REFUSED = {
    "unknown": (404, "There is no such set-up link", f"Check that all of it was copied. {NEW_LINK}"),
    "ended": (
        410,
        "This link has ended",
        f"A link is good for 30 minutes, and a new one ends the one before. {NEW_LINK}",
    ),
    "over": (410, "This server has its administrator", "The link has done its work. Sign in to go on."),
}
"""Status, title and advice."""


@get("/setup/{token:str}", guards=[anyone])
async def welcome(request: Ask, token: FromPath[str]) -> Response[str]:
    """The form for the first administrator. Looking at it uses nothing up: programs that check links do that."""
    if isinstance(request.visit.visitor, Administrator):
        return see_other(request, "/setup")
    _check(request, token)
    return step_page(request, "first", "first.html", form=Form(), token=token, strength=None)


@post("/setup/{token:str}", guards=[anyone])
async def begin(request: Ask, token: FromPath[str]) -> Response[str]:
    """Makes the administrator, and signs in."""
    _check(request, token)
    form = Form(await request.fields())
    email = form.text("email", missing="Type your e-mail address.", longest=MAX_EMAIL)
    password = form.secret("password", missing="Choose a password.")
    if "password" not in form.faults and form.typed("again") != password:
        form.fault("again", "This is not the same password.")
    if form.faults:
        return await _again(request, form, token)
    house = request.house
    try:
        login = await make_first_operator(house.store, house.passwords, token, email, password, request.visit.peer)
    except WeakPassword as error:
        form.refuse(error, "password")
    except Conflict as error:
        form.refuse(error, "email")
    except PasswordsBusy:
        form.fault(WHOLE, "The server is busy. Try again in some seconds.")
    except SetupRefused as error:
        raise Refused(*REFUSED[error.kind]) from None
    if form.faults:
        return await _again(request, form, token)
    await web_session.begin(house, request.visit, login, request.headers.get("user-agent", ""))
    return see_other(request, "/setup")


@post("/setup/strength", guards=[anyone])
async def strength(request: Ask) -> Response[str]:
    """The meter beside the password while it is typed; for who could use the form only."""
    fields = await request.fields()
    _check(request, fields.get("token"))
    return meter(request, await judged(request, fields.get("password"), fields.get("email")[:MAX_EMAIL]))


@get("/setup", guards=[administrator])
async def resume(request: Ask) -> Response[str]:
    """The step at which it stands."""
    return see_other(request, PATHS[open_progress(request).step])


@post("/setup/skip", guards=[administrator])
async def skip(request: Ask) -> Response[str]:
    """Leave a step as it is, and go on with the next."""
    open_progress(request)
    here = (await request.fields()).get("step")
    if here not in STEPS[:-1]:
        raise Refused(400)
    following = STEPS[STEPS.index(here) + 1]
    await reach(request.house.store, following)
    return see_other(request, PATHS[following])


@post("/setup/finish", guards=[administrator])
async def done(request: Ask) -> Response[str]:
    """It is over."""
    at_the_end = open_progress(request).step == "done"
    host = (read_host(request.headers.get("host", "").encode("latin-1", "replace")) or "").strip("[]")
    act, address = "setup.done" if at_the_end else "setup.dismiss", host if is_address(host) else ""
    await finish(request.house.store, request.actor, act, address)
    request.visit.leave("ok", "Set-up is done." if at_the_end else "Set-up is over. What is left is done from here.")
    return see_other(request, "/")


def _check(request: Ask, token: str) -> None:
    try:
        check_setup(request.house.store, token)
    except SetupRefused as error:
        raise Refused(*REFUSED[error.kind]) from None


async def _again(request: Ask, form: Form, token: str) -> Response[str]:
    """The form with its faults, and what the meter would show."""
    found: Verdict | None = await judged(request, form.typed("password"), form.typed("email")[:MAX_EMAIL])
    return step_page(request, "first", "first.html", status=422, form=form, token=token, strength=found)


ROUTES = (welcome, begin, strength, resume, skip, done)

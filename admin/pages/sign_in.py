"""Signing in and out: one form for administrators and owners."""

from litestar import Response, get, post

from admin import web_session
from admin.access import SIGN_IN, anyone, own_path
from admin.ask import Ask, page, see_other
from admin.forms import WHOLE, Form
from admin.navigation import OWNERS
from admin.visitors import Administrator, Visitor
from appliance.identity.login import LoginRefused
from appliance.identity.operator_login import sign_in as sign_in_by_password

MAX_NAME = 320
"""Characters of an address."""
REFUSED = {
    "credentials": (422, "The address or the password is wrong."),
    "suspended": (403, "This address is suspended. Ask your administrator."),
    "busy": (503, "The server is busy. Try again in some seconds."),
}
"""Status and words of a refusal; "throttled" says for how long."""


@get(SIGN_IN, guards=[anyone])
async def show(request: Ask) -> Response[str]:
    """The form; who is signed in already goes on."""
    target = request.asked.get("next")
    if request.visit.visitor is not None:
        return see_other(request, _onwards(request.visit.visitor, target))
    fresh = not request.house.store.operators.exist()
    return page(request, "sign_in.html", form=Form(next=own_path(target, "")), fresh=fresh)


@post(SIGN_IN, guards=[anyone])
async def sign_in(request: Ask) -> Response[str]:
    """Begin a session under a new token, or say no."""
    house, visit, form = request.house, request.visit, Form(await request.fields())
    name = form.text("name", missing="Type your e-mail address.", longest=MAX_NAME)
    password = form.secret("password", missing="Type your password.")
    if form.faults:
        return page(request, "sign_in.html", status=422, form=form)
    try:
        login = await sign_in_by_password(house.store, house.logins, house.passwords, name, password, request.peer)
    except LoginRefused as refused:
        return _refused(request, form, refused)
    await web_session.begin(house, visit, login, request.headers.get("user-agent", ""))
    return see_other(request, _onwards(visit.visitor, form.typed("next")))


@post("/sign-out", guards=[anyone])
async def sign_out(request: Ask) -> Response[str]:
    """End the session, here and in the ledger."""
    await web_session.end(request.house, request.visit)
    request.visit.leave("ok", "You are signed out.")
    return see_other(request, SIGN_IN)


def _onwards(visitor: Visitor, target: str) -> str:
    """The page that was asked for, where it is one of theirs, else the one they begin with."""
    if visitor is None:
        return SIGN_IN
    path = own_path(target, visitor.home)
    theirs = any(item.holds(path.partition("?")[0]) for item in OWNERS)
    return path if isinstance(visitor, Administrator) or theirs else visitor.home


def refusal(refused: LoginRefused) -> tuple[int, str]:
    """Status and words of a sign-in that was refused."""
    if refused.kind != "throttled":
        return REFUSED.get(refused.kind, REFUSED["credentials"])
    minutes = max(1, round(refused.retry_after / 60))
    return 429, f"Too many tries from your address. Wait {minutes} minute{'s' if minutes > 1 else ''}, then try again."


def _refused(request: Ask, form: Form, refused: LoginRefused) -> Response[str]:
    status, line = refusal(refused)
    form.fault(WHOLE, line)
    response = page(request, "sign_in.html", status=status, form=form)
    if refused.retry_after:
        response.headers["Retry-After"] = str(round(refused.retry_after))
    return response


ROUTES = (show, sign_in, sign_out)

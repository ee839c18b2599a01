"""Changing one's own password, for owners and administrators alike."""

from litestar import Response, get, post

from admin import web_session
from admin.access import signed_in
from admin.ask import Ask, page, see_other
from admin.forms import Form
from admin.pages.sign_in import refusal
from admin.strength import judged, meter
from admin.visitors import Administrator, Owner
from appliance.identity.login import LoginRefused
from appliance.identity.new_password import WeakPassword
from appliance.identity.own_password import change_own_password
from appliance.records import Account, Operator
from appliance.store.errors import Conflict

WRONG = "This is not your password."


@get("/password", guards=[signed_in])
async def show(request: Ask) -> Response[str]:
    """The form."""
    return await _form(request, Form(), 200)


@post("/password", guards=[signed_in])
async def change(request: Ask) -> Response[str]:
    """The new password in place of the old; everything the old one opened ends, and this session begins anew."""
    house, form = request.house, Form(await request.fields())
    old = form.secret("old", missing="Type the password you have now.")
    new = form.secret("password", missing="Choose a new password.")
    if "password" not in form.faults and form.typed("again") != new:
        form.fault("again", "This is not the same password.")
    if form.faults:
        return await _form(request, form, 422)
    try:
        login = await change_own_password(
            house.store, house.logins, house.passwords, _whose(request), old, new, request.peer
        )
    except LoginRefused as refused:
        status, line = refusal(refused)
        if refused.kind == "credentials":
            line = WRONG
        form.fault("old", line)
        return await _form(request, form, status)
    except (WeakPassword, Conflict) as error:
        form.refuse(error, "password")
        return await _form(request, form, 422)
    await web_session.begin(house, request.visit, login, request.headers.get("user-agent", ""))
    request.visit.leave("ok", "Your password is changed. Whatever was signed in with the old one has ended.")
    return see_other(request, "/password")


@post("/password/strength", guards=[signed_in])
async def strength(request: Ask) -> Response[str]:
    """The meter beside the new password while it is typed."""
    visitor = request.visit.visitor
    name = visitor.name if visitor else ""
    return meter(request, await judged(request, (await request.fields()).get("password"), name))


async def _form(request: Ask, form: Form, status: int) -> Response[str]:
    visitor = request.visit.visitor
    found = await judged(request, form.typed("password"), visitor.name if visitor else "")
    owner = isinstance(visitor, Owner)
    return page(request, "own_password.html", status=status, form=form, strength=found, owner=owner)


def _whose(request: Ask) -> Account | Operator:
    visitor = request.visit.visitor
    assert visitor is not None
    return visitor.operator if isinstance(visitor, Administrator) else visitor.account


ROUTES = (show, change, strength)

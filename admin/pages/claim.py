"""Claiming a mailbox: its owner, with the link of the invite, chooses the password that nobody else knows."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin import web_session
from admin.access import anyone
from admin.ask import Ask, page, see_other
from admin.forms import WHOLE, Form
from admin.mail_program import programs
from admin.refusals import Refused
from admin.strength import Verdict, judged, meter
from admin.visitors import Administrator
from appliance.identity.invite import ClaimRefused, Invited, claim, find_invited
from appliance.identity.login import Login
from appliance.identity.password import PasswordsBusy
from appliance.records import Account

NEW_LINK = "Ask whoever runs this server for a new one."
REFUSED = {
    "unknown": (404, "There is no such link", f"Check that all of it was copied. {NEW_LINK}"),
    "expired": (410, "This link has ended", f"A link is good for 72 hours. {NEW_LINK}"),
    "used": (
        410,
        "This link has been used",
        "If that was you, sign in with the password you chose. If not, tell whoever runs this server at once: "
        "somebody else has the mailbox.",
    ),
}
"""Status, title and advice. All three look alike: who guesses learns no more than that."""
BUSY = "The server is busy. Try again in some seconds."


@get("/i/{token:str}", guards=[anyone])
async def show(request: Ask, token: FromPath[str]) -> Response[str]:
    """The form. Looking at it uses nothing up: programs that check links do that."""
    return await _form(request, token, _look(request, token), Form(), 200)


@post("/i/{token:str}", guards=[anyone])
async def take(request: Ask, token: FromPath[str]) -> Response[str]:
    """Uses the link up, sets the password, signs in."""
    invited, form = _look(request, token), Form(await request.fields())
    password = form.secret("password", missing="Choose a password.")
    if "password" not in form.faults and form.typed("again") != password:
        form.fault("again", "This is not the same password.")
    if form.faults:
        return await _form(request, token, invited, form, 422)
    house = request.house
    try:
        account = await claim(house.store, house.passwords, token, password, request.visit.peer)
    except PasswordsBusy:
        form.fault(WHOLE, BUSY)
        return await _form(request, token, invited, form, 503)
    except ClaimRefused as refused:
        if refused.kind != "weak":
            raise Refused(*REFUSED[refused.kind]) from None
        form.refuse(refused, "password")
        return await _form(request, token, invited, form, 422)
    return await _claimed(request, account)


@post("/i/{token:str}/strength", guards=[anyone])
async def strength(request: Ask, token: FromPath[str]) -> Response[str]:
    """The meter beside the password while it is typed; for who could use the form only."""
    invited = _look(request, token)
    return meter(request, await judged(request, (await request.fields()).get("password"), invited.account.address))


def _look(request: Ask, token: str) -> Invited:
    """What the link is for; who tries links that are none has to wait."""
    house, peer = request.house, request.visit.peer
    wait = house.guesses.decide(peer, peer, house.now()).refused_for
    if wait:
        advice = "Too many links that do not exist were tried from your address. Wait a quarter of an hour."
        raise Refused(429, advice=advice, headers={"Retry-After": str(round(wait))})
    try:
        return find_invited(house.store, token)
    except ClaimRefused as refused:
        if refused.kind == "unknown":
            house.guesses.failed(peer, peer, house.now())
        raise Refused(*REFUSED[refused.kind]) from None


async def _form(request: Ask, token: str, invited: Invited, form: Form, status: int) -> Response[str]:
    found: Verdict | None = await judged(request, form.typed("password"), invited.account.address)
    by = invited.invited_by if "@" in invited.invited_by else "whoever runs this server"
    return page(
        request,
        "claim/form.html",
        status=status,
        form=form,
        token=token,
        address=invited.account.address,
        by=by,
        expires_at=invited.expires_at,
        strength=found,
    )


async def _claimed(request: Ask, account: Account) -> Response[str]:
    """To the owner's own pages; an administrator who tries a link stays who they are."""
    house, visit = request.house, request.visit
    password = house.store.credentials.password_of(account.id)
    if isinstance(visit.visitor, Administrator) or account.suspended_at is not None or password is None:
        told = programs(house.live.listeners(), house.hostname(), account.address)
        return page(request, "claim/done.html", address=account.address, told=told)
    await web_session.begin(house, visit, Login(account, password.id), request.headers.get("user-agent", ""))
    visit.leave("ok", "The mailbox is yours. Now set a mail program up, with what stands below.")
    return see_other(request, "/me")


ROUTES = (show, take, strength)

"""The link with which an owner claims a mailbox: made, and shown this once. Only the answer to the form holds it."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, see_other
from admin.forms import Form
from admin.pages.mailboxes_frame import mailbox_of, mailbox_page, path_of
from admin.qr import qr_code
from appliance import provision
from appliance.ids import id_text
from appliance.provision import Invitation
from appliance.records import Account
from appliance.store.credentials import INVITE
from config.urls import claim_path


@get("/mailboxes/{id:str}/invite", guards=[administrator])
async def ask_invite(request: Ask, id: FromPath[str]) -> Response[str]:
    """What a new link does to the one before."""
    account = mailbox_of(request, id)
    if account.state != "unclaimed":
        request.visit.leave("off", "Its owner has claimed this mailbox: there is nothing to invite to.")
        return see_other(request, path_of(account))
    return mailbox_page(request, "mailboxes/invite.html", account, "overview", latest=latest_invite(request, account))


@post("/mailboxes/{id:str}/invite", guards=[administrator])
async def invite(request: Ask, id: FromPath[str]) -> Response[str]:
    """Make a link. The form names the latest it knows of: sent again by a reload, it makes no other."""
    account, form = mailbox_of(request, id), Form(await request.fields())
    if form.typed("latest") != latest_invite(request, account):
        request.visit.leave("warning", "A link was made already, and is shown once. If it is lost, make another.")
        return see_other(request, path_of(account))
    made = await provision.invite_owner(request.house.store, request.actor, account.address)
    return invitation_page(request, made)


def invitation_page(request: Ask, made: Invitation, *, new: bool = False) -> Response[str]:
    """The link to copy, and as a QR code."""
    url = request.house.url(claim_path(made.token))
    code = "" if "://localhost" in url else qr_code(url)
    return mailbox_page(
        request, "mailboxes/invited.html", made.account, "overview",
        url=url, code=code, expires_at=made.expires_at, new=new,
    )  # fmt: skip


def latest_invite(request: Ask, account: Account) -> str:
    """Which invite is the latest, for forms that make another; "" where there was none."""
    made = [one.id for one in request.house.store.credentials.newest(account.id) if one.kind == INVITE]
    return id_text(max(made)) if made else ""


ROUTES = (ask_invite, invite)

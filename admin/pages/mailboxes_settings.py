"""What is set of a mailbox: its quota; suspending and removing it. No field for a password: that is its owner's."""

from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, see_other
from admin.fields import quota_of, quota_text
from admin.forms import Form
from admin.pages.mailboxes_frame import mailbox_of, mailbox_page, path_of
from appliance import provision
from appliance.provision.values import read_quota
from appliance.records import Account
from appliance.store.census import aliases_of
from appliance.store.errors import Conflict


@get("/mailboxes/{id:str}/settings", guards=[administrator])
async def show(request: Ask, id: FromPath[str]) -> Response[str]:
    """As things are."""
    account = mailbox_of(request, id)
    form = Form(quota=quota_text(account.quota_bytes))
    return mailbox_page(request, "mailboxes/settings.html", account, "settings", form=form)


@post("/mailboxes/{id:str}/quota", guards=[administrator])
async def change_quota(request: Ask, id: FromPath[str]) -> Response[str]:
    """Set or lift the quota."""
    account, form = mailbox_of(request, id), Form(await request.fields())
    wanted = quota_of(form)
    if form.faults:
        return mailbox_page(request, "mailboxes/settings.html", account, "settings", status=422, form=form)
    if read_quota(wanted) == account.quota_bytes:
        request.visit.leave("off", "Nothing was different: nothing was changed.")
    else:
        await provision.set_quota(request.house.store, request.actor, account.address, wanted)
        request.visit.leave("ok", f"The quota of {account.address} is changed.")
    return see_other(request, path_of(account, "/settings"))


@post("/mailboxes/{id:str}/suspend", guards=[administrator])
async def suspend(request: Ask, id: FromPath[str]) -> Response[str]:
    """Take no mail, let nobody in."""
    account = mailbox_of(request, id)
    await provision.suspend_mailbox(request.house.store, request.actor, account.address)
    request.visit.leave("off", f"{account.address} is suspended: its sessions are ended, senders try again later.")
    return see_other(request, path_of(account))


@post("/mailboxes/{id:str}/resume", guards=[administrator])
async def resume(request: Ask, id: FromPath[str]) -> Response[str]:
    """Take mail and let its owner in again."""
    account = mailbox_of(request, id)
    await provision.resume_mailbox(request.house.store, request.actor, account.address)
    request.visit.leave("ok", f"{account.address} is open again.")
    return see_other(request, path_of(account))


@get("/mailboxes/{id:str}/remove", guards=[administrator])
async def ask_removal(request: Ask, id: FromPath[str]) -> Response[str]:
    """What would be lost, and the address to type."""
    return _removal(request, mailbox_of(request, id), Form())


@post("/mailboxes/{id:str}/remove", guards=[administrator])
async def remove(request: Ask, id: FromPath[str]) -> Response[str]:
    """Remove the mailbox and its mail, where its address was typed."""
    account, form = mailbox_of(request, id), Form(await request.fields())
    form.same("confirm", account.address)
    if not form.faults:
        try:
            await provision.remove_mailbox(request.house.store, request.actor, account.address)
        except Conflict as error:
            form.refuse(error)
    if form.faults:
        return _removal(request, account, form, status=422)
    request.visit.leave("ok", f"{account.address} and its mail are removed.")
    return see_other(request, f"/domains/{account.address.rpartition('@')[2]}/mailboxes")


def _removal(request: Ask, account: Account, form: Form, status: int = 200) -> Response[str]:
    store = request.house.store
    folders = store.mailboxes.list(account.id)
    return mailbox_page(
        request,
        "mailboxes/remove.html",
        account,
        "settings",
        status=status,
        form=form,
        messages=sum(one.exists for one in folders),
        aliases=aliases_of(store.engine, account.id),
    )


ROUTES = (show, change_quota, suspend, resume, ask_removal, remove)

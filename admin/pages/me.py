"""The owner's own mailbox: what is stored, who signed in, and how a mail program is set up."""

from litestar import Response, get

from admin.access import owner
from admin.ask import Ask, page
from admin.mail_program import programs
from admin.refusals import Refused
from admin.visitors import Owner
from admin.words import agent_text
from appliance.store.credentials import PASSWORD
from appliance.store.mail_programs import mail_programs
from appliance.store.session_acts import SESSION

SHOWN = 8
"""Sign-ins of each kind that are listed."""
MAX_FOLDERS = 100
"""Folders that are listed, those that hold the most."""


@get("/me", guards=[owner])
async def show(request: Ask) -> Response[str]:
    """All of it; how to set up a mail program stands first until one has signed in."""
    house, visitor = request.house, request.visit.visitor
    if not isinstance(visitor, Owner):
        raise Refused(403)
    account, store = visitor.account, house.store
    folders = store.mailboxes.list(account.id)
    ledger = store.credentials.newest(account.id)
    read = mail_programs(store.engine, account.id, SHOWN)
    return page(
        request,
        "me.html",
        account=account,
        folders=sorted(folders, key=lambda one: (-one.bytes, one.name != "INBOX", one.name))[:MAX_FOLDERS],
        rest=max(0, len(folders) - MAX_FOLDERS),
        messages=sum(one.exists for one in folders),
        unseen=sum(one.unseen for one in folders),
        most=max((one.bytes for one in folders), default=0),
        told=programs(house.live.listeners(), house.hostname(), account.address),
        read=read,
        browsers=[one for one in ledger if one.kind == SESSION][:SHOWN],
        password=next((one for one in ledger if one.kind == PASSWORD and one.revoked_at is None), None),
        agent=agent_text,
        this=visitor.session,
    )


ROUTES = (show,)

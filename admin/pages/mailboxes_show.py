"""One mailbox: how its owner stands, what it holds, who is signed in."""

from collections.abc import Sequence

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, see_other
from admin.pages.mailboxes_frame import Standing, mailbox_of, mailbox_page, path_of
from admin.pages.mailboxes_invite import latest_invite
from admin.web_session import IDLE_US
from appliance.ids import parse_id
from appliance.provision.sign_ins import REVOCABLE, end_session, revoke_credential
from appliance.records import Account, Credential
from appliance.store.census import aliases_of
from appliance.store.credentials import INVITE, PASSWORD
from appliance.store.errors import NotFound
from appliance.store.session_acts import SESSION

MAX_FOLDERS = 100
"""Folders that are shown, those that hold the most."""
MAX_LIVE = 100
"""Live sessions that are shown, the oldest."""
KINDS = {PASSWORD: "Password", INVITE: "Invite link", SESSION: "Web session"}


class Line(msgspec.Struct, frozen=True):
    """A row of the ledger as it is shown; never its secret."""

    credential: Credential
    kind: str
    by: str
    stands: Standing
    revocable: bool


@get("/mailboxes/{id:str}", guards=[administrator])
async def show(request: Ask, id: FromPath[str]) -> Response[str]:
    """Owner, storage by folder, aliases."""
    account, store = mailbox_of(request, id), request.house.store
    folders = store.mailboxes.list(account.id)
    home = store.directory.domain_by_id(account.domain)
    return mailbox_page(
        request,
        "mailboxes/show.html",
        account,
        "overview",
        folders=sorted(folders, key=lambda one: (-one.bytes, one.name != "INBOX", one.name))[:MAX_FOLDERS],
        folders_total=len(folders),
        messages=sum(one.exists for one in folders),
        unseen=sum(one.unseen for one in folders),
        most=max((one.bytes for one in folders), default=0),
        aliases=aliases_of(store.engine, account.id),
        password=store.credentials.password_of(account.id),
        catches=home is not None and home.unknown == "catch_all" and home.catch_all_account == account.id,
        contact=home is not None and home.contact_account == account.id,
        latest=latest_invite(request, account),
    )


@get("/mailboxes/{id:str}/sign-ins", guards=[administrator])
async def show_sign_ins(request: Ask, id: FromPath[str]) -> Response[str]:
    """What opens this mailbox, when it was last used and from where; sessions of now."""
    account, house = mailbox_of(request, id), request.house
    lines = ledger_lines(house.store.credentials.newest(account.id), account, house.now())
    live = house.live.live_sessions.find(account=account.address)
    return mailbox_page(
        request, "mailboxes/sign_ins.html", account, "sign-ins", lines=lines, live=live[:MAX_LIVE], live_total=len(live)
    )


@post("/mailboxes/{id:str}/revoke", guards=[administrator])
async def revoke(request: Ask, id: FromPath[str]) -> Response[str]:
    """Let an invite or a web session open nothing any more."""
    account, wanted = mailbox_of(request, id), (await request.fields()).get("credential")
    row = await revoke_credential(request.house.store, request.actor, account.address, _id(wanted))
    request.visit.leave("ok", f"{KINDS[row.kind]} ended: it opens nothing any more.")
    return see_other(request, path_of(account, "/sign-ins"))


@post("/mailboxes/{id:str}/end-session", guards=[administrator])
async def end(request: Ask, id: FromPath[str]) -> Response[str]:
    """End a live session of a mail program, with its protocol's goodbye."""
    account, wanted = mailbox_of(request, id), (await request.fields()).get("session")
    sessions = request.house.live.live_sessions
    live = sessions.get(_id(wanted))
    if live is None or live.account_id != account.id:
        request.visit.leave("off", "That session is over already.")
    else:
        await end_session(request.house.store, request.actor, sessions, live)
        request.visit.leave("ok", "The session is ended. The program may sign in again until you suspend the mailbox.")
    return see_other(request, path_of(account, "/sign-ins"))


def ledger_lines(ledger: Sequence[Credential], account: Account, now: int) -> list[Line]:
    """Credentials in words. `now` is UTC microseconds."""
    revoked = {one.id for one in ledger if one.revoked_at is not None}
    lines = []
    for one in ledger:
        stands = _stands(one, revoked, now)
        by = "the owner" if one.created_by in (account.address, "sign-in") else one.created_by
        kind = KINDS.get(one.kind, one.kind)
        lines.append(Line(one, kind, by, stands, one.kind in REVOCABLE and stands.state in ("ok", "waiting")))
    return lines


def _stands(one: Credential, revoked: set[int], now: int) -> Standing:
    if one.revoked_at is not None or one.opener in revoked:
        return Standing("off", "Ended")
    if one.used_at is not None:
        return Standing("off", "Used")
    idle = one.kind == SESSION and now - max(one.last_used_at or 0, one.created_at) >= IDLE_US
    if idle or (one.expires_at is not None and one.expires_at <= now):
        return Standing("off", "Expired")
    return Standing("waiting", "Waiting") if one.kind == INVITE else Standing("ok", "In force")


def _id(text: str) -> int:
    try:
        return parse_id(text)
    except ValueError:
        raise NotFound("nothing has that id") from None


ROUTES = (show, show_sign_ins, revoke, end)

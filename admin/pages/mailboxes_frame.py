"""What the pages of one mailbox share: finding it, its tabs, how its owner stands."""

from typing import Any

import msgspec
from litestar import Response

from admin.ask import Ask, page
from admin.refusals import Refused
from appliance.ids import id_text, parse_id
from appliance.records import Account
from appliance.store.account_list import AccountRow

TABS = (("overview", "Overview", ""), ("sign-ins", "Sign-ins", "/sign-ins"), ("settings", "Settings", "/settings"))
"""Key, words, and the end of the path."""


class Standing(msgspec.Struct, frozen=True):
    """One of the five words, and what it says of the owner."""

    state: str
    words: str


def standing(account: Account, invited_until: int | None, now: int) -> Standing:
    """How the owner of a mailbox stands. `invited_until` is the end of its invite, in UTC microseconds."""
    if account.suspended_at is not None:
        return Standing("off", "Suspended")
    if account.state == "active":
        return Standing("ok", "Active")
    if invited_until is None:
        return Standing("warning", "Not invited")
    return Standing("waiting", "Invited") if invited_until > now else Standing("warning", "Invite expired")


def standings(rows: list[AccountRow], now: int) -> list[tuple[AccountRow, Standing]]:
    """Each row of a list with how its owner stands."""
    return [(row, standing(row.account, row.invited_until, now)) for row in rows]


def mailbox_of(request: Ask, id: str) -> Account:
    """The mailbox of a path, which names it by its id: an address may hold what a path cannot. Raises Refused 404."""
    try:
        found = request.house.store.directory.account_by_id(parse_id(id))
    except ValueError:
        found = None
    if found is None:
        raise Refused(404, advice="There is no such mailbox; it may have been removed.")
    return found


def path_of(account: Account, end: str = "") -> str:
    """Where a page of a mailbox is."""
    return f"/mailboxes/{id_text(account.id)}{end}"


def mailbox_page(
    request: Ask, template: str, account: Account, tab: str, *, status: int = 200, **values: Any
) -> Response[str]:
    """A page of a mailbox, with the tab it belongs to."""
    store, now = request.house.store, request.house.now()
    invite = store.credentials.open_invite(account.id, now)
    stands = standing(account, invite.expires_at if invite else None, now)
    home = account.address.rpartition("@")[2]
    return page(
        request, template, status=status,
        account=account, home=home, path=path_of(account), tab=tab, tabs=TABS, invite=invite, stands=stands, **values,
    )  # fmt: skip

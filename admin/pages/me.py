"""The owner's own mailbox."""

from litestar import Response, get

from admin.access import owner
from admin.ask import Ask, page
from admin.visitors import Owner


@get("/me", guards=[owner])
async def show(request: Ask) -> Response[str]:
    """What is stored, by folder."""
    visitor = request.visit.visitor
    account = visitor.account if isinstance(visitor, Owner) else None
    folders = request.house.store.mailboxes.list(account.id) if account else ()
    return page(request, "me.html", account=account, folders=folders)


ROUTES = (show,)

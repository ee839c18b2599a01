"""The rail: where administrators and owners may go. A page stands here from the day it exists."""

import msgspec

from admin.visitors import Administrator, Owner, Visitor


class Item(msgspec.Struct, frozen=True):
    """One place."""

    path: str
    icon: str
    words: str

    def holds(self, path: str) -> bool:
        """Whether a page belongs to this place."""
        return path == self.path or (self.path not in ("/", "/me") and path.startswith(f"{self.path}/"))


ADMINISTRATORS = (
    Item("/", "overview", "Overview"),
    Item("/domains", "domains", "Domains"),
    Item("/mailboxes", "mailboxes", "Mailboxes"),
    Item("/password", "key", "Password"),
)
OWNERS = (Item("/me", "inbox", "My mailbox"), Item("/password", "key", "Password"))


SET_UP = Item("/setup", "play", "Set-up")
"""First, for as long as set-up is not finished."""


def rail_of(visitor: Visitor, paths: frozenset[str], *, unfinished: bool = False) -> tuple[Item, ...]:
    """The places of a visitor that are among `paths`, the routes there are; set-up too while it is `unfinished`."""
    places = ADMINISTRATORS if isinstance(visitor, Administrator) else OWNERS if isinstance(visitor, Owner) else ()
    if unfinished and isinstance(visitor, Administrator):
        places = (SET_UP, *places)
    return tuple(item for item in places if item.path in paths)

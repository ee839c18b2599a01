"""LIST, LSUB and NAMESPACE (RFC 3501 §6.3.8 and §6.3.9, RFC 3348, RFC 6154, RFC 2342)."""

from collections.abc import Iterable

from imap.session import Session
from imap.wire import arguments as a
from imap.wire import responses
from imap.wire.list_pattern import ListPattern
from imap.wire.status import Status, ok


async def list_(session: Session, args: a.List) -> Status:
    """RFC 3501 §6.3.8: in order of names, INBOX first; a level that is no mailbox is \\Noselect."""
    if not args.pattern:
        # RFC 3501 §6.3.8: the empty pattern asks for separator and root
        session.tell(responses.list_root())
        return ok("LIST completed")
    special = {info.name: info.special_use for info in session.front.store.mailboxes.list(session.owner.id)}
    parents = _levels_above(special)
    pattern = ListPattern(args.reference, args.pattern)
    for name in sorted({*special, *parents}, key=_order):
        use = special.get(name)
        if (args.special_use and not use) or not pattern.matches(name):
            continue
        attributes = ["\\HasChildren" if name in parents else "\\HasNoChildren"]
        if name not in special:
            attributes.append("\\Noselect")
        if use:
            attributes.append(use)
        session.tell(responses.list_line("LIST", attributes, name))
    return ok("LIST completed")


async def lsub(session: Session, args: a.List) -> Status:
    """RFC 3501 §6.3.9: names as subscribed; with "%" also a level that is not, if one below it is (\\Noselect)."""
    if not args.pattern:
        session.tell(responses.list_root("LSUB"))
        return ok("LSUB completed")
    store = session.front.store
    subscribed = set(store.mailboxes.subscriptions(session.owner.id))
    pattern = ListPattern(args.reference, args.pattern)
    shown = {name for name in subscribed if pattern.matches(name)}
    if args.pattern.endswith("%"):
        shown.update(name for name in _levels_above(subscribed) if pattern.matches(name))
    for name in sorted(shown, key=_order):
        session.tell(responses.list_line("LSUB", () if name in subscribed else ("\\Noselect",), name))
    return ok("LSUB completed")


async def namespace(session: Session, args: a.Nothing) -> Status:
    """RFC 2342 §5: one personal namespace with an empty prefix."""
    session.tell(responses.namespace())
    return ok("NAMESPACE completed")


def _levels_above(names: Iterable[str]) -> set[str]:
    """All names that have one of these below them."""
    found: set[str] = set()
    for name in names:
        while "/" in name:
            name = name.rpartition("/")[0]
            if name in found:
                break
            found.add(name)
    return found


def _order(name: str) -> tuple[bool, str]:
    return name != "INBOX", name

"""Commands of RFC 3501 §6 and of the extensions offered: one command's parts -> tag, name and arguments.

`open_command` reads tag and name, so that a dispatcher can look at the state first; `PARSERS` has the
function for each name's arguments; `parse_command` does both. All errors are ImapError with the tag set.
"""

import binascii
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from imap.wire import arguments as a
from imap.wire import dates, flags, search_key
from imap.wire.fetch_att import fetch_items
from imap.wire.lexer import Parser, Part
from imap.wire.mailbox_name import new_name
from imap.wire.status import ImapError, bad

UID_COMMANDS = ("COPY", "EXPUNGE", "FETCH", "MOVE", "SEARCH", "STORE")
STATUS_ITEMS = ("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
MAX_ID_FIELDS = 30
"""RFC 2971 §3.3: at most 30 pairs, names up to 30 octets, values up to 1024."""
MAX_TAG = 100
MAX_ENABLE = 50

ArgumentParser = Callable[[Parser], a.Arguments]


class Opened(msgspec.Struct, frozen=True):
    """A command of which tag and name are read; `parser` stands behind the name."""

    tag: str
    name: str
    """In capitals; the UID forms are `UID FETCH` and so on. It need not be one of `PARSERS`."""
    parser: Parser


class Command(msgspec.Struct, frozen=True):
    """A whole command."""

    tag: str
    name: str
    arguments: a.Arguments


def open_command(parts: Sequence[Part]) -> Opened:
    """Tag and name of a command. Raises ImapError BAD, tagged "*" where there is no tag (RFC 3501 §7.1.3)."""
    parser = Parser(parts)
    tag = parser.tag()
    if len(tag) > MAX_TAG:
        raise bad(f"A tag has at most {MAX_TAG} characters")
    try:
        parser.sp()
        name = parser.word("a command")
        if name == "UID":
            parser.sp()
            name = "UID " + parser.word("a command after UID")
    except ImapError as error:
        error.tag = tag
        raise
    return Opened(tag, name, parser)


def parse_arguments(opened: Opened, parser_of: "Mapping[str, ArgumentParser] | None" = None) -> Command:
    """The rest of an opened command. Raises ImapError with its tag; BAD for a name there is not."""
    try:
        parse = (PARSERS if parser_of is None else parser_of).get(opened.name)
        if parse is None:
            raise bad(f"Unknown command {opened.name[:40]}")
        found = parse(opened.parser)
        opened.parser.end()
    except ImapError as error:
        error.tag = opened.tag
        raise
    return Command(opened.tag, opened.name, found)


def parse_command(parts: Sequence[Part]) -> Command:
    """A command from its parts (see `lexer`). Raises ImapError and nothing else, whatever the octets."""
    return parse_arguments(open_command(parts))


def awaits_message(parts: Sequence[Part]) -> bool:
    """Whether the literal at the end of the last part is the message of an APPEND, which may be big and held."""
    try:
        opened = open_command(parts)
        if opened.name != "APPEND":
            return False
        _append_head(opened.parser)
    except ImapError:
        return False
    return opened.parser.at_literal and opened.parser.last_part


# --- any state ---


def _nothing(parser: Parser) -> a.Nothing:
    return a.Nothing()


def _id(parser: Parser) -> a.Id:
    parser.sp()
    if parser.peek_word() == "NIL":
        parser.atom()
        return a.Id(None)
    if parser.accept(b"()"):
        return a.Id(())
    pairs = parser.many(partial(_id_pair, parser))
    if len(pairs) > MAX_ID_FIELDS:
        raise bad(f"ID has at most {MAX_ID_FIELDS} fields")
    return a.Id(pairs)


def _id_pair(parser: Parser) -> tuple[str, str | None]:
    field = parser.string("the name of an ID field")
    parser.sp()
    value = parser.nstring()
    if len(field) > 30 or (value is not None and len(value) > 1024):
        raise bad("An ID field has at most 30 octets, its value 1024")
    return field.decode("utf-8", "replace"), None if value is None else value.decode("utf-8", "replace")


# --- not authenticated ---


def _login(parser: Parser) -> a.Login:
    parser.sp()
    user = parser.astring("a user name")
    parser.sp()
    return a.Login(user, parser.astring("a password"))


def _authenticate(parser: Parser) -> a.Authenticate:
    parser.sp()
    mechanism = parser.word("a mechanism")
    if not parser.accept(b" ") or parser.at_end:
        return a.Authenticate(mechanism, None)
    return a.Authenticate(mechanism, base64_line(parser.rest()))


def base64_line(line: bytes) -> bytes:
    """A SASL response: strict base64, "=" for the empty one (RFC 4959 §3). Raises ImapError BAD."""
    if line == b"=":
        return b""
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise bad("Not base64") from None


# --- authenticated ---


def _enable(parser: Parser) -> a.Enable:
    parser.sp()
    names = [parser.word("a capability")]
    while parser.accept(b" ") and not parser.at_end:
        names.append(parser.word("a capability"))
    if len(names) > MAX_ENABLE:
        raise bad(f"At most {MAX_ENABLE} capabilities in one ENABLE")
    return a.Enable(tuple(dict.fromkeys(names)))


def _mailbox(parser: Parser) -> a.Mailbox:
    parser.sp()
    return a.Mailbox(parser.mailbox())


def _create(parser: Parser) -> a.Mailbox:
    parser.sp()
    # RFC 4466 §2.2 parameters belong to extensions that are not offered: what follows the name is BAD
    return a.Mailbox(new_name(parser.mailbox()))


def _rename(parser: Parser) -> a.Rename:
    parser.sp()
    old = parser.mailbox()
    parser.sp()
    return a.Rename(old, new_name(parser.mailbox()))


def _lsub(parser: Parser) -> a.List:
    parser.sp()
    reference = parser.mailbox()
    parser.sp()
    return a.List(reference, parser.list_mailbox())


def _list(parser: Parser) -> a.List:
    parser.sp()
    special_use = parser.peek(b"(")
    if special_use:
        _only(parser, ("SPECIAL-USE",))
        parser.sp()
    reference = parser.mailbox()
    parser.sp()
    pattern = parser.list_mailbox()
    if parser.accept(b" RETURN "):
        # RFC 6154 §2 and RFC 3348: what these ask for, LIST always tells
        _only(parser, ("SPECIAL-USE", "CHILDREN"))
    return a.List(reference, pattern, special_use)


def _only(parser: Parser, options: tuple[str, ...]) -> None:
    words = parser.many(lambda: parser.word("an option"))
    for word in words:
        if word not in options:
            raise bad(f"LIST does not know the option {word[:40]}")


def _status(parser: Parser) -> a.MailboxStatus:
    parser.sp()
    mailbox = parser.mailbox()
    parser.sp()
    items = parser.many(lambda: parser.word("a status item"))
    for item in items:
        if item not in STATUS_ITEMS:
            raise bad(f"STATUS knows {' '.join(STATUS_ITEMS)}")
    return a.MailboxStatus(mailbox, tuple(dict.fromkeys(items)))


def _append(parser: Parser) -> a.Append:
    mailbox, words, internaldate = _append_head(parser)
    return a.Append(mailbox, words, internaldate, parser.literal("the message as a literal"))


def _append_head(parser: Parser) -> tuple[str, flags.FlagWords, int | None]:
    parser.sp()
    mailbox = parser.mailbox()
    parser.sp()
    words, internaldate = flags.FlagWords(0, ()), None
    if parser.peek(b"("):
        words = flags.flag_list(parser)
        parser.sp()
    if parser.peek(b'"'):
        internaldate = dates.date_time(parser)
        parser.sp()
    return mailbox, words, internaldate


# --- selected ---


def _uid_expunge(parser: Parser) -> a.UidExpunge:
    parser.sp()
    return a.UidExpunge(parser.sequence_set())


def _search(parser: Parser, *, uid: bool) -> a.Search:
    parser.sp()
    charset, key = search_key.search(parser)
    return a.Search(charset, key, uid)


def _fetch(parser: Parser, *, uid: bool) -> a.Fetch:
    parser.sp()
    numbers = parser.sequence_set()
    parser.sp()
    return a.Fetch(numbers, fetch_items(parser), uid)


def _store(parser: Parser, *, uid: bool) -> a.Store:
    parser.sp()
    numbers = parser.sequence_set()
    parser.sp()
    mode = "add" if parser.accept(b"+") else "remove" if parser.accept(b"-") else "replace"
    item = parser.word("FLAGS or FLAGS.SILENT")
    if item not in ("FLAGS", "FLAGS.SILENT"):
        raise bad("STORE takes FLAGS, +FLAGS and -FLAGS, each with or without .SILENT")
    parser.sp()
    words = flags.flags(parser)
    if words.recent:
        # RFC 3501 §2.3.2: a client cannot alter \Recent
        raise bad("\\Recent cannot be set or removed")
    return a.Store(numbers, mode, item == "FLAGS.SILENT", words, uid)


def _copy(parser: Parser, *, uid: bool) -> a.Copy:
    parser.sp()
    numbers = parser.sequence_set()
    parser.sp()
    return a.Copy(numbers, parser.mailbox(), uid)


PARSERS: Mapping[str, ArgumentParser] = {
    **dict.fromkeys(
        (
            *("CAPABILITY", "NOOP", "LOGOUT", "STARTTLS"),
            *("NAMESPACE", "IDLE", "CHECK", "CLOSE", "UNSELECT", "EXPUNGE"),
        ),
        _nothing,
    ),
    "ID": _id,
    "LOGIN": _login,
    "AUTHENTICATE": _authenticate,
    "ENABLE": _enable,
    **dict.fromkeys(("SELECT", "EXAMINE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE"), _mailbox),
    "CREATE": _create,
    "RENAME": _rename,
    "LIST": _list,
    "LSUB": _lsub,
    "STATUS": _status,
    "APPEND": _append,
    "UID EXPUNGE": _uid_expunge,
    **{f"{'UID ' if uid else ''}SEARCH": partial(_search, uid=uid) for uid in (False, True)},
    **{f"{'UID ' if uid else ''}FETCH": partial(_fetch, uid=uid) for uid in (False, True)},
    **{f"{'UID ' if uid else ''}STORE": partial(_store, uid=uid) for uid in (False, True)},
    **{f"{'UID ' if uid else ''}{name}": partial(_copy, uid=uid) for uid in (False, True) for name in ("COPY", "MOVE")},
}

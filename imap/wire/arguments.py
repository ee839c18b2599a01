"""Arguments of the commands, one frozen struct each. Mailbox names are decoded (see `mailbox_name`)."""

import msgspec

from imap.wire.fetch_att import FetchItem
from imap.wire.flags import FlagWords
from imap.wire.lexer import Part
from imap.wire.search_key import SearchKey
from imap.wire.sequence_set import SequenceSet


class Nothing(msgspec.Struct, frozen=True):
    """CAPABILITY NOOP LOGOUT STARTTLS NAMESPACE IDLE CHECK CLOSE UNSELECT EXPUNGE."""


class Id(msgspec.Struct, frozen=True):
    """ID (RFC 2971): what the client says of itself, None for NIL."""

    fields: tuple[tuple[str, str | None], ...] | None


class Login(msgspec.Struct, frozen=True):
    """LOGIN: name and password as sent, in octets."""

    user: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"


class Authenticate(msgspec.Struct, frozen=True):
    """AUTHENTICATE: mechanism in capitals; initial response decoded (RFC 4959 §3), None where there is none."""

    mechanism: str
    initial: bytes | None

    def __repr__(self) -> str:
        return f"Authenticate(mechanism={self.mechanism!r})"


class Enable(msgspec.Struct, frozen=True):
    """ENABLE (RFC 5161): names in capitals."""

    capabilities: tuple[str, ...]


class Mailbox(msgspec.Struct, frozen=True):
    """SELECT EXAMINE CREATE DELETE SUBSCRIBE UNSUBSCRIBE. Of CREATE, a name that may be made."""

    mailbox: str


class Rename(msgspec.Struct, frozen=True):
    """RENAME; `new` is a name that may be made."""

    old: str
    new: str


class List(msgspec.Struct, frozen=True):
    """LIST and LSUB: decoded reference and pattern, for `list_pattern.ListPattern`; both "" asks for the root."""

    reference: str
    pattern: str
    special_use: bool = False
    """LIST (SPECIAL-USE) "" "*": only mailboxes with a special use (RFC 6154 §3)."""


class MailboxStatus(msgspec.Struct, frozen=True):
    """STATUS: items in capitals, each once."""

    mailbox: str
    items: tuple[str, ...]


class Append(msgspec.Struct, frozen=True):
    """APPEND: \\Recent among the flags is dropped. `internaldate` in microseconds UTC, None for now."""

    mailbox: str
    flags: FlagWords
    internaldate: int | None
    message: Part


class Search(msgspec.Struct, frozen=True):
    """SEARCH and UID SEARCH: charset in capitals, "" where none was named."""

    charset: str
    key: SearchKey
    uid: bool


class Fetch(msgspec.Struct, frozen=True):
    """FETCH and UID FETCH: items in the order asked (UID is not added here)."""

    numbers: SequenceSet
    items: tuple[FetchItem, ...]
    uid: bool


class Store(msgspec.Struct, frozen=True):
    """STORE and UID STORE: `mode` is "add", "remove" or "replace", as `store.messages.store_flags` takes it."""

    numbers: SequenceSet
    mode: str
    silent: bool
    flags: FlagWords
    uid: bool


class Copy(msgspec.Struct, frozen=True):
    """COPY MOVE and their UID forms."""

    numbers: SequenceSet
    mailbox: str
    uid: bool


class UidExpunge(msgspec.Struct, frozen=True):
    """UID EXPUNGE (RFC 4315 §2.1): a set of UIDs."""

    numbers: SequenceSet


Arguments = (
    Nothing
    | Id
    | Login
    | Authenticate
    | Enable
    | Mailbox
    | Rename
    | List
    | MailboxStatus
    | Append
    | Search
    | Fetch
    | Store
    | Copy
    | UidExpunge
)

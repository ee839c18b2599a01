"""The answers: found, not there, or not known; closed unions for `match`."""

from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")

Absence = Literal["nxdomain", "nodata"]
"""RFC 2308 §2: no such name at all, or no record of this type."""
FailureKind = Literal["bad name", "timeout", "network", "servfail", "refused", "malformed", "chain"]


class Found(msgspec.Struct, Generic[T], frozen=True):
    """Records, at least one; `ttl` is the seconds for which they still hold."""

    records: tuple[T, ...]
    ttl: int
    authenticated: bool
    """DNSSEC was checked, by a resolver on this machine. No other resolver's word is taken for it."""


class NotFound(msgspec.Struct, frozen=True):
    """Certainly nothing there; `ttl` is the seconds for which that holds."""

    kind: Absence
    ttl: int


class NullMx(msgspec.Struct, frozen=True):
    """The domain says that it takes no mail (RFC 7505 §3): as final as `NotFound`, and no address record helps."""

    ttl: int


class Failed(msgspec.Struct, frozen=True):
    """Nothing is known. `detail` is one line for people: what was heard, and from whom."""

    kind: FailureKind
    detail: str

    @property
    def temporary(self) -> bool:
        """Whether asking later may help; all but a name that can never be asked."""
        return self.kind != "bad name"


class MailHost(msgspec.Struct, frozen=True, order=True):
    """One MX record; lower preferences are tried first (RFC 5321 §5.1). `name` is lower case without the root's dot."""

    preference: int
    name: str


Answer: TypeAlias = Found[T] | NotFound | Failed
"""What every question but that for MX gets."""

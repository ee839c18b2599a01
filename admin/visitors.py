"""Who may be signed in: an administrator, or the owner of a mailbox. None is nobody."""

import msgspec

from appliance.records import Account, Operator


class Administrator(msgspec.Struct, frozen=True):
    """Somebody who administers the server; no mailbox opens with it."""

    operator: Operator
    session: int
    """Id of the session's row in the ledger."""

    @property
    def name(self) -> str:
        """The e-mail address: the actor of audit rows."""
        return self.operator.email

    @property
    def home(self) -> str:
        """The page after signing in."""
        return "/"


class Owner(msgspec.Struct, frozen=True):
    """The owner of a mailbox, who sees that alone."""

    account: Account
    session: int

    @property
    def name(self) -> str:
        """The mailbox's address."""
        return self.account.address

    @property
    def home(self) -> str:
        """The page after signing in."""
        return "/me"


Visitor = Administrator | Owner | None

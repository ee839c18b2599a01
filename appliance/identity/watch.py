"""A session ends when what opened it no longer would: the account suspended or gone, the credential revoked."""

from collections.abc import Callable

from appliance.identity.login import Login
from appliance.records import Account, Topic
from appliance.store.store import Store

SUSPENDED = "the mailbox is suspended or gone"
REVOKED = "the password was changed"


def watch(
    store: Store,
    login: Login,
    end: Callable[[str], None],
    changed: Callable[[Account], None] | None = None,
) -> Callable[[], None]:
    """Call `end` with the reason at once when `login` would be refused now; gives the way to stop watching.

    `changed` gets the account as it is after any other change, such as of its quota. To be called in the same turn
    of the loop in which `Logins.login` gave the login, so that no change falls between. Stopping twice does no
    harm; `end` is called at most once.
    """

    def look(topic: Topic) -> None:
        account = store.directory.account_by_id(topic.id)
        if account is None or account.suspended_at is not None:
            stop()
            end(SUSPENDED)
            return
        credential = store.credentials.password_of(topic.id)
        if credential is None or credential.id != login.credential:
            stop()
            end(REVOKED)
        elif changed is not None:
            changed(account)

    stop = store.feed.subscribe(Topic("account", login.account.id), look)
    return stop

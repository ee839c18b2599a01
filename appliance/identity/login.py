"""Signing in: one door for every protocol.

The steps, in an order that tells a stranger nothing: look up the account and its password (a name that
does not exist goes the same way with nothing in hand), hold back as the throttle says, verify, and only
then say more than "wrong": a suspended mailbox is named to its owner alone.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from appliance.identity.password import PasswordError, Passwords, PasswordsBusy, prepare
from appliance.identity.password_cache import PasswordCache
from appliance.identity.throttle import MAX_FAILURES, Decision, Throttle
from appliance.mail.envelope import Peer
from appliance.mail.networks import holder
from appliance.records import Account, Credential
from appliance.store.credential_acts import renew_hash, touch_used
from appliance.store.engine import Tx
from appliance.store.errors import StoreError
from appliance.store.store import Store

log = structlog.get_logger(__name__)

MAX_LOGIN = 320
"""Characters of a login name that are looked at: a local part, "@" and a domain (RFC 5321 §4.5.3.1) fit."""
TOUCH_EVERY_US = 5 * 60 * 1_000_000
BUSY_SECONDS = 5.0


class Login(msgspec.Struct, frozen=True):
    """Who is signed in, and by which row of the ledger."""

    account: Account
    credential: int


class LoginRefused(Exception):
    """No sign-in. `kind` is "credentials" (wrong, or nobody), "throttled" (this address has to wait),
    "busy" (too many passwords are being hashed) or "suspended" (right password, suspended mailbox).

    `retry_after` is seconds, 0 where waiting does not help.
    """

    def __init__(self, kind: str, retry_after: float = 0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry_after = retry_after


class Logins:
    """The door, with its throttle and its cache; one for each process, used on the event loop."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        *,
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._now = now
        self._sleep = sleep
        self._throttle = Throttle()
        self._waiting: Counter[str] = Counter()
        """Attempts held back, by network."""
        self._cache = PasswordCache()
        self._flights: dict[tuple[bytes, int, int], asyncio.Task[bool]] = {}
        self._renewing: dict[int, asyncio.Task[None]] = {}
        self._touched: dict[int, int] = {}
        self._untold: dict[int, tuple[int, str]] = {}

    async def login(self, address: str, password: str | bytes, peer: Peer, protocol: str) -> Login:
        """Signs in with an address and its owner's password, or raises LoginRefused.

        Waits out the throttle's delay (up to 30 seconds). With a password that was right within the last
        five minutes, it costs microseconds.
        """
        name, account = self.look_up(address)
        credential = self._store.credentials.password_of(account.id) if account else None
        try:
            await self.hold_back(name, peer, credential)
            right = await self.verified(name, password, account, credential)
        except PasswordsBusy:
            raise LoginRefused("busy", BUSY_SECONDS) from None
        if not right or account is None or credential is None:
            raise self.failed(name, peer, protocol)
        self.succeeded(name, peer)
        return self.admitted(account, credential, peer, protocol)

    async def flush(self) -> None:
        """Writes when and from where credentials were last used; called now and then, and at the end."""
        if self._renewing:
            await asyncio.wait(self._renewing.values())
        uses, self._untold = self._untold, {}
        if not uses:
            return

        def job(tx: Tx) -> None:
            for credential, (at, address) in uses.items():
                touch_used(tx, credential, at, address)

        await self._store.engine.write(job)

    # The steps, for whoever has another door to make of them (`operator_login`).

    def look_up(self, address: str) -> tuple[str, Account | None]:
        """The name to throttle by, and whose it is."""
        text = address[:MAX_LOGIN]
        account = self._store.directory.account(text)
        return (account.address if account else text.casefold()), account

    async def hold_back(self, name: str, peer: Peer, *credentials: Credential | None) -> None:
        """Waits as the throttle says, or raises LoginRefused "throttled"; `credentials` are the name's passwords.

        An attempt waits to its end though its peer may be gone: were it not for a bound, one that leaves at once and
        comes again would fill the memory.
        """
        known = any(one is not None and one.last_used_from == peer.address for one in credentials)
        decision = self._throttle.decide(name, peer.address, self._now(), known=known)
        network = holder(peer.address)
        if decision.delay and not decision.refused_for and self._waiting[network] >= MAX_FAILURES:
            decision = Decision(0, decision.delay)
        if decision.delay and not decision.refused_for:
            self._waiting[network] += 1
            try:
                await self._sleep(decision.delay)
            finally:
                self._waiting[network] -= 1
                if not self._waiting[network]:
                    del self._waiting[network]
            # Attempts made side by side may have shut the address out meanwhile.
            decision = self._throttle.decide(name, peer.address, self._now(), known=known)
        if decision.refused_for:
            log.info("sign-in refused", why="throttled", login=name, peer=peer.address)
            raise LoginRefused("throttled", decision.refused_for)

    def failed(self, name: str, peer: Peer, protocol: str) -> LoginRefused:
        """Counts a wrong password, or an unknown name; gives what to raise."""
        self._throttle.failed(name, peer.address, self._now())
        log.info("sign-in refused", why="credentials", login=name, peer=peer.address, protocol=protocol)
        return LoginRefused("credentials")

    def succeeded(self, name: str, peer: Peer) -> None:
        """Remembers where a name was signed in to from."""
        self._throttle.succeeded(name, peer.address)

    def used(self, credential: int, peer: Peer) -> None:
        """A credential has opened something; written by `flush`, at most once in five minutes."""
        now = self._now()
        if now - self._touched.get(credential, 0) >= TOUCH_EVERY_US:
            self._touched[credential] = now
            self._untold[credential] = (now, peer.address)

    async def verified(
        self, name: str, password: str | bytes, account: Account | None, credential: Credential | None
    ) -> bool:
        """Whether the password is right, by the cache or by its hash; callers with the same question share one."""
        owner, epoch = (credential.id, account.epoch) if credential and account else (0, 0)
        key = self._cache.key(name, _octets(password))
        if owner and self._cache.holds(key, owner, epoch, self._now()):
            return True
        flight = self._flights.get((key, owner, epoch))
        if flight is None:
            flight = asyncio.create_task(
                self._passwords.verify(credential.secret_hash if credential else None, password)
            )
            self._flights[key, owner, epoch] = flight
            flight.add_done_callback(lambda _: self._flights.pop((key, owner, epoch)))
        right = await asyncio.shield(flight)
        if right and credential:
            self._cache.remember(key, owner, epoch, self._now())
            self._renew_if_outdated(credential, password)
        return right

    def admitted(self, account: Account, credential: Credential, peer: Peer, protocol: str) -> Login:
        """What holds after the wait: the account as it is now, with the credential still its password."""
        current = self._store.directory.account_by_id(account.id)
        if current is None or (current.epoch != account.epoch and not self._still_valid(credential)):
            raise LoginRefused("credentials")
        if current.suspended_at is not None:
            log.info("sign-in refused", why="suspended", login=account.address, peer=peer.address, protocol=protocol)
            raise LoginRefused("suspended")
        self.used(credential.id, peer)
        return Login(current, credential.id)

    def _renew_if_outdated(self, credential: Credential, password: str | bytes) -> None:
        if credential.id in self._renewing or not self._passwords.outdated(credential.secret_hash):
            return
        task = asyncio.create_task(self._renew(credential, password))
        self._renewing[credential.id] = task
        task.add_done_callback(lambda _: self._renewing.pop(credential.id))

    async def _renew(self, credential: Credential, password: str | bytes) -> None:
        """Hashes a right password anew with today's costs; whatever hinders that, the next sign-in tries again."""
        try:
            text = password if isinstance(password, str) else password.decode("utf-8")
            new = await self._passwords.hash(text)
            await self._store.engine.write(lambda tx: renew_hash(tx, credential.id, credential.secret_hash, new))
        except (PasswordsBusy, StoreError) as error:
            log.info("password not hashed anew", credential=credential.id, why=str(error) or "busy")

    def _still_valid(self, credential: Credential) -> bool:
        current = self._store.credentials.password_of(credential.owner)
        return current is not None and (current.id, current.secret_hash) == (credential.id, credential.secret_hash)


def _octets(password: str | bytes) -> bytes:
    """The password as the hash would take it, so that two spellings of it are one in the cache."""
    try:
        return prepare(password)
    except PasswordError:
        return b""

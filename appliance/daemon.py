"""The composition root: builds the appliance on sockets that are bound, and stops it in reverse.

The store is opened first, then identity, the fronts, the control socket. Whatever refuses the start is one line.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

import msgspec
import structlog

from admin.host_checks import HostChecks
from admin.house import WebHouse
from admin.server import WebListeners
from appliance import process
from appliance.connections import ConnectionCounter
from appliance.control.house import House, LiveInfo
from appliance.control.server import ControlServer
from appliance.dns.host_facts import DiskRoom
from appliance.dns.nameservers import nameservers
from appliance.dns.resolver import Resolver
from appliance.identity.login import Logins
from appliance.identity.password import Parameters, Passwords
from appliance.ids import IdMaker, id_text
from appliance.mail.session_record import ImapSessionRecord
from appliance.provision.hostname import CHANGED, HostName
from appliance.records import Topic
from appliance.rendering import Renderer
from appliance.sessions import LiveSession, Sessions
from appliance.sockets import address_of
from appliance.store.directory_acts import ensure_organisation
from appliance.store.disk import MIN_INODES, free
from appliance.store.errors import StoreBroken, StoreError
from appliance.store.store import Store, open_store
from appliance.tls.contexts import Contexts, TlsError
from config.load import ConfigError
from config.places import Places
from config.settings import Settings
from imap.front import Front as ImapFront
from imap.listeners import ImapListeners
from smtp.front import Front as SmtpFront
from smtp.inbound.receiver import Receiver
from smtp.limits import session_limits
from smtp.listeners import SmtpListeners
from smtp.submission.submitter import Submitter

log = structlog.get_logger("appliance.daemon")
Clock = Callable[[], int]
Sockets = Mapping[str, Sequence[socket.socket]]

SESSION_NODE = 1
"""Node of the ids that sessions make on the loop; those of the store's writer thread have node 0."""
FLUSH_SECONDS = 10.0
"""Seconds between two writes of when credentials were last used."""


class Appliance:
    """The running appliance, as an async context: built on entering, stopped in reverse on leaving.

    `sockets` are bound and stay the caller's to close; the caller holds the lock of the data directory.
    """

    def __init__(
        self,
        settings: Settings,
        places: Places,
        sockets: Sockets,
        *,
        now: Clock = process.microseconds,
        costs: Parameters | None = None,
    ) -> None:
        self.settings = settings
        self.places = places
        self.sockets = sockets
        self.now = now
        self._costs = costs
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Appliance":
        async with AsyncExitStack() as stack:
            await self._build(stack)
            # Only a start that went well keeps what it built.
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    @property
    def addresses(self) -> dict[str, list[str]]:
        """Where it listens, by configuration key."""
        return {key: [address_of(one) for one in sockets] for key, sockets in self.sockets.items() if sockets}

    def reload_certificate(self) -> None:
        """Serves the certificate files as they are now; when they are no good, the old certificate goes on."""
        try:
            self.tls.reload()
        except TlsError as error:
            log.error("certificate not reloaded", error=str(error))
        else:
            log.info("certificate reloaded")

    def _renamed(self, topic: Topic) -> None:
        try:
            self.tls.rename(self.hostname(), self.now())
        except (OSError, TlsError) as error:
            log.error("no certificate for the new name", hostname=self.hostname(), error=str(error))

    async def until(self, stop: asyncio.Event) -> int:
        """Waits for `stop` (then 0) or for the disk to fail (then 1)."""
        ends = [asyncio.create_task(stop.wait()), asyncio.create_task(self.store.engine.broken.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        failure = self.store.engine.failure
        if failure is None:
            log.info("stopping")
            return 0
        log.critical("stopping: the disk failed; check it before starting again", error=str(failure))
        return 1

    async def _build(self, stack: AsyncExitStack) -> None:
        self.store = self._open_store()
        stack.callback(self.store.close)
        await self.store.uptime.start()
        stack.push_async_callback(_end_record, self.store)
        self.hostname = HostName(self.settings, self.places, self.store)
        self.tls = _contexts(self.settings, self.places, self.hostname(), self.now)
        self.store.feed.observe(CHANGED.kind, self._renamed)
        self.passwords = Passwords(self._costs)
        stack.callback(self.passwords.close)
        self.logins = Logins(self.store, self.passwords, now=self.now)
        stack.push_async_callback(_flush, self.logins)
        await self.store.engine.write(ensure_organisation)
        await self._open_fronts(stack)
        self.house = House(self.settings, self.places, self.store, self.passwords, self.now, self.live)
        control = ControlServer(self.places.data_dir, self.house)
        await control.start()
        stack.push_async_callback(control.close)
        # Last: an error inside a task group would come out wrapped, and a refused start is to be one line.
        await self._begin_upkeep(stack)

    def _open_store(self) -> Store:
        try:
            return open_store(
                self.places.data_dir,
                now=self.now,
                ids=IdMaker(self.now),
                disk_reserve=self.places.disk_reserve,
                max_message_size=self.settings.server.max_message_size,
                bytes_in_flight=self.settings.limits.bytes_in_flight,
                privacy=self.settings.records.privacy,
                record_days=self.settings.records.days,
            )
        except StoreError as error:
            raise ConfigError(f"[server] data_dir {self.places.data_dir}: {error}") from None

    async def _begin_upkeep(self, stack: AsyncExitStack) -> None:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        chores = _until_broken(self.store.upkeep.run), _until_broken(self.store.uptime.run), _flush_often(self.logins)
        tasks = [group.create_task(chore) for chore in chores]
        stack.callback(lambda: [task.cancel() for task in tasks])

    async def _open_fronts(self, stack: AsyncExitStack) -> None:
        renderer = Renderer(self.settings.limits.mime_depth, self.settings.limits.mime_parts)
        stack.push_async_callback(renderer.close)
        counter = ConnectionCounter(
            self.settings.limits.connections_total, self.settings.limits.connections_per_address
        )
        new_id = IdMaker(self.now, SESSION_NODE)
        self.sessions = Sessions()
        self.smtp = self._smtp_front(renderer, counter, new_id)
        self.imap = self._imap_front(renderer, counter, new_id)
        self.submission = self._submission_front(renderer, counter, new_id)
        self.resolver = Resolver(nameservers(self.settings.dns, time.monotonic))
        stack.push_async_callback(self.resolver.close)
        self.host_checks = HostChecks(self.resolver, self.settings.server, self._disk, self.now)
        stack.push_async_callback(self.host_checks.close)
        self.live = self._live()
        self.web_house = self._web_house(new_id)
        self.web = WebListeners(self.web_house, counter)
        mx, submission, imap = SmtpListeners(self.smtp), SmtpListeners(self.submission), ImapListeners(self.imap)
        stack.push_async_callback(self._drain, mx, submission, imap, self.web)
        await mx.start("smtp.mx", self.sockets["smtp.mx"])
        proxied = self.sockets["smtp.proxy_listen"]
        await mx.start_proxied("smtp.proxy_listen", proxied, self.settings.smtp.proxy_from)
        for key in ("smtp.submission", "smtp.submissions"):
            await submission.start(key, self.sockets[key])
        await imap.start(self.sockets["imap.imap"], self.sockets["imap.imaps"], self.tls.imap)
        self.web.start(self.sockets["http.http"], self.sockets["http.https"], self.tls.http)

    async def _drain(self, *fronts: SmtpListeners | ImapListeners | WebListeners) -> None:
        await asyncio.gather(*[front.drain(self.settings.limits.drain_timeout) for front in fronts])

    def _smtp_front(self, renderer: Renderer, counter: ConnectionCounter, new_id: IdMaker) -> SmtpFront:
        receiver = Receiver(self.settings, self.hostname, self.store, renderer, new_id=new_id, now=self.now)
        return SmtpFront(
            self.hostname,
            receiver,
            session_limits(self.settings),
            counter,
            self.store.record,
            self.tls.smtp,
            self.sessions,
        )

    def _submission_front(self, renderer: Renderer, counter: ConnectionCounter, new_id: IdMaker) -> SmtpFront:
        submitter = Submitter(self.settings, self.hostname, self.store, renderer, new_id=new_id, now=self.now)
        limits = msgspec.structs.replace(session_limits(self.settings), greet_delay=0.0)
        return SmtpFront(
            self.hostname,
            submitter,
            limits,
            counter,
            self.store.record,
            self.tls.smtp,
            self.sessions,
            self.logins,
            self.store,
            self.smtp.harvest,
        )

    def _imap_front(self, renderer: Renderer, counter: ConnectionCounter, new_id: IdMaker) -> ImapFront:
        return ImapFront(
            self.store,
            self.logins,
            hostname=self.hostname,
            render=renderer,
            now=self.now,
            new_id=new_id,
            limits=self.settings.limits,
            max_message_size=self.settings.server.max_message_size,
            cleartext_login_from=self.settings.imap.cleartext_login_from,
            admit=partial(_admit, counter),
            sessions=self.sessions,
            stressed=lambda: counter.stressed,
            note=partial(_note_session, self.store),
        )

    def _web_house(self, new_id: IdMaker) -> WebHouse:
        return WebHouse(
            self.settings,
            self.places,
            self.store,
            self.passwords,
            self.logins,
            self.resolver,
            self.live,
            self.now,
            new_id,
            hostname=self.hostname,
            host_checks=self.host_checks,
        )

    def _disk(self) -> DiskRoom:
        room, inodes = free(self.places.data_dir)
        return DiskRoom(room, inodes, self.places.disk_reserve, MIN_INODES)

    def _live(self) -> LiveInfo:
        return LiveInfo(
            pid=os.getpid(),
            started_at=self.now(),
            listeners=lambda: self.addresses,
            sessions=lambda: {
                "smtp": len(self.smtp.sessions) + len(self.submission.sessions),
                "imap": len(self.imap.connections()),
                "http": self.web.open,
            },
            live_sessions=self.sessions,
        )


def _contexts(settings: Settings, places: Places, hostname: str, now: Clock) -> Contexts:
    try:
        return Contexts(settings.tls, places.data_dir, hostname, now())
    except TlsError as error:
        raise ConfigError(str(error)) from None


def _admit(counter: ConnectionCounter, address: str) -> Callable[[], None] | None:
    return partial(counter.leave, address) if counter.admit(address) is None else None


def _note_session(store: Store, live: LiveSession, outcome: str, ended: int | None) -> None:
    """A line when somebody has logged in over IMAP, and one when that session is over, with how and how much.

    The same goes on record.
    """
    record = ImapSessionRecord(
        live.id, live.peer.address, live.since, live.account_id, live.credential, live.client,
        live.tls_version, live.tls_cipher, ended, outcome, live.received, live.sent,
    )  # fmt: skip
    store.record.remember_imap(record)
    who = {"session": id_text(live.id), "account": live.account, "peer": live.peer.address}
    if ended is None:
        log.info("signed in", **who, protocol=live.protocol, tls=live.tls_version)
    else:
        seconds = round((ended - live.since) / 1_000_000, 3)
        traffic = {"received": live.received, "sent": live.sent}
        log.info("session over", **who, outcome=outcome, client=live.client, seconds=seconds, **traffic)


async def _until_broken(run: Callable[[], Awaitable[None]]) -> None:
    try:
        await run()
    except StoreBroken as error:
        # `until` sees it as well, and ends the daemon.
        log.error("upkeep ends", error=str(error))


async def _end_record(store: Store) -> None:
    """All sessions are over: what they left is written, and that the server stopped in order."""
    await store.record.flush()
    try:
        await store.uptime.stop()
    except StoreError as error:
        log.warning("the end is not on record", error=str(error))


async def _flush_often(logins: Logins) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        await _flush(logins)


async def _flush(logins: Logins) -> None:
    try:
        await logins.flush()
    except StoreError as error:
        log.warning("last use of credentials not written", error=str(error))

"""Verbs on mailboxes, which in code are accounts; `claim` is the owner's own."""

import asyncio

from appliance import provision
from appliance.control.house import Caller, House
from appliance.control.shapes import Shape, folder_shape, iso, mailbox_shape
from appliance.control.verb import PAGE, Arguments, Verb
from appliance.identity.invite import claim as claim_mailbox
from appliance.provision import Invitation
from appliance.store.census import aliases_of
from config.urls import claim_path, https_url


class Named(Arguments, frozen=True):
    """A mailbox."""

    address: str


class Added(Named, frozen=True):
    """A new mailbox; null or "none" is no quota."""

    quota: str | int | None = None


class Limited(Named, frozen=True):
    """A mailbox and its quota."""

    quota: str | int


class Claimed(Arguments, frozen=True):
    """The owner's token and chosen password."""

    token: str
    password: str


class Within(Arguments, frozen=True):
    """A domain, or null for all."""

    domain: str | None = None


async def add(house: House, caller: Caller, args: Added) -> Shape:
    """Make a mailbox and its invitation."""
    return _invitation(house, await provision.add_mailbox(house.store, caller.actor, args.address, args.quota))


async def invite(house: House, caller: Caller, args: Named) -> Shape:
    """Make a new invitation."""
    return _invitation(house, await provision.invite_owner(house.store, caller.actor, args.address))


async def claim(house: House, caller: Caller, args: Claimed) -> Shape:
    """The owner's act: set the password."""
    account = await claim_mailbox(house.store, house.passwords, args.token, args.password, "cli")
    return mailbox_shape(account)


async def list_all(house: House, caller: Caller, args: Within) -> list[Shape]:
    """Mailboxes by address."""
    domain = None if args.domain is None else provision.find_domain(house.store, args.domain).id
    shapes: list[Shape] = []
    after = ""
    while page := house.store.directory.accounts(domain, after, PAGE):
        shapes += map(mailbox_shape, page)
        after = page[-1].address
        await asyncio.sleep(0)
    return shapes


async def show(house: House, caller: Caller, args: Named) -> Shape:
    """A mailbox with its folders, and the aliases that lead to it."""
    account = provision.find_mailbox(house.store, args.address)
    return {
        **mailbox_shape(account),
        "aliases": list(aliases_of(house.store.engine, account.id)),
        "folders": [folder_shape(folder) for folder in house.store.mailboxes.list(account.id)],
    }


async def suspend(house: House, caller: Caller, args: Named) -> Shape:
    """Take no mail, let nobody in."""
    return mailbox_shape(await provision.suspend_mailbox(house.store, caller.actor, args.address))


async def resume(house: House, caller: Caller, args: Named) -> Shape:
    """End a suspension."""
    return mailbox_shape(await provision.resume_mailbox(house.store, caller.actor, args.address))


async def quota(house: House, caller: Caller, args: Limited) -> Shape:
    """Set or lift the quota."""
    return mailbox_shape(await provision.set_quota(house.store, caller.actor, args.address, args.quota))


async def remove(house: House, caller: Caller, args: Named) -> Shape:
    """Remove a mailbox and its mail."""
    return {"removed": (await provision.remove_mailbox(house.store, caller.actor, args.address)).address}


def _invitation(house: House, made: Invitation) -> Shape:
    listeners = house.live.listeners().get("http.https", []) if house.live else house.settings.http.https
    return {
        "address": made.account.address,
        "claim_token": made.token,
        "claim_url": https_url(listeners, house.hostname, claim_path(made.token)),
        "expires_at": iso(made.expires_at),
    }


VERBS = {
    "mailbox.add": Verb(Added, add),
    "mailbox.invite": Verb(Named, invite),
    "mailbox.claim": Verb(Claimed, claim),
    "mailbox.list": Verb(Within, list_all),
    "mailbox.show": Verb(Named, show),
    "mailbox.suspend": Verb(Named, suspend),
    "mailbox.resume": Verb(Named, resume),
    "mailbox.quota": Verb(Limited, quota),
    "mailbox.rm": Verb(Named, remove),
}

"""Verbs on aliases and reject-addresses."""

from appliance import provision
from appliance.control.house import Caller, House
from appliance.control.shapes import Shape, alias_shape, reject_shape
from appliance.control.verb import Arguments, Verb, every_domain


class Named(Arguments, frozen=True):
    """An address."""

    address: str


class Aliased(Named, frozen=True):
    """An address and the mailboxes it leads to."""

    targets: list[str]


class Rejected(Named, frozen=True, kw_only=True):
    """An address and what senders are told; null is the default."""

    code: int | None = None
    text: str | None = None


class Within(Arguments, frozen=True):
    """A domain, or null for all."""

    domain: str | None = None


async def add_alias(house: House, caller: Caller, args: Aliased) -> Shape:
    """Let an address lead to mailboxes."""
    added = await provision.add_alias(house.store, caller.actor, args.address, args.targets)
    domain = provision.find_domain(house.store, args.address.rpartition("@")[2])
    return alias_shape(house.store, domain, added)


async def list_aliases(house: House, caller: Caller, args: Within) -> list[Shape]:
    """Aliases by domain and address."""
    only = provision.find_domain(house.store, args.domain) if args.domain is not None else None
    return [
        alias_shape(house.store, domain, alias)
        async for domain in every_domain(house.store, only)
        for alias in house.store.directory.addresses(domain.id, "alias")
    ]


async def remove_alias(house: House, caller: Caller, args: Named) -> Shape:
    """Remove an alias."""
    await provision.remove_alias(house.store, caller.actor, args.address)
    return {"removed": provision.canonical_address(args.address)}


async def reject(house: House, caller: Caller, args: Rejected) -> Shape:
    """Refuse mail for an address."""
    added = await provision.reject_address(house.store, caller.actor, args.address, args.code, args.text)
    return reject_shape(provision.find_domain(house.store, args.address.rpartition("@")[2]), added)


async def list_rejects(house: House, caller: Caller, args: Within) -> list[Shape]:
    """Reject-addresses by domain and address."""
    only = provision.find_domain(house.store, args.domain) if args.domain is not None else None
    return [
        reject_shape(domain, rejected)
        async for domain in every_domain(house.store, only)
        for rejected in house.store.directory.addresses(domain.id, "reject")
    ]


async def remove_reject(house: House, caller: Caller, args: Named) -> Shape:
    """Remove a reject-address."""
    await provision.remove_reject(house.store, caller.actor, args.address)
    return {"removed": provision.canonical_address(args.address)}


VERBS = {
    "alias.add": Verb(Aliased, add_alias),
    "alias.list": Verb(Within, list_aliases),
    "alias.rm": Verb(Named, remove_alias),
    "address.reject": Verb(Rejected, reject),
    "address.list": Verb(Within, list_rejects),
    "address.rm": Verb(Named, remove_reject),
}

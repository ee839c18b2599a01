"""Verbs on domains and their other names."""

from appliance import provision
from appliance.control.house import Caller, House
from appliance.control.shapes import Shape, domain_shape
from appliance.control.verb import Arguments, Verb, every_domain


class Named(Arguments, frozen=True):
    """A domain."""

    domain: str


class Added(Named, frozen=True, kw_only=True):
    """A domain and how it takes its mail; null leaves the default, or what is."""

    unknown: str | None = None
    catch_all: str | None = None
    subaddress: str | None = None
    quota: str | int | None = None
    state: str | None = None
    privacy: str | None = None


class Changed(Added, frozen=True, kw_only=True):
    """As for a new domain, and its contact."""

    contact: str | None = None


class Aliased(Named, frozen=True):
    """A domain and another name of it."""

    alias: str


async def add(house: House, caller: Caller, args: Added) -> Shape:
    """Receive mail for a domain."""
    added = await provision.add_domain(
        house.store,
        caller.actor,
        args.domain,
        unknown=args.unknown,
        catch_all=args.catch_all,
        subaddress=args.subaddress,
        quota=args.quota,
        state=args.state,
        privacy=args.privacy,
    )
    return domain_shape(house.store, added)


async def change(house: House, caller: Caller, args: Changed) -> Shape:
    """Change how a domain takes its mail."""
    changed = await provision.set_domain(
        house.store,
        caller.actor,
        args.domain,
        unknown=args.unknown,
        catch_all=args.catch_all,
        subaddress=args.subaddress,
        quota=args.quota,
        state=args.state,
        privacy=args.privacy,
        contact=args.contact,
    )
    return domain_shape(house.store, changed)


async def list_all(house: House, caller: Caller, args: Arguments) -> list[Shape]:
    """All domains."""
    return [domain_shape(house.store, domain) async for domain in every_domain(house.store)]


async def show(house: House, caller: Caller, args: Named) -> Shape:
    """One domain."""
    return domain_shape(house.store, provision.find_domain(house.store, args.domain))


async def suspend(house: House, caller: Caller, args: Named) -> Shape:
    """Take no mail for a while."""
    return domain_shape(house.store, await provision.suspend_domain(house.store, caller.actor, args.domain))


async def resume(house: House, caller: Caller, args: Named) -> Shape:
    """Take mail again."""
    return domain_shape(house.store, await provision.resume_domain(house.store, caller.actor, args.domain))


async def remove(house: House, caller: Caller, args: Named) -> Shape:
    """Remove a domain."""
    return {"removed": (await provision.remove_domain(house.store, caller.actor, args.domain)).name}


async def add_alias(house: House, caller: Caller, args: Aliased) -> Shape:
    """Another name."""
    alias = await provision.add_domain_alias(house.store, caller.actor, args.domain, args.alias)
    return {"domain": provision.find_domain(house.store, args.domain).name, "alias": alias}


async def remove_alias(house: House, caller: Caller, args: Aliased) -> Shape:
    """One name less."""
    return {"removed": await provision.remove_domain_alias(house.store, caller.actor, args.domain, args.alias)}


VERBS = {
    "domain.add": Verb(Added, add),
    "domain.set": Verb(Changed, change),
    "domain.list": Verb(Arguments, list_all),
    "domain.show": Verb(Named, show),
    "domain.suspend": Verb(Named, suspend),
    "domain.resume": Verb(Named, resume),
    "domain.rm": Verb(Named, remove),
    "domain.alias.add": Verb(Aliased, add_alias),
    "domain.alias.rm": Verb(Aliased, remove_alias),
}

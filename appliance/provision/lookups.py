"""The records that names stand for. A name may be written in any case, a domain also with U-labels."""

from appliance.mail.address import Address, AddressError, parse_address, parse_domain
from appliance.provision.values import ProvisionError
from appliance.records import Account, DomainInfo
from appliance.store.errors import Conflict, NotFound
from appliance.store.store import Store


def read_domain(text: str) -> str:
    """A domain name as an A-label; raises ProvisionError."""
    try:
        return parse_domain(text)
    except AddressError as error:
        raise ProvisionError(str(error)) from None


def read_address(text: str) -> Address:
    """An address with its local part folded, as the store keeps it; raises ProvisionError."""
    try:
        address = parse_address(text)
        return Address(address.folded, address.domain)
    except AddressError as error:
        raise ProvisionError(str(error)) from None


def canonical_address(text: str) -> str:
    """The address as the store keeps it; raises ProvisionError."""
    return read_address(text).text


def find_domain(store: Store, text: str) -> DomainInfo:
    """The domain of that very name. Raises ProvisionError, NotFound, and Conflict for another name of a domain."""
    name = read_domain(text)
    found = store.directory.domain(name)
    if found is not None:
        return found
    if other := store.directory.resolve(name):
        raise Conflict(f"{name} is another name of {other.name}: use that")
    raise NotFound(f"no domain {name}")


def find_mailbox(store: Store, text: str) -> Account:
    """The mailbox of that address. Raises ProvisionError, NotFound."""
    address = read_address(text)
    found = store.directory.account(address.text)
    if found is None:
        raise NotFound(f"no mailbox {address.text}")
    return found


def find_home(store: Store, text: str) -> tuple[DomainInfo, Address]:
    """An address and the domain it belongs to. Raises ProvisionError, NotFound, Conflict."""
    address = read_address(text)
    return find_domain(store, address.domain), address

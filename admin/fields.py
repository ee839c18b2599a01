"""Fields that several forms have: addresses of a domain, sizes. What is wrong stands beside the field."""

import re

from admin.forms import Form
from appliance.provision import ProvisionError, canonical_address
from appliance.provision.values import read_quota

MAX_ADDRESS = 400
_UNIT = re.compile(r"(?i)(?<=[0-9 ])([kmgt])b?\Z")
_UNITS = ("", "kB", "MB", "GB", "TB")
_MANY = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s,;"])+')
NO_QUOTA = "none"


def address_of(form: Form, name: str, domain: str, *, missing: str) -> str:
    """An address of `domain` as the store keeps it; the part before the @ alone will do."""
    typed = form.text(name, missing=missing, longest=MAX_ADDRESS)
    if not typed or name in form.faults:
        return ""
    try:
        address = canonical_address(typed if "@" in typed else f"{typed}@{domain}")
    except ProvisionError as error:
        form.refuse(error, name)
        return ""
    if address.rpartition("@")[2] != domain:
        form.fault(name, f"Type an address of {domain}.")
        return ""
    return address


def several(text: str) -> list[str]:
    """The addresses in a text, with blanks, commas or semicolons between them."""
    return _MANY.findall(text)


def quota_of(form: Form, name: str = "quota") -> str:
    """A quota for the acts: a size, or "none" for an empty field. Units are those that pages show, of 1024."""
    typed = form.text(name, longest=40)
    if not typed or name in form.faults:
        return NO_QUOTA
    wanted = _UNIT.sub(r"\1iB", typed)
    try:
        read_quota(wanted)
    except ProvisionError:
        form.fault(name, 'Type a size such as "5 GB", or nothing for no quota.')
    return wanted


def quota_text(quota: int | None) -> str:
    """A quota as it stands in its field, to the byte."""
    if quota is None:
        return ""
    unit = 0
    while quota and quota % 1024 == 0 and unit < len(_UNITS) - 1:
        quota, unit = quota // 1024, unit + 1
    return f"{quota} {_UNITS[unit]}".rstrip()

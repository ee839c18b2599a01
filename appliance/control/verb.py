"""What a verb is: a function of the house, with arguments that are checked before it runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from appliance.control.house import Caller, House
from appliance.control.reply import USAGE, VerbError
from appliance.records import DomainInfo
from appliance.store.store import Store

PAGE = 100
"""Rows read at once for a list; between pages others get their turn."""


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the arguments of verbs; as it is, no arguments."""


class Verb(msgspec.Struct, frozen=True):
    """One row of the table."""

    arguments: type[Arguments]
    act: Callable[[House, Caller, Any], Awaitable[object]]

    def run(self, house: House, caller: Caller, args: Mapping[str, object]) -> Awaitable[object]:
        """The verb, under way; raises VerbError for arguments that do not fit."""
        try:
            read = msgspec.convert(dict(args), self.arguments)
        except msgspec.ValidationError as error:
            raise VerbError(str(error), USAGE) from None
        return self.act(house, caller, read)


async def every_domain(store: Store, only: DomainInfo | None = None) -> AsyncIterator[DomainInfo]:
    """All domains by name, or just one."""
    if only is not None:
        yield only
        return
    after = ""
    while page := store.directory.domains(after, PAGE):
        for domain in page:
            yield domain
        after = page[-1].name
        await asyncio.sleep(0)

"""The record of one session: what happened, to whom, and every line that was said."""

from urllib.parse import quote

import structlog
from litestar import Response, get
from litestar.params import FromPath

from admin.access import administrator
from admin.ask import Ask, page, see_other
from admin.record_words import Shape, deciding, lines, tell
from admin.refusals import Refused
from appliance.control.house import Caller, House, Progress
from appliance.control.reply import VerbError
from appliance.control.trace_verbs import One
from appliance.control.trace_verbs import show as trace
from appliance.control.trace_words import ENDS, FATES
from appliance.provision.record import note
from appliance.store.errors import StoreError

log = structlog.get_logger("admin")

READ = "record.read"
"""The act in the audit log: who reads what others wrote to each other leaves a row, as every act does."""
MAX_ID = 40


@get("/records", guards=[administrator])
async def find(request: Ask) -> Response[str]:
    """To the record whose id was typed."""
    wanted = request.asked.get("id").strip()[:MAX_ID]
    return see_other(request, f"/records/{quote(wanted, safe='')}" if wanted else "/")


@get("/records/{id:str}", guards=[administrator])
async def show(request: Ask, id: FromPath[str]) -> Response[str]:
    """One session, or (by its own id) one transaction of it first."""
    found = await _found(request, id)
    transactions: list[Shape] = found.get("transactions", [])
    chosen = next((one for one in transactions if one["id"] == id.strip().lower()), None)
    if chosen is None and len(transactions) == 1:
        chosen = transactions[0]
    await _leave_trace(request, found["id"] if chosen is None else chosen["id"])
    return page(
        request,
        "records/show.html",
        found=found,
        told=tell(found, chosen),
        chosen=chosen,
        events=_decisions(found, chosen),
        others=[one for one in transactions if one is not chosen],
        said=lines(found.get("transcript", "")),
        chosen_said=lines(chosen["transcript"], *deciding(chosen)) if chosen else (),
        ends=ENDS,
        fates=FATES,
    )


def _decisions(found: Shape, chosen: Shape | None) -> list[Shape]:
    """Of the whole session, or of the one transaction and of what came before all of them."""
    events: list[Shape] = found.get("events", [])
    return [one for one in events if chosen is None or one["trace"] in (chosen["id"], found["id"])]


async def _found(request: Ask, id: str) -> Shape:
    house = request.house
    asked = House(house.settings, house.places, house.store, house.passwords, house.now, house.live)
    try:
        return await trace(asked, Caller(request.actor, _untold), One(id[:MAX_ID]))
    except VerbError as error:
        line = str(error)
        raise Refused(404, "There is no such record", f"{line[:1].upper()}{line[1:]}.") from None


async def _leave_trace(request: Ask, id: str) -> None:
    store, actor = request.house.store, request.actor
    try:
        await store.engine.write(lambda tx: note(store, tx, actor, READ, id))
    except StoreError as error:
        # Pages are still to be read while the disk is full; the log has it, then.
        log.warning("a record was read", record=id, by=actor, peer=request.visit.peer, not_audited=str(error))


async def _untold(progress: Progress) -> None:
    """No step of it takes long enough to be told."""


ROUTES = (find, show)

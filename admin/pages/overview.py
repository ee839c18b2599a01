"""The start page of administrators: what needs a look, what mail came, who is connected."""

import datetime
from collections import Counter

import msgspec
from litestar import Response, get

from admin.access import administrator
from admin.ask import Ask, page
from admin.attention import attention
from admin.charts import Bar
from appliance import __version__
from appliance.store.disk import capacity, free
from appliance.store.overview import FATES, HOUR, Hour, overview

PROTOCOLS = {
    "smtp": "Other mail servers",
    "submission": "Mail programs, sending (STARTTLS)",
    "submissions": "Mail programs, sending (TLS)",
    "imap": "Mail programs, reading (STARTTLS)",
    "imaps": "Mail programs, reading (TLS)",
}
"""Sessions by protocol, in plain words."""
LABEL_EVERY = 3


class Row(msgspec.Struct, frozen=True):
    """An hour in words and numbers."""

    words: str
    hour: Hour


@get("/", guards=[administrator])
async def show(request: Ask) -> Response[str]:
    """All of it, of one moment; `?fate=` narrows the latest messages."""
    house = request.house
    fate = request.asked.get("fate")
    fate = fate if fate in FATES else ""
    found = await overview(house.store.engine, house.now(), fate)
    sessions = Counter(live.protocol for live in house.live.live_sessions)
    room, total = free(house.places.data_dir)[0], capacity(house.places.data_dir)
    return page(
        request,
        "overview.html",
        found=found,
        fate=fate,
        items=attention(house, found),
        bars_of=[_bar(hour) for hour in found.hours],
        every=LABEL_EVERY,
        rows=[Row(_span(hour), hour) for hour in reversed(found.hours)],
        sums={fate: sum(getattr(hour, fate) for hour in found.hours) for fate in FATES},
        sessions=[(words, sessions[name]) for name, words in PROTOCOLS.items()],
        disk=(total - room, total, room),
        version=__version__,
        started_at=house.live.started_at,
    )


def _bar(hour: Hour) -> Bar:
    title = f"{_span(hour)}: {hour.accepted} accepted, {hour.deferred} put off, {hour.refused} refused"
    return Bar(_clock(hour.begins), title, (hour.accepted, hour.deferred, hour.refused))


def _span(hour: Hour) -> str:
    return f"{_clock(hour.begins)}–{_clock(hour.begins + HOUR)}"


def _clock(at: int) -> str:
    return datetime.datetime.fromtimestamp(at // 1_000_000, datetime.UTC).strftime("%H:%M")


ROUTES = (show,)

"""Verbs on the server as a whole: its state, and whether its store is whole."""

from appliance import __version__
from appliance.control.house import Caller, House, Progress
from appliance.control.shapes import Shape, iso
from appliance.control.verb import Arguments, Verb
from appliance.store.census import totals
from appliance.store.disk import MIN_INODES, free
from appliance.store.findings import Finding


class Checked(Arguments, frozen=True):
    """Whether to put right what can be, and to read every body."""

    fix: bool = False
    bodies: bool = False


async def status(house: House, caller: Caller, args: Arguments) -> Shape:
    """Whether the daemon runs, and how it is."""
    room, inodes = free(house.store.data_dir)
    reserve = house.places.disk_reserve
    return {
        **_running(house),
        "version": __version__,
        "hostname": house.hostname,
        "data_dir": str(house.store.data_dir),
        "disk": {
            "free_bytes": room,
            "free_inodes": inodes,
            "reserve_bytes": reserve,
            "ok": room >= reserve and (inodes is None or inodes >= MIN_INODES),
        },
        "counts": await totals(house.store.engine),
    }


async def check(house: House, caller: Caller, args: Checked) -> Shape:
    """All that is wrong with the store; with `fix`, what could be put right is, and `open` is what is left."""
    checker = house.store.check
    await caller.progress(Progress("checking the store", 0, 0))
    findings = await checker.check(bodies=args.bodies)
    fixed: frozenset[Finding] = frozenset()
    left: tuple[Finding, ...] = findings
    if args.fix and findings:
        await caller.progress(Progress("putting right", 0, len(findings)))
        fixed = frozenset(await checker.fix(findings, caller.actor))
        await caller.progress(Progress("checking again", 0, 0))
        left = await checker.check(bodies=args.bodies)
    return {
        "findings": [
            {"kind": one.kind, "object": one.object, "text": one.text, "fixable": one.fixable, "fixed": one in fixed}
            for one in findings
        ],
        "open": len(left),
    }


def _running(house: House) -> Shape:
    live = house.live
    if live is None:
        return {"running": False}
    return {
        "running": True,
        "pid": live.pid,
        "started_at": iso(live.started_at),
        "uptime_seconds": max(0, house.now() - live.started_at) // 1_000_000,
        "listeners": live.listeners(),
        "sessions": live.sessions(),
    }


VERBS = {
    "status": Verb(Arguments, status),
    "check": Verb(Checked, check),
}

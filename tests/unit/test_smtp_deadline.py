"""The one timer of a connection, on a clock that only moves when the test says so."""

import asyncio
import math
from collections.abc import Callable
from typing import cast

from smtp.wire.deadline import Deadline


class Clock:
    """What a loop knows of time, which is the test's: its timers fire when it passes them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.armed = 0
        self._loop = asyncio.new_event_loop()
        self._loop.close()
        self._timers: list[tuple[float, asyncio.TimerHandle, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, (), self._loop)
        self.armed += 1
        self._timers.append((when, handle, callback))
        return handle

    def pass_to(self, now: float) -> None:
        while due := sorted((t for t in self._timers if t[0] <= now), key=lambda t: t[0]):
            when, handle, callback = due[0]
            self._timers.remove(due[0])
            if not handle.cancelled():
                self.now = when
                callback()
        self.now = now


class Peer:
    """One that may be late; `late` holds the times at which it was."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.late: list[float] = []
        self.stress = False
        self.deadline = Deadline(
            cast(asyncio.AbstractEventLoop, self.clock), lambda: self.late.append(self.clock.now), lambda: self.stress
        )


def test_a_deadline_that_moves_on_costs_no_timer() -> None:
    peer = Peer()
    for now in range(100):
        peer.clock.pass_to(now)
        peer.deadline.set(now + 300)
    assert peer.clock.armed == 1
    peer.clock.pass_to(398.9)
    assert peer.late == []
    peer.clock.pass_to(400)
    assert peer.late == [399]


def test_without_stress_only_the_long_deadline_counts() -> None:
    peer = Peer()
    peer.deadline.set(300, 10)
    peer.clock.pass_to(299)
    assert peer.late == []
    peer.clock.pass_to(301)
    assert peer.late == [300]


def test_who_waits_when_stress_begins_is_hurried_too() -> None:
    peer = Peer()
    peer.deadline.set(300, 10)
    peer.clock.pass_to(123)
    peer.stress = True
    peer.clock.pass_to(140)
    assert peer.late == [130]


def test_under_stress_the_short_deadline_counts_at_once() -> None:
    peer = Peer()
    peer.stress = True
    peer.deadline.set(300, 10)
    peer.clock.pass_to(10)
    assert peer.late == [10]


def test_no_deadline_is_none() -> None:
    peer = Peer()
    peer.stress = True
    peer.deadline.set(300, 10)
    peer.deadline.set(math.inf)
    peer.clock.pass_to(1000)
    peer.deadline.set(1300, 1310)
    peer.deadline.stop()
    peer.clock.pass_to(2000)
    assert peer.late == []

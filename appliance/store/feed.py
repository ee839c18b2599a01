"""Hints that something changed. The rows are the truth: a topic says only where to look again.

Topics are published on the loop, after the commit that made them true. They may repeat or merge without
harm, and a subscriber that misses one is only late.
"""

from collections.abc import Callable, Iterable

import structlog

from appliance.records import Topic

log = structlog.get_logger("appliance.store")
Callback = Callable[[Topic], None]


class Feed:
    """Who wants to know of which topic. Used on the loop's thread only."""

    def __init__(self) -> None:
        self._subscribers: dict[Topic, dict[object, Callback]] = {}
        self._observers: dict[str, list[Callback]] = {}

    def subscribe(self, topic: Topic, callback: Callback) -> Callable[[], None]:
        """Call `callback` with the topic after each commit that published it; returns the way to end that.

        The callback must be quick and must not block. Ending twice does no harm.
        """
        token = object()
        self._subscribers.setdefault(topic, {})[token] = callback

        def unsubscribe() -> None:
            subscribers = self._subscribers.get(topic)
            if subscribers is not None:
                subscribers.pop(token, None)
                if not subscribers:
                    del self._subscribers[topic]

        return unsubscribe

    def observe(self, kind: str, callback: Callback) -> None:
        """Call `callback` for every topic of a kind, from now on and before any subscriber; it must not raise."""
        self._observers.setdefault(kind, []).append(callback)

    def publish(self, topics: Iterable[Topic]) -> None:
        """Tell every subscriber of each topic, once for each distinct one; one that raises harms nobody else."""
        for topic in dict.fromkeys(topics):
            for observer in self._observers.get(topic.kind, ()):
                observer(topic)
            for callback in tuple(self._subscribers.get(topic, {}).values()):
                try:
                    callback(topic)
                except Exception:
                    log.exception("feed callback failed", topic=topic.kind, id=topic.id)

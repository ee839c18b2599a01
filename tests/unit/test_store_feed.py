"""The feed: who hears of which topic."""

from appliance.records import Topic
from appliance.store.feed import Feed

A, B = Topic("mailbox", 1), Topic("folders", 1)


def test_a_subscriber_hears_its_topic_once_for_each_publication():
    feed, heard = Feed(), []
    feed.subscribe(A, heard.append)
    feed.publish([A, B, A])
    feed.publish([Topic("mailbox", 1)])
    assert heard == [A, A]


def test_who_unsubscribes_hears_no_more_even_twice():
    feed, heard = Feed(), []
    stop = feed.subscribe(A, heard.append)
    feed.subscribe(A, heard.append)
    stop()
    stop()
    feed.publish([A])
    assert heard == [A]


def test_a_callback_that_raises_harms_nobody_else():
    feed, heard = Feed(), []

    def bad(topic):
        raise ValueError("no")

    feed.subscribe(A, bad)
    feed.subscribe(A, heard.append)
    feed.publish([A])
    assert heard == [A]


def test_a_callback_may_unsubscribe_while_it_is_told():
    feed, heard = Feed(), []
    stops = []

    def once(topic):
        heard.append(topic)
        stops[0]()

    stops.append(feed.subscribe(A, once))
    feed.publish([A])
    feed.publish([A])
    assert heard == [A]

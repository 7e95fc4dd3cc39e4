"""A pytest plugin: what earlier runs of kombu's tests have left in a queue is removed before."""

import kombu

QUEUE = "priority_requeue_test"


def pytest_sessionstart():
    for options in {}, {"global_keyprefix": "_prefixed_"}:
        with kombu.Connection("redis://127.0.0.1:6379", transport_options=options) as connection:
            connection.default_channel.queue_purge(QUEUE)
    with kombu.Connection("pyamqp://127.0.0.1:5672") as connection:
        connection.default_channel.queue_delete(QUEUE)

"""huey's consumer with greenlets, with Redis."""

import importlib
import signal
import sys

import pytest
import redis
from processes import LIMIT, running, script, unique, until

COUNT = 50
store = redis.Redis(db=9)


@pytest.fixture
def tasks(monkeypatch):
    monkeypatch.setenv("GREEN_QUEUE", unique("queue"))
    sys.modules.pop("huey_app", None)
    return importlib.import_module("huey_app")


def start():
    consumer = ["-m", "gevent.monkey", script("huey_consumer"), "huey_app.huey"]
    return running(
        *consumer, "-k", "greenlet", "-w", str(COUNT), "-d", "0.02", "-m", "0.1", ready="Huey consumer started"
    )


def test_fifty_tasks_at_once(tasks):
    with start():
        key = unique("key")
        results = [tasks.come(key, COUNT) for _ in range(COUNT)]
        assert [result.get(blocking=True, timeout=LIMIT) for result in results] == [COUNT] * COUNT


def test_retries(tasks):
    with start() as consumer:
        key = unique("key")
        tasks.succeed_at(key, 3)
        until(lambda: store.get(key) == b"3", lambda: consumer.output)


def test_sigint_lets_tasks_finish(tasks):
    begun, key = unique("key"), unique("key")
    with start() as consumer:
        result = tasks.finish_when(begun, key)
        until(lambda: store.get(begun), lambda: consumer.output)
        consumer.send(signal.SIGINT)
        consumer.wait_for("Shutting down")
        store.incr(key)
        assert consumer.wait() == 0, consumer.output
    assert result.get(blocking=True, timeout=LIMIT) == "finished"

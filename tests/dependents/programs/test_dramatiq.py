"""`dramatiq-gevent` with Redis and with RabbitMQ."""

import importlib
import sys

import pytest
import redis
from dramatiq import group
from processes import LIMIT, running, script, unique, until

COUNT = 100
store = redis.Redis(db=9)


@pytest.fixture(params=["redis", "rabbitmq"], scope="module")
def actors(request):
    environ = {"GREEN_BROKER": request.param, "GREEN_QUEUE": unique("queue")}
    command = [script("dramatiq-gevent"), "dramatiq_app", "--processes", "1", "--threads", str(COUNT)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        sys.modules.pop("dramatiq_app", None)
        actors = importlib.import_module("dramatiq_app")
        with running(*command, ready="is ready for action", **environ):
            yield actors
        actors.broker.close()


def test_a_hundred_messages_at_once(actors):
    key = unique("key")
    sent = group(actors.come.message(key, COUNT) for _ in range(COUNT)).run()
    assert list(sent.get_results(block=True, timeout=LIMIT * 1000)) == [COUNT] * COUNT


def test_retries(actors):
    assert actors.succeed_at.send(unique("key"), 3).get_result(block=True, timeout=LIMIT * 1000) == 3


def test_a_time_limit_ends_an_actor(actors):
    key = unique("key")
    actors.linger.send(key)
    until(lambda: store.get(key) == b"ended", lambda: str(store.get(key)))

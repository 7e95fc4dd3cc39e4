"""A celery worker with `-P gevent`, through Redis and through RabbitMQ."""

import importlib
import signal
import sys

import pytest
import redis
from celery import chord, group
from processes import LIMIT, running, unique, until

COUNT = 100
BROKERS = {"redis": "redis://127.0.0.1:6379/8", "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//"}
store = redis.Redis(db=9)


def start(environ):
    command = ["-m", "celery", "-A", "celery_app", "worker", "-P", "gevent", "-c", str(COUNT), "-l", "info"]
    return running(*command, "-n", unique("worker") + "@%h", ready=" ready.", **environ)


@pytest.fixture(params=BROKERS, scope="module")
def environ(request):
    environ = {"GREEN_BROKER": BROKERS[request.param], "GREEN_QUEUE": unique("queue")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        yield environ


@pytest.fixture(scope="module")
def tasks(environ):
    sys.modules.pop("celery_app", None)
    module = importlib.import_module("celery_app")
    yield module
    module.app.close()


@pytest.fixture(scope="module")
def worker(environ, tasks):
    with start(environ) as worker:
        yield worker


def test_a_hundred_tasks_run_at_once(worker, tasks):
    key = unique("key")
    results = group(tasks.come.s(key, COUNT) for _ in range(COUNT))()
    assert results.get(timeout=LIMIT) == [COUNT] * COUNT


def test_chains_and_chords(worker, tasks):
    chain = tasks.add.s(1, 2) | tasks.add.s(3) | tasks.add.s(4)
    assert chain().get(timeout=LIMIT) == 10
    assert chord(tasks.add.s(n, n) for n in range(50))(tasks.add.s()).get(timeout=LIMIT) == sum(range(50)) * 2


def test_failures_and_retries(worker, tasks):
    failed = tasks.fail.delay()
    with pytest.raises(ValueError, match="as told"):
        failed.get(timeout=LIMIT)
    assert "raise ValueError" in failed.traceback
    assert tasks.succeed_at.delay(3).get(timeout=LIMIT) == 3


def test_a_time_limit_ends_a_task(worker, tasks):
    key = unique("key")
    with pytest.raises(Exception, match="(?i)limit"):
        tasks.linger.apply_async((key,), time_limit=1).get(timeout=LIMIT)
    until(lambda: store.get(key) == b"ended", lambda: str(store.get(key)))


def test_a_task_is_revoked_while_it_runs(worker, tasks):
    key = unique("key")
    result = tasks.linger.delay(key)
    until(lambda: store.get(key) == b"began", lambda: worker.output)
    tasks.app.control.revoke(result.id, terminate=True)
    until(lambda: store.get(key) == b"ended", lambda: worker.output)


def test_the_worker_answers_questions(worker, tasks):
    replies = tasks.app.control.inspect(timeout=5).stats()
    assert any("gevent" in reply["pool"]["implementation"] for reply in replies.values())


def test_a_warm_shutdown_lets_tasks_finish(worker, tasks):
    """The last test: the worker has gone then."""
    begun, key = unique("key"), unique("key")
    result = tasks.finish_when.delay(begun, key)
    until(lambda: store.get(begun), lambda: worker.output)
    worker.send(signal.SIGTERM)
    worker.wait_for("Warm shutdown")
    store.set(key, "1", ex=600)
    assert worker.wait() == 0, worker.output
    assert result.get(timeout=LIMIT) == "finished"

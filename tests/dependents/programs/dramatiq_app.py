"""Actors for test_dramatiq.py."""

import os
import time

import dramatiq
import redis
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from processes import meet

if os.environ["GREEN_BROKER"] == "redis":
    broker = RedisBroker(url="redis://127.0.0.1:6379/7", namespace=os.environ["GREEN_QUEUE"])
else:
    broker = RabbitmqBroker(url="amqp://guest:guest@127.0.0.1:5672")
broker.add_middleware(Results(backend=RedisBackend(url="redis://127.0.0.1:6379/9")))
dramatiq.set_broker(broker)
store = redis.Redis(db=9)
settings = {"queue_name": os.environ["GREEN_QUEUE"], "store_results": True}


@dramatiq.actor(**settings)
def come(key, count):
    meet(store, key, count)
    return count


@dramatiq.actor(max_retries=5, min_backoff=1, max_backoff=10, **settings)
def succeed_at(key, attempt):
    if store.incr(key) < attempt:
        raise ValueError("again")
    return attempt


@dramatiq.actor(time_limit=500, max_retries=0, **settings)
def linger(key):
    store.set(key, "began", ex=600)
    try:
        while True:
            time.sleep(0.05)
    finally:
        store.set(key, "ended", ex=600)

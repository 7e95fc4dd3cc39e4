"""Tasks for test_huey.py."""

import os

import redis
from huey import RedisHuey
from processes import meet

huey = RedisHuey(os.environ["GREEN_QUEUE"], url="redis://127.0.0.1:6379/6")
store = redis.Redis(db=9)


@huey.task()
def come(key, count):
    meet(store, key, count)
    return count


@huey.task(retries=5)
def succeed_at(key, attempt):
    if store.incr(key) < attempt:
        raise ValueError("again")
    return attempt


@huey.task()
def finish_when(begun, key):
    meet(store, begun, 1)
    meet(store, key, 2)
    return "finished"

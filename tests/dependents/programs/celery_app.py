"""Tasks for test_celery.py."""

import os
import time

import redis
from celery import Celery
from processes import meet

app = Celery("celery_app", broker=os.environ["GREEN_BROKER"], backend="redis://127.0.0.1:6379/9")
app.conf.update(
    task_default_queue=os.environ["GREEN_QUEUE"],
    result_expires=600,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)
store = redis.Redis(db=9)


@app.task
def come(key, count):
    meet(store, key, count)
    return count


@app.task
def add(*numbers):
    return sum(numbers[0] if len(numbers) == 1 else numbers)


@app.task
def fail():
    raise ValueError("as told")


@app.task(bind=True, max_retries=5)
def succeed_at(self, attempt):
    if self.request.retries < attempt:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task
def linger(key):
    try:
        store.set(key, "began", ex=600)
        time.sleep(1000)
    finally:
        store.set(key, "ended", ex=600)


@app.task
def finish_when(begun, key):
    store.set(begun, "1", ex=600)
    while not store.get(key):
        time.sleep(0.02)
    return "finished"

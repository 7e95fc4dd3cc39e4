"""The names that programs written for gevent import: the classes are greencore's own."""

import gevent
import gevent.monkey
import greenlet
from gevent import Greenlet, queue
from gevent.event import AsyncResult
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer
from greenlet import getcurrent

import greencore.event

gevent.monkey.patch_all()


def length(text: str) -> int:
    return len(text)


def run() -> int:
    result: greencore.event.AsyncResult[int] = AsyncResult()
    result.set(1)
    job: Greenlet[int] = gevent.spawn(length, "x")
    items: queue.Queue[int] = queue.Queue()
    for number in Pool(2).map(length, ["a"]):
        items.put(number)
    gevent.sleep(0)
    return job.get() + items.get()


def child(value: int) -> None:
    parent = getcurrent().parent
    if parent is not None:
        parent.switch(value)


def raw() -> None:
    bare = greenlet.greenlet(child)
    print(bare.switch(1), bare.dead)
    try:
        bare.throw(greenlet.GreenletExit)
    except greenlet.error:
        print(WSGIServer.__name__)

"""Objects in circles: each tells the collector all that it refers to, and is freed with it."""

import gc
import socket as original
import sys
import weakref

import gevent
import greenlet
import pytest
from gevent import event, lock, pool, pywsgi, queue
from gevent.hub import Waiter
from gevent.local import local
from hubs import in_hub

from greencore import _core


class Thing:
    """Refers to the object that refers to it. May be called, waited for, read from, and spawn."""

    def __call__(self, *args):
        return args

    def rawlink(self, callback):
        self.callback = callback

    def unlink(self, callback):
        pass

    ready = __call__
    switch = __call__
    loop = exception_stream = None


def waited(thing):
    """An iterator that is linked to it."""
    ready = event.Event()
    ready.set()
    found = gevent.iwait([thing, ready])
    assert next(found) is ready
    return found


def result(thing):
    made = event.AsyncResult()
    made.set(thing)
    return made


def cancelled(thing):
    g = gevent.Greenlet(thing)
    g.start()
    start = g._start_event
    assert start.pending
    start.stop()
    assert not start.pending
    g.keep = thing
    return start


def filled(make, *items):
    made = make()
    for item in items:
        made.put(item)
    return made


def linked(made, thing):
    made.rawlink(thing)
    return made


def assigned(made, name, thing):
    setattr(made, name, thing)
    return made


def raised(thing):
    result = event.AsyncResult()
    result.set_exception(assigned(ValueError(), "thing", thing))
    return result


def noted(make, thing):
    waiter = make()
    in_hub(waiter.switch, thing)
    return waiter


def member(make, thing):
    group = make()
    group.add(assigned(greenlet.greenlet(int), "thing", thing))
    return group


def started(watcher, thing):
    watcher.start(thing, thing)
    watcher.stop()
    watcher.args = (thing,)
    watcher.callback = thing
    return watcher


def tree(thing):
    before = _core.set_track_greenlet_tree(True)
    try:
        g = gevent.spawn_raw(thing)
    finally:
        _core.set_track_greenlet_tree(True if before is None else before)
    g.spawn_tree_locals = {"thing": thing}
    gevent.sleep(0)
    return g


def job(thing):
    loop = gevent.get_hub().loop
    tasks = _core.TaskQueue(loop)
    tasks.put(_core.Task(loop, lock.Semaphore(), thing, thing, (thing,), {"a": thing}))
    return tasks


def answered(thing):
    task = _core.Task(gevent.get_hub().loop, lock.Semaphore(), None, thing, ())
    task.set(thing)
    return task


def failed(thing):
    task = _core.Task(gevent.get_hub().loop, lock.Semaphore(), None, thing, ())
    task.handle_error((thing,), assigned(ValueError(), "thing", thing))
    return task


def local_of(thing):
    return assigned(local(), "thing", thing)


def handler(thing):
    ours, theirs = original.socketpair()
    with ours, theirs:
        made = pywsgi.WSGIHandler(theirs, ("", 0), pywsgi.WSGIServer(("127.0.0.1", 0), thing), thing)
    made.environ = made.application = made.result = made.socket = thing
    return made


MAKERS = {
    "greenlet": lambda thing: greenlet.greenlet(thing),
    "greenlet, attribute": lambda thing: assigned(greenlet.greenlet(int), "thing", thing),
    "Greenlet": lambda thing: gevent.Greenlet(thing),
    "Greenlet, arguments": lambda thing: gevent.Greenlet(int, thing, thing=thing),
    "Greenlet, link": lambda thing: linked(gevent.Greenlet(int), thing),
    "start event": cancelled,
    "tracked raw greenlet": tree,
    "iwait": waited,
    "imap": lambda thing: pool.Pool(1).imap(thing, [thing]),
    "Waiter": lambda thing: noted(Waiter, thing),
    "MultipleWaiter": lambda thing: noted(_core.MultipleWaiter, thing),
    "Group": lambda thing: member(pool.Group, thing),
    "Pool": lambda thing: member(lambda: pool.Pool(2), thing),
    "Event": lambda thing: linked(event.Event(), thing),
    "AsyncResult": result,
    "AsyncResult, exception": raised,
    "Semaphore": lambda thing: linked(lock.Semaphore(), thing),
    "Queue": lambda thing: filled(queue.Queue, thing),
    "LifoQueue": lambda thing: filled(queue.LifoQueue, thing),
    "PriorityQueue": lambda thing: filled(queue.PriorityQueue, (1, thing)),
    "SimpleQueue": lambda thing: filled(queue.SimpleQueue, thing),
    "Timeout": lambda thing: gevent.Timeout(1, assigned(ValueError(), "thing", thing)),
    "Timeout, begun": lambda thing: assigned(gevent.Timeout.start_new(100, thing), "thing", thing),
    "local": local_of,
    "TaskQueue": job,
    "Task, answered": answered,
    "Task, failed": failed,
    "timer": lambda thing: started(gevent.get_hub().loop.timer(1), thing),
    "idle": lambda thing: started(gevent.get_hub().loop.idle(), thing),
    "loop": lambda thing: assigned(_core.loop(default=False), "error_handler", thing),
    "FileWrapper": lambda thing: _core.FileWrapper(thing),
    "Input": lambda thing: _core.Input(thing, 5, thing),
    "handler": handler,
}


@pytest.mark.parametrize("name", MAKERS)
def test_freed_in_a_circle(name):
    thing = Thing()
    ref = weakref.ref(thing)
    made = MAKERS[name](thing)
    assert any(type(one).__module__ != __name__ for one in gc.get_referrers(thing))
    thing.made = made
    if hasattr(made, "close") and name.startswith("Timeout"):
        made.close()
    del thing, made
    gevent.sleep(0.001)
    gc.collect()
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", MAKERS)
def test_found_as_a_referrer(name):
    """gc.get_referrers stops the visit of an object where it holds what is looked for."""
    made = MAKERS[name](Thing())
    for held in gc.get_referents(made):
        assert any(one is made for one in gc.get_referrers(held))
    if hasattr(made, "close") and name.startswith("Timeout"):
        made.close()


@pytest.fixture
def young_garbage():
    """No collection but those asked for, which would change the order of the objects' ages."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_circles_that_are_broken_at_the_older_object(young_garbage):
    """The collector clears the oldest object of a circle first, which is ours here; the raw one is in it alone."""
    before = _core.set_track_greenlet_tree(True)
    try:
        raw = type(gevent.spawn_raw(int))()
    finally:
        _core.set_track_greenlet_tree(True if before is None else before)
    outside = object()  # weak references go before anything is cleared, and would not tell
    references = sys.getrefcount(outside)
    raw.run, raw.spawn_tree_locals = raw, {"outside": outside}
    multiple, thing = _core.MultipleWaiter(), Thing()
    thing.made = multiple
    multiple.switch(thing)
    multiple.switch(outside)
    del raw, multiple, thing
    assert sys.getrefcount(outside) == references + 2
    gc.collect()
    assert sys.getrefcount(outside) == references

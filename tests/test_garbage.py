"""Objects in circles: each tells the collector all that it refers to, and is freed with it."""

import ctypes
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
from gevent.resolver.ares import Resolver
from hubs import in_hub
from wsgiservers import ask, serving

from greencore import _core


class Thing:
    """Refers to the object that refers to it. May be called, waited for, read from, and spawn."""

    __slots__ = ("__weakref__", "callback", "held", "made")

    def __call__(self, *args):
        return args

    def rawlink(self, callback):
        self.callback = callback

    def unlink(self, callback):
        pass

    ready = __call__
    switch = __call__
    loop = exception_stream = None


TP_CLEAR = object.__basicsize__ + 22 * ctypes.sizeof(ctypes.c_void_p)  # where a type has it, in bytes

# No circle is broken at a Thing.
ctypes.c_void_p.from_address(id(Thing) + TP_CLEAR).value = None


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


def thrown(make, thing):
    waiter = make()
    waiter.throw(thing)
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
    "Waiter, thrown": lambda thing: thrown(Waiter, thing),
    "MultipleWaiter": lambda thing: noted(_core.MultipleWaiter, thing),
    "MultipleWaiter, thrown": lambda thing: thrown(_core.MultipleWaiter, thing),
    "Group": lambda thing: member(pool.Group, thing),
    "Pool": lambda thing: member(lambda: pool.Pool(2), thing),
    "Event": lambda thing: linked(event.Event(), thing),
    "AsyncResult": result,
    "AsyncResult, exception": raised,
    "Semaphore": lambda thing: linked(lock.Semaphore(0), thing),
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


@pytest.fixture
def no_collection():
    """No collection but those asked for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", MAKERS)
def test_freed_in_a_circle(name, no_collection):
    outside = object()  # weak references go before anything is freed, and would not tell
    references = sys.getrefcount(outside)
    thing = Thing()
    thing.held = outside
    made = MAKERS[name](thing)
    assert any(type(one).__module__ != __name__ for one in gc.get_referrers(thing))
    thing.made = made
    if hasattr(made, "close") and name.startswith("Timeout"):
        made.close()
    del thing, made
    gevent.sleep(0.001)
    assert sys.getrefcount(outside) == references + 1
    gc.collect()
    gc.collect()
    assert sys.getrefcount(outside) == references


def owned(made):
    made.acquire()
    return made


def asked(queue):
    """It has made its conditions."""
    assert queue.mutex and queue.not_empty
    queue.mine = Thing()
    return queue


def grouped():
    made = pool.Pool(2)
    made.spawn(gevent.sleep, 0)
    assert not made.dying and not made._empty_event.is_set()
    return made


def ended(function, *args):
    g = gevent.spawn(function, *args)
    g.name = "mine" * 10
    gevent.joinall([g])
    return g


def failing():
    def fail():
        raise ValueError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gevent.get_hub(), "handle_error", lambda *args: None, raising=False)
        return ended(fail)


def unread(function):
    """An imap whose results nobody has read; `function` gets 0."""
    workers = pool.Pool(1)
    results = workers.imap(function, [0])
    gevent.sleep(0)
    workers.join()
    return results


def numbered():
    made = raised(Thing())
    made.set_exception(ValueError(), (ValueError, ValueError(), None))
    made._imap_task_index = 1000
    return made


class Mine(local):
    def __init__(self, *args, **kwargs):
        self.value = args


def connected():
    ours, theirs = original.socketpair()
    theirs.close()
    made = _core.WebSocketConnection(ours, True, b"", 100, -1)
    made.ping_interval = 20.5
    return made


def watching():
    loop = _core.loop(default=False)
    loop.mine = loop.timer(100)
    loop.mine.start(int)
    loop.error_handler = Thing()
    return loop


def spawned_from():
    before = _core.set_track_greenlet_tree(True)
    try:
        return gevent.spawn(int).spawning_stack
    finally:
        _core.set_track_greenlet_tree(True if before is None else before)


HOLDERS = {
    "RLock": lambda: owned(lock.RLock()),
    "Channel": queue.Channel,
    "callback": lambda: gevent.get_hub().loop.run_callback(Thing(), 1),
    "Queue, asked": lambda: asked(queue.Queue()),
    "Group, asked": grouped,
    "Greenlet, ended": lambda: ended(Thing(), 1),
    "Greenlet, failed": failing,
    "imap, unread": lambda: unread(str),
    "imap, failed": lambda: unread((1).__truediv__),
    "AsyncResult, numbered": numbered,
    "local, arguments": lambda: Mine(Thing(), thing=Thing()),
    "connection": connected,
    "loop, watching": watching,
    "resolver": lambda: Resolver(servers="127.0.0.1:9").cares,
    "stack of a spawn": spawned_from,
}


@pytest.mark.parametrize("name", [*MAKERS, *HOLDERS])
def test_found_as_a_referrer(name):
    """gc.get_referrers stops the visit of an object where it holds what is looked for."""
    made = MAKERS[name](Thing()) if name in MAKERS else HOLDERS[name]()
    for held in gc.get_referents(made):
        assert any(one is made for one in gc.get_referrers(held)), held
    if hasattr(made, "close") and name.startswith("Timeout"):
        made.close()


def test_a_handler_at_work_is_found_as_a_referrer():
    found = []

    class Handler(pywsgi.WSGIHandler):
        def get_environ(self):
            assert self.requestline and self.headers
            return super().get_environ()

        def process_result(self):
            found.extend(any(one is self for one in gc.get_referrers(held)) for held in gc.get_referents(self))
            super().process_result()

    def application(environ, start_response):
        start_response("200 OK", [("Date", "today"), ("Content-Length", "0")])
        return []

    with serving(application, handler_class=Handler) as server:
        ask(server, b"GET / HTTP/1.1\r\nHost: name\r\nConnection: close\r\n\r\n")
    assert found and all(found)


REFERRED = {
    "callback": lambda: gevent.get_hub().loop.run_callback(int),
    "timer": lambda: gevent.get_hub().loop.timer(1),
    "loop": lambda: _core.loop(default=False),
    "Channel": queue.Channel,
    "Queue": queue.Queue,
    "RLock": lock.RLock,
    "Event": event.Event,
    "Lock": _core.Lock,
    "greenlet": lambda: greenlet.greenlet(int),
    "TaskQueue": lambda: _core.TaskQueue(gevent.get_hub().loop),
    "local": local,
    "Group": pool.Group,
    "socket": gevent.socket.socket,
    "handler": lambda: handler(None),
}


@pytest.mark.parametrize("name", REFERRED)
def test_weak_references(name):
    made = REFERRED[name]()
    ended = []
    ref = weakref.ref(made, ended.append)
    assert ref() is made
    del made
    gevent.sleep(0.001)
    gc.collect()
    assert ref() is None and ended == [ref]


def test_a_circle_of_one(no_collection):
    """A raw greenlet that runs itself."""
    before = _core.set_track_greenlet_tree(True)
    try:
        raw = type(gevent.spawn_raw(int))()
    finally:
        _core.set_track_greenlet_tree(True if before is None else before)
    outside = object()
    references = sys.getrefcount(outside)
    raw.run, raw.spawn_tree_locals = raw, {"outside": outside}
    del raw
    assert sys.getrefcount(outside) == references + 1
    gc.collect()
    assert sys.getrefcount(outside) == references

"""Raw greenlets."""

import contextvars
import threading

import gevent
from gevent import core
from gevent.event import Event
from gevent.hub import Waiter
from gevent.local import local
from gevent.lock import RLock, Semaphore
from greenlet import getcurrent, gettrace, greenlet, settrace

from greencore import _core
from greencore._core import get_hub_if_exists
from scenarios import note, scenario


def adder(value):
    while True:
        value = getcurrent().parent.switch(value + 1)


@scenario
def raw_greenlets():
    g = greenlet(adder)
    assert g.switch(1) == 2
    assert g.switch(3) == 4
    repr(g), g.gr_frame, g.gr_context, g.dead, bool(g)
    g.gr_context = contextvars.copy_context()
    g.parent = getcurrent()
    g.name = "text"
    assert vars(g) == {"name": "text"}
    try:
        g.throw(KeyError, "text")
    except KeyError:
        pass
    assert g.dead
    g = greenlet(adder)
    try:
        g.throw(KeyError("text"))
    except KeyError:
        pass
    g = greenlet(adder)
    g.switch(1)
    del g  # which throws into it


def switch_to_parent(*args, **kwargs):
    while True:
        args, kwargs = args, getcurrent().parent.switch(*args, **kwargs)


@scenario
def more_greenlets():
    g = greenlet(switch_to_parent, parent=getcurrent())
    assert g.switch(1, 2) == (1, 2)
    g.switch(a=1)
    try:
        g.throw(KeyError, KeyError("text"), None)
    except KeyError:
        pass
    g = greenlet(int)
    assert g.switch("11", base=2) == 3
    g = greenlet()
    g.run = int
    assert g.switch("5") == 5
    g = greenlet(getcurrent().switch)
    repr(g), g.__dict__, g.gr_frame
    g.__dict__ = {"name": "text"}
    del g.name
    g = greenlet(adder)
    g.switch(1)
    repr(g), g.gr_frame, g.gr_stack_size if hasattr(g, "gr_stack_size") else None
    try:
        g.throw()
    except BaseException:
        raise
    assert g.dead

    class Mine(greenlet):
        def __init__(self, text):
            super().__init__(int)
            self.text = text

    assert Mine(text="text").switch("5") == 5


@scenario
def threads():
    """A native thread gets a record, which ends with it."""

    def work():
        try:
            assert greenlet(adder).switch(1) == 2
        except BaseException as error:
            errors.append(error)

    errors = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()


FIRST = [
    getcurrent,
    gettrace,
    lambda: settrace(None),
    lambda: greenlet(int),
    lambda: _core.forbid_switch(1),
    lambda: _core.set_hub(None),
    gevent.get_hub,
    Waiter,
    lambda: Event().wait(0),
    lambda: Semaphore(0).wait(0.001),
    lambda: RLock().acquire(),
    local,
    lambda: gevent.Timeout(0.001).start(),
    lambda: gevent.spawn_raw(int),
    lambda: gevent.Greenlet(int).start(),
    lambda: gevent.wait(timeout=0),
    lambda: list(gevent.iwait([], timeout=0)),
    lambda: gevent.killall([]),
    lambda: core.loop(default=False).run(nowait=True),
]


@scenario
def first_in_a_thread():
    """The first thing that a thread does with greenlets has the thread's record made."""

    def work(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)
        finally:
            if get_hub_if_exists() is not None:
                gevent.get_hub().destroy(destroy_loop=True)

    errors = []
    for function in FIRST:
        thread = threading.Thread(target=work, args=[function])
        thread.start()
        thread.join()
    if errors:
        raise errors.pop()


@scenario
def traces():
    settrace(note)
    try:
        gevent.sleep(0)
        g = greenlet(adder)
        g.switch(1)
        try:
            g.throw(KeyError)
        except KeyError:
            pass
        assert gettrace() is note
    finally:
        settrace(None)

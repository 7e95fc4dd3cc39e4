"""Call all that the C types and functions have, on objects half-made and whole, with arguments they aren't made for.

An argument may be re-entrant: whatever it is asked, it first has the object under test do something else.
"""

import faulthandler
import gc
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import greencore.alias

greencore.alias.install()
import gevent
import gevent.core
import gevent.event
import gevent.local
import gevent.lock
import gevent.pool
import gevent.queue
import gevent.threadpool
from greencore import _core

# The interpreter's own for every object, and what would end the process.
NOT_CALLED = {"__class__", "__getattribute__", "__setattr__", "__delattr__", "__reduce__", "__reduce_ex__", "__sizeof__"}
# They close descriptors of the process, take it for a forked child, or wait in C for another thread.
NOT_CALLED |= {"os_close", "_after_fork", "begin_epoch", "TaskQueue.get"}


class Reentrant:
    target = None

    def act(self):
        target, Reentrant.target = Reentrant.target, None
        if target is not None:
            names = ["clear", "close", "stop", "destroy", "release", "cancel", "kill", "set"]
            if not isinstance(target, BaseException):
                # The interpreter's own exceptions let go in __init__() of arguments that repr() is at.
                names.append("__init__")
            for name in names:
                quiet(getattr, target, name, None)
                method = quiet(getattr, target, name)
                if method is not None:
                    quiet(method)
            Reentrant.target = target

    def __call__(self, *args, **kwargs):
        self.act()
        return self

    def __eq__(self, other):
        self.act()
        return False

    def __hash__(self):
        self.act()
        return 1

    def __index__(self):
        self.act()
        return 1

    def __float__(self):
        self.act()
        return 0.0

    def __bool__(self):
        self.act()
        return True

    def __iter__(self):
        self.act()
        return iter([self])

    def __next__(self):
        self.act()
        raise StopIteration

    def __repr__(self):
        self.act()
        return "re-entrant"

    def __fspath__(self):
        self.act()
        return "/"

    def __getitem__(self, key):
        self.act()
        raise IndexError(key)

    fileno = __int__ = __len__ = __index__
    __str__ = __repr__


class Raising:
    def __getattribute__(self, name):
        raise ZeroDivisionError(name)

    def __call__(self, *args):
        raise ZeroDivisionError

    __eq__ = __hash__ = __repr__ = __bool__ = __iter__ = __index__ = __float__ = __call__


def quiet(function, *args):
    """The result, or None for whatever is raised; no call waits for ever."""
    try:
        with gevent.Timeout(0.002, False):
            return function(*args)
    except BaseException:
        return None


def traceback():
    try:
        raise ValueError
    except ValueError as error:
        return error.__traceback__


def values():
    plain = [None, 0, -1, 2**70, 1e308, float("nan"), "x", "a\0b", b"x", (), (1,), [None], {}, {"a": 1}]
    objects = [object(), int, len, ValueError, ValueError(), traceback(), gevent.getcurrent(), Reentrant(), Raising()]
    return [*plain, *objects, gevent.core.loop(default=False), gevent.event.Event(), iter([]), memoryview(b"abc")]


def arguments():
    """Lists of arguments: of each value by itself, of some in pairs, and of more than two."""
    some = values()
    picked = [None, -1, "x", (), len, ValueError, Reentrant()]
    yield []
    yield from ([value] for value in some)
    yield from ([one, two] for one in picked for two in picked)
    yield from ([value] * count for value in (None, 1, "x", (), len, Reentrant()) for count in (3, 4, 5, 6))
    yield [None, len, (1,), traceback()]
    yield [None, ValueError, (1,), traceback()]
    yield [None, ValueError, ValueError(), 1]
    yield [len, (1,), traceback()]


def types_of_c():
    return [kind for _, kind in sorted(vars(_core).items()) if isinstance(kind, type)]


def instances(kind):
    """Half-made, then made with what the types that need something need."""
    loop = gevent.core.loop(default=False)
    yield quiet(kind.__new__, kind)
    yield quiet(object.__new__, kind)
    for args in ([], [loop], [loop, 1], [loop, 0, 1], [loop, "/"], [1], [len], [[gevent.event.Event()]]):
        yield quiet(kind.__new__, kind, *args)
        yield quiet(kind, *args)
    if kind.__name__ == "callback":
        yield loop.run_callback(len)


def exercise(kind):
    made = [one for one in instances(kind) if one is not None]
    for number, one in enumerate(made):
        lists = list(arguments()) if number < 2 else [[], [None], [len], [Reentrant()]]
        for name in dir(kind):
            if name in NOT_CALLED or f"{kind.__name__}.{name}" in NOT_CALLED:
                continue
            for args in lists:
                Reentrant.target = one
                method = quiet(getattr, one, name)
                if callable(method):
                    quiet(method, *args)
            for args in lists:
                if len(args) == 1:
                    Reentrant.target = one
                    quiet(setattr, one, name, *args)
                    quiet(repr, one)
                    quiet(str, one)
            quiet(delattr, one, name)
            quiet(repr, one)
        for function in (hash, iter, next, len, bool, int, kind.__init__):
            quiet(function, one)
    Reentrant.target = None
    del made
    gc.collect()


def main():
    faulthandler.dump_traceback_later(300, exit=True)
    sys.unraisablehook = lambda report: None
    gevent.get_hub().exception_stream = None
    for kind in types_of_c():
        print(kind.__module__, kind.__qualname__, flush=True)
        exercise(kind)
    for name, function in sorted(vars(_core).items()):
        if isinstance(function, types.BuiltinFunctionType) and name not in NOT_CALLED:
            print(name, flush=True)
            for args in arguments():
                quiet(function, *args)


if __name__ == "__main__":
    main()

"""Tools for looking at programs: trees of greenlets, assert_switches, tracebacks as data, small numbers."""

import gc
import io
import pickle
import sys
import threading
import time
import traceback

import pytest

import gevent
import gevent.event
import gevent.exceptions
import greenlet
from gevent import _util, getcurrent, lock, monkey, sleep, thread, util
from gevent._ident import IdentRegistry
from gevent._tblib import dump_traceback, load_traceback
from gevent.event import Event


class Failure(Exception):
    pass


# run info


def test_run_info_of_raw_greenlets():
    text = "\n".join(util.format_run_info())
    assert "* Threads" in text and "* Greenlets" in text and ") (CURRENT" in text
    assert "Spawn Tree Locals" not in text


def test_run_info_of_greenlets():
    def root():
        getcurrent().spawn_tree_locals["a value"] = 42
        out = io.StringIO()
        child = gevent.spawn(util.print_run_info, file=out)
        child.join()
        return out.getvalue()

    g = gevent.spawn(root)
    g.name = "Printer"
    text = g.get()
    for part in ("Spawned at", "Parent:", "Spawn Tree Locals", "{'a value': 42}", "Printer"):
        assert part in text


def test_run_info_without_stacks():
    text = "\n".join(util.format_run_info(thread_stacks=False, greenlet_stacks=False))
    assert "...stack elided..." in text and "Running:" not in text


@pytest.mark.parametrize("make", [lock.RLock, thread.RLock])
def test_run_info_says_what_loop_exit_says(make):
    """Who waits in which call for what, and who owns that."""
    held, event = make(), Event()

    def own():
        with held:
            event.wait()

    owner = gevent.spawn(own)
    owner.name = "the-owner"
    waiting = [gevent.spawn(held.acquire), gevent.spawn(held.__enter__), gevent.spawn(sleep, 1e5)]
    sleep(0)
    waiting.pop().kill()
    text = "\n".join(util.format_run_info(thread_stacks=False, greenlet_stacks=False))
    with pytest.raises(gevent.hub.LoopExit) as caught:
        gevent.joinall(waiting)
    told = str(caught.value)
    assert f"{owner!r} in Event.wait of {event!r}" in told and f"Waiting in Event.wait of {event!r}" in text
    for words in (told, text):
        assert words.count(f"in RLock.acquire of {held!r}") == 2
        assert f"owned by {owner!r}" in words or repr(owner) in repr(held)
    assert "Waiting in gevent.wait of" not in text and "in gevent.wait of (" in told
    event.set()
    owner.join()
    assert [taker.get() for taker in waiting if taker.ready()] == [True]
    gevent.killall(waiting)


def test_run_info_of_a_wait_for_nothing_in_particular():
    parked = gevent.spawn(sleep, 1e5)
    sleep(0)
    assert "Waiting in sleep\n" in "\n".join(util.format_run_info(thread_stacks=False)) + "\n"
    parked.kill()


def test_a_greenlet_without_python_frames_shows_none():
    parked = gevent.spawn(sleep, 5)
    sleep(0)
    (tree,) = [tree for tree in util.GreenletTree.current_tree().child_trees if tree.greenlet is parked]
    lines = [line.strip(" :") for line in tree.format_lines({"spawning_stacks": False})]
    assert "Running" not in lines and __file__ not in "".join(lines)
    parked.kill()


def test_tree():
    def parent():
        child = gevent.spawn(lambda: 1)
        child.name = "child"
        child.join()
        kept.append(child)
        return util.GreenletTree.current_tree()

    kept = []
    g = gevent.spawn(parent)
    g.name = "parent"
    tree = g.get()
    assert tree.root and tree.is_current_tree
    lines = str(tree).splitlines()
    heads = {name: next(line for line in lines if '"%s"' % name in line) for name in ("parent", "child")}
    assert heads["parent"].startswith(" +--- <Greenlet") and "; finished with value <" in heads["parent"]
    assert heads["child"][:6].strip(" |") == "" and heads["child"].endswith("; finished with value 1")
    assert "Parent" not in str(tree) and "Parent: " in tree.format()
    details = tree.format(details={"spawning_stacks": False, "running_stacks": False})
    assert "Spawned at:" not in details and "Running:" not in details
    assert tree in util.GreenletTree.forest() or tree.greenlet in [t.greenlet for t in util.GreenletTree.forest()]


def test_tree_shows_the_running_stack_once():
    """The hub has no Python frames of its own to show."""

    def sleeps_in_here():
        gevent.sleep(10)

    sleeper = gevent.spawn(sleeps_in_here)
    gevent.sleep(0)
    lines = util.GreenletTree.current_tree().format_lines({"spawning_stacks": False})
    assert sum("test_tree_shows_the_running_stack_once" in line and "File" in line for line in lines) == 1
    assert sum("in sleeps_in_here" in line for line in lines) == 1
    sleeper.kill()


def test_tree_with_a_root_of_its_own():
    def run():
        inner = gevent.hub.RawGreenlet(util.GreenletTree.current_tree)
        inner.parent.greenlet_tree_is_ignored = True
        inner.greenlet_tree_is_root = True
        return inner.switch()

    tree = gevent.hub.RawGreenlet(run).switch()
    assert "; not running" in str(tree)


# no_switch


def test_no_switch_refuses_to_wait_and_to_switch():
    ran = []
    other = gevent.spawn(ran.append, 1)
    raw = greenlet.greenlet(lambda: None)
    event, lock = gevent.event.Event(), threading.Lock()
    with util.no_switch():
        for wait in (lambda: sleep(0), lambda: sleep(0.001), event.wait, other.join, lambda: gevent.idle()):
            with pytest.raises(gevent.exceptions.BlockingSwitchOutError):
                wait()
        with pytest.raises(greenlet.error):
            raw.switch()
        with lock:  # nobody holds it: no need to wait
            event.set()
        assert event.wait() is True
        assert ran == []
    other.join()
    assert ran == [1] and not raw.dead
    raw.switch()
    assert raw.dead


def test_no_switch_nests_and_decorates():
    @util.no_switch()
    def careful(depth=0):
        if depth == 0:
            sleep(0)
        with util.no_switch():
            return careful(depth - 1)

    with pytest.raises(gevent.exceptions.BlockingSwitchOutError):
        careful(3)
    sleep(0)


def test_no_switch_is_for_one_thread():
    with util.no_switch():
        slept = []
        thread = monkey.get_original("threading", "Thread")(target=lambda: slept.append(sleep(0.001)))
        thread.start()
        thread.join()
        assert slept == [None]


def test_no_switch_guards_a_callback_out_of_c():
    """One that waits fails at once, in the caller, instead of switching in the middle of the C function."""

    @util.no_switch()
    def key(item):
        sleep(0)
        return item

    with pytest.raises(gevent.exceptions.BlockingSwitchOutError):
        sorted([2, 1], key=key)
    sleep(0)


# assert_switches


def test_assert_switches():
    with util.assert_switches():
        sleep(0)
    with pytest.raises(AssertionError, match="To any greenlet in"):
        with util.assert_switches():
            pass
    with pytest.raises(Failure):
        with util.assert_switches():
            raise Failure


def test_assert_switches_within_a_time():
    with util.assert_switches(10):
        pass
    with pytest.raises(AssertionError, match=r"max allowed 0\.0010 seconds"):
        with util.assert_switches(0.001):
            time.sleep(0.002)
    with pytest.raises(AssertionError, match="To the hub in"):
        with util.assert_switches(0.001, hub_only=True):
            time.sleep(0.002)


def test_tracers_nest():
    from greenlet import gettrace

    with util.assert_switches() as outer:
        with util.assert_switches() as inner:
            assert gettrace() is inner.tracer
            assert inner.tracer.previous_trace_function is outer.tracer
            sleep(0)
        assert gettrace() is outer.tracer
        assert outer.tracer.greenlet_switch_counter
    assert gettrace() is None


# wrap_errors


def test_wrap_errors():
    def func(x):
        """Its doc."""
        return 1 // x

    wrapped = util.wrap_errors((ZeroDivisionError, TypeError), func)
    assert wrapped(1) == 1
    assert isinstance(wrapped(0), ZeroDivisionError) and isinstance(wrapped(None), TypeError)
    assert str(wrapped) == str(func) and repr(wrapped) == repr(func)
    assert wrapped.__doc__ == "Its doc." and wrapped.__name__ == "func" and wrapped.__code__ is func.__code__
    with pytest.raises(ZeroDivisionError):
        util.wrap_errors(TypeError, func)(0)


def test_clear_stack_frames():
    done = []

    def run():
        util.clear_stack_frames(sys._getframe())
        done.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert done == [1]


# tracebacks as data


def raise_deeply(n):
    if n == 0:
        raise Failure("deep")
    raise_deeply(n - 1)


def test_a_traceback_survives_pickling():
    try:
        raise_deeply(3)
    except Failure as error:
        original = error.__traceback__
    dumped = pickle.loads(pickle.dumps(dump_traceback(original)))
    loaded = load_traceback(dumped)

    def summary(tb):
        return [(f.filename, f.name, f.lineno, f.line) for f in traceback.extract_tb(tb)]

    assert summary(loaded) == summary(original)
    assert loaded.tb_frame.f_globals["__name__"] == __name__
    with pytest.raises(Failure) as caught:
        raise Failure().with_traceback(loaded)
    assert caught.traceback[-1].name == "raise_deeply"
    assert dump_traceback(None) is None and load_traceback(None) is None


# small tools


def test_idents():
    class Target:
        pass

    registry = IdentRegistry()
    one, two = Target(), Target()
    assert [registry.get_ident(t) for t in (one, two, one)] == [0, 1, 0]
    assert len(registry) == 2
    del one
    gc.collect()
    assert len(registry) == 1
    three = Target()
    assert registry.get_ident(three) == 0
    assert registry.get_ident(two) == 1


def test_lazy_properties():
    calls = []

    class Thing:
        @_util.Lazy
        def lazy(self):
            """Doc."""
            calls.append("lazy")
            return 1

        @_util.readproperty
        def read(self):
            calls.append("read")
            return 2

        @_util.LazyOnClass
        def shared(self):
            calls.append("shared")
            return 3

    thing = Thing()
    assert (thing.lazy, thing.lazy, thing.read, thing.read) == (1, 1, 2, 2)
    assert (thing.shared, Thing().shared, Thing.shared) == (3, 3, 3)
    assert calls == ["lazy", "read", "read", "shared"]
    thing.read = 5
    assert thing.read == 5
    assert Thing.lazy.__doc__ == "Doc."


def test_copy_globals():
    import types

    source = types.ModuleType("source")
    source.__dict__.update(a=1, b=2, __private=3, __all__=["a"])
    globs = {"copy_globals": None}
    assert set(_util.copy_globals(source, globs, names_to_ignore=["b"])) == {"a", "__all__"}
    assert globs["a"] == 1 and "copy_globals" not in globs
    with pytest.raises(AttributeError):
        _util.copy_globals(source, {}, only_names=["missing"])
    assert _util.copy_globals(source, {}, only_names=["a", "missing"], ignore_missing_names=True) == ["a"]

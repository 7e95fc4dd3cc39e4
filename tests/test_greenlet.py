"""gevent.Greenlet: starting, ending, links, kill, what subclasses and tools change."""

import gc
import linecache
import threading
import traceback
import weakref
from functools import partial

import pytest

import gevent
from gevent import Greenlet, GreenletExit, Timeout, getcurrent, sleep
from gevent.event import Event
from gevent.exceptions import BlockingSwitchOutError
from gevent.pool import Pool
from greenlets import names
from leaks import assert_no_leak


class Failure(Exception):
    pass


def fail(message="on purpose"):
    raise Failure(message)


@pytest.fixture
def errors(monkeypatch):
    """What the hub's handle_error gets, as (context, type)."""
    seen = []
    monkeypatch.setattr(
        gevent.get_hub(), "handle_error", lambda context, kind, value, tb: seen.append((context, kind)), raising=False
    )
    return seen


# States


def test_states_of_success():
    g = Greenlet(lambda: 5)
    assert (bool(g), g.started, g.dead, g.ready(), g.successful()) == (False, False, False, False, False)
    assert (g.value, g.exception, g.exc_info, g._exc_info) == (None, None, None, None)
    g.start()
    assert (bool(g), g.started, g.dead, g.ready(), g.successful()) == (True, True, False, False, False)
    g.join()
    assert (bool(g), g.started, g.dead, g.ready(), g.successful()) == (False, False, True, True, True)
    assert (g.value, g.exception, g.exc_info, g._exc_info) == (5, None, None, (None, None, None))
    assert g.get() == 5 and g.get(block=False) == 5


def test_states_of_failure(errors):
    g = gevent.spawn(fail)
    g.join()
    assert (bool(g), g.dead, g.ready(), g.successful(), g.value) == (False, True, True, False, None)
    assert isinstance(g.exception, Failure)
    assert g.exc_info[:2] == (Failure, g.exception)
    assert errors == [(g, Failure)]


def test_get_raises_the_same_traceback_each_time(errors):
    g = gevent.spawn(fail)
    g.join()
    depths = []
    for _ in range(3):
        with pytest.raises(Failure) as caught:
            g.get()
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert frames[-1].name == "fail"
        depths.append(len(frames))
    assert len(set(depths)) == 1


def test_starts_once():
    runs = []
    g = gevent.spawn(runs.append, 1)
    g.start()
    g.start_later(0)
    g.join()
    g.start()
    sleep(0)
    assert runs == [1]


def test_start_is_in_order():
    order = []
    for i in range(5):
        gevent.spawn(order.append, i)
    assert order == []
    sleep(0)
    assert order == [0, 1, 2, 3, 4]


def test_start_later():
    order = []
    late = Greenlet.spawn_later(0.002, order.append, "late")
    assert late.started and late._start_event.pending
    gevent.spawn(order.append, "soon")
    late.join()
    assert order == ["soon", "late"]


@pytest.mark.parametrize("arguments", [(1,), (1, 1), ()])
def test_spawn_later_needs_seconds_and_a_callable(arguments):
    with pytest.raises(TypeError):
        gevent.spawn_later(*arguments)


def test_not_callable():
    for make in (gevent.spawn, gevent.spawn_raw, Greenlet):
        with pytest.raises(TypeError):
            make(1)


def test_arguments():
    g = Greenlet(lambda *args, **kwargs: (args, kwargs), 1, 2, key="value")
    assert (g.args, g.kwargs) == ((1, 2), {"key": "value"})
    g.args += (3,)
    g.kwargs["more"] = 4
    g.start()
    assert g.get() == ((1, 2, 3), {"key": "value", "more": 4})
    assert (g.args, g.kwargs) == ((), {})


class Pair(tuple):
    pass


@pytest.mark.parametrize("make", [Greenlet, gevent.spawn, partial(gevent.spawn_later, 0), Pool().spawn])
@pytest.mark.parametrize("argument", [1, None, (), (1,), (1, 2), Pair((1, 2)), [3]])
def test_one_argument(make, argument):
    g = make(lambda *args, **kwargs: (args, kwargs), argument)
    assert g.args == (argument,) and g.args[0] is argument
    assert repr(argument) in repr(g)
    g.start()
    (got,), kwargs = g.get()
    assert got is argument and kwargs == {}
    assert g.args == ()


def test_one_argument_changes_or_gets_company():
    def function(*args, **kwargs):
        return args, kwargs

    g = gevent.spawn(function, 1, key="value")
    assert g.args == (1,)
    assert g.get() == ((1,), {"key": "value"})
    g = gevent.spawn(function, 1)
    g.kwargs["more"] = 2
    assert g.get() == ((1,), {"more": 2})
    for args in ([2], (2, 3), (), Pair((4, 5))):
        g = gevent.spawn(function, 1)
        g.args = args
        assert g.args == tuple(args)
        assert g.get() == (tuple(args), {})
    g = gevent.spawn(function, 1)
    del g.args
    assert g.get() == ((), {})


def test_one_argument_is_seen_by_the_collector():
    class Argument:
        pass

    argument = Argument()
    argument.greenlet = Greenlet(len, argument)
    seen = weakref.ref(argument)
    del argument
    gc.collect()
    assert seen() is None


def test_run_by_keyword():
    assert gevent.spawn(run=lambda x: x, x=3).get() == 3
    with pytest.raises(TypeError):
        gevent.spawn(len, run=len)


def test_attributes_of_any_name():
    g = gevent.spawn(sleep, 0)
    g.owner = "celery"
    assert g.owner == "celery"
    g.join()


def test_switch_before_its_turn():
    runs = []
    g = gevent.spawn(lambda: runs.append(getcurrent()))
    gevent.spawn_raw(g.switch)
    sleep(0)
    assert runs == [g] and g.ready()
    sleep(0)
    assert runs == [g]


def test_dead_of_the_running_one():
    g = gevent.spawn(lambda: (getcurrent().dead, getcurrent().ready()))
    assert g.get() == (False, False)


# Waiting


def test_join_and_get_with_a_timeout():
    g = gevent.spawn(sleep, 10)
    assert g.join(timeout=0.001) is None
    with pytest.raises(Timeout) as caught:
        g.get(timeout=0.001)
    assert caught.value.seconds == 0.001
    with pytest.raises(Timeout):
        g.get(block=False)
    mine = Timeout(0.001)
    with pytest.raises(Timeout) as caught:
        g.get(timeout=mine)
    assert caught.value is mine
    g.join(timeout=Timeout(0.001))
    assert not g.has_links()
    g.kill()


def test_joiners_in_order():
    order = []
    g = gevent.spawn(sleep, 0)
    for i in range(4):
        gevent.spawn(lambda i=i: (g.join(), order.append(i)))
    sleep(0)
    g.join()
    assert order == [0, 1, 2, 3]


def test_context_manager():
    with gevent.spawn(sleep, 0) as g:
        assert g.started
    assert g.ready()
    with pytest.raises(Failure):
        with gevent.spawn(sleep, 10) as g:
            sleep(0)
            fail()
    assert isinstance(g.exception, Failure)


# Links


def test_links_in_order_and_late():
    seen = []
    g = gevent.spawn(lambda: 1)
    g.rawlink(lambda source: seen.append(("raw", source)))
    g.link(lambda source: seen.append(("link", source)))
    g.link_value(lambda source: seen.append(("value", source)))
    g.link_exception(lambda source: seen.append(("exception", source)))
    assert g.has_links() == 4
    g.join()
    sleep(0)
    assert seen == [("raw", g), ("link", g), ("value", g)]
    g.rawlink(lambda source: seen.append("late"))
    assert "late" not in seen
    sleep(0)
    assert seen[-1] == "late" and not g.has_links()


def test_unlink():
    seen = []
    g = gevent.spawn(lambda: 1)
    g.link(seen.append)
    g.rawlink(seen.append)
    g.unlink(seen.append)
    assert g.has_links() == 1
    g.unlink(seen.append)
    g.unlink(seen.append)
    assert g.has_links() == 0
    g.rawlink(seen.append)
    g.unlink_all()
    g.join()
    sleep(0)
    assert seen == []
    with pytest.raises(TypeError):
        g.rawlink(None)


def test_a_link_that_fails_is_reported_and_the_rest_run(errors):
    seen = []
    g = gevent.spawn(lambda: 1)
    link = lambda source: fail()
    g.rawlink(link)
    g.rawlink(seen.append)
    g.join()
    sleep(0)
    assert seen == [g]
    assert errors == [((link, g), Failure)]


def test_links_of_a_link_belong_to_its_pass():
    order = []

    def first(source):
        order.append("first")
        source.rawlink(lambda _: order.append("from first"))

    g = gevent.spawn(lambda: 1)
    g.rawlink(first)
    sleep(0)
    gevent.spawn(order.append, "other")
    sleep(0)
    assert order == ["first", "from first", "other"]


def test_a_blocking_link_does_not_hold_up_the_others():
    order = []

    def blocking(source):
        order.append("begins")
        sleep(0)
        order.append("ends")

    g = gevent.spawn(lambda: 1)
    g.link(blocking)
    g.link(lambda source: order.append("second"))
    g.join()
    sleep(0)
    sleep(0)
    assert order == ["begins", "second", "ends"]


# Kill


def test_kill_before_start():
    runs = []
    g = Greenlet(runs.append, 1)
    g.kill()
    assert g.dead and g.ready() and g.successful() and isinstance(g.value, GreenletExit)
    g.start()
    sleep(0)
    assert runs == []


def test_kill_before_its_turn(errors):
    runs, links = [], []
    g = gevent.spawn(runs.append, 1)
    g.rawlink(links.append)
    g.kill(Failure)
    assert isinstance(g.exception, Failure) and not g.successful()
    assert errors == [(g, Failure)]
    sleep(0)
    assert (runs, links) == ([], [g])


def test_kill_of_a_later_start():
    g = Greenlet.spawn_later(1000, fail)
    g.kill()
    assert g.dead and not g._start_event.pending
    assert gevent.get_hub().join(timeout=0.01)


def test_kill_running():
    log = []

    def run():
        try:
            sleep(10)
        finally:
            log.append("cleaned up")

    g = gevent.spawn(run)
    sleep(0)
    g.kill()
    assert log == ["cleaned up"] and isinstance(g.get(), GreenletExit)
    g.kill()


def test_kill_with_any_exception(errors):
    for argument in (Failure, Failure("instance"), (Failure, Failure("triple"), None)):
        g = gevent.spawn(sleep, 10)
        sleep(0)
        g.kill(argument)
        assert isinstance(g.exception, Failure)


def test_kill_goes_on_as_soon_as_the_other_blocks():
    order = []

    def stubborn():
        try:
            sleep(10)
        except GreenletExit:
            order.append("killed")

    g = gevent.spawn(stubborn)
    sleep(0)
    gevent.spawn(order.append, "before")
    gevent.spawn(lambda: (g.kill(), order.append("killer")))
    gevent.spawn(order.append, "after")
    for _ in range(3):
        sleep(0)
    assert order == ["before", "after", "killed", "killer"]


def test_kill_waits_for_a_time():
    def stubborn():
        try:
            sleep(10)
        except GreenletExit:
            finish.wait()

    finish = Event()
    g = gevent.spawn(stubborn)
    sleep(0)
    g.kill(timeout=0.0001)
    assert not g.ready()
    finish.set()
    g.join()


def test_kill_without_blocking():
    g = gevent.spawn(sleep, 10)
    sleep(0)
    g.kill(block=False)
    assert not g.dead
    sleep(0)
    assert g.dead


def test_kill_oneself():
    def run(block):
        getcurrent().kill(block=block)
        log.append("still there")
        sleep(0)
        log.append("never")

    for block, expected in ((True, []), (False, ["still there"])):
        log = []
        g = gevent.spawn(run, block)
        g.join()
        assert log == expected and isinstance(g.value, GreenletExit)


def test_kill_of_one_that_ends_meanwhile():
    g = gevent.spawn(lambda: 5)
    g2 = gevent.spawn(lambda: g.kill(block=False))
    g3 = gevent.spawn_raw(lambda: None)
    gevent.killall([g3], block=False)
    gevent.joinall([g, g2])
    sleep(0)
    assert g.value == 5 and g3.dead


def test_kill_from_a_link():
    other = gevent.spawn(sleep, 10)
    sleep(0)
    g = gevent.spawn(lambda: 1)
    g.link(lambda source: other.kill())
    other.join()
    assert isinstance(other.value, GreenletExit)


def test_kill_of_another_threads_greenlet():
    ready = threading.Event()
    made = []

    def thread():
        g = gevent.spawn(sleep, 100)
        made.append(g)
        gevent.spawn(ready.set)
        g.join()
        gevent.get_hub().destroy()

    t = threading.Thread(target=thread)
    t.start()
    ready.wait(10)
    made[0].kill(block=False)
    t.join(10)
    assert not t.is_alive() and isinstance(made[0].value, GreenletExit)


def test_the_killer_can_be_interrupted():
    def stubborn():
        while True:
            try:
                sleep(10)
            except Failure:
                return
            except GreenletExit:
                pass

    g = gevent.spawn(stubborn)
    sleep(0)
    with pytest.raises(Timeout):
        with Timeout(0.001):
            g.kill()
    g.kill(Failure)
    assert g.successful()


def test_throw_into_one_that_has_not_begun():
    g = gevent.spawn(sleep, 10)
    g.throw()
    assert g.dead and isinstance(g.value, GreenletExit)


def test_raw_greenlet_started_before_its_turn():
    def run():
        log.append("runs")
        sleep(0)
        log.append("has slept")

    log = []
    early = gevent.spawn_raw(run)
    gevent.spawn(log.append, "late")
    early.parent = getcurrent()
    early.switch()  # comes back when it ends
    assert log == ["runs", "late", "has slept"] and early.dead


def test_gevent_kill():
    g = gevent.spawn(sleep, 10)
    sleep(0)
    gevent.kill(g)
    raw = gevent.spawn_raw(sleep, 10)
    sleep(0)
    assert g.dead
    gevent.kill(raw)
    sleep(0)
    assert raw.dead
    for wrong in (1, None):
        with pytest.raises(TypeError):
            gevent.kill(wrong)


def test_kill_with_none_is_greenletexit():
    started, waiting = gevent.spawn(sleep, 10), gevent.spawn(sleep, 10)
    sleep(0)
    started.kill(exception=None)
    waiting.kill(None)
    assert isinstance(started.value, GreenletExit) and isinstance(waiting.value, GreenletExit)


# Subclasses and hooks


def test_subclass_with_run_and_init():
    class Mine(Greenlet):
        def __init__(self, message, n):
            Greenlet.__init__(self)
            self.message = message
            self.n = n

        def _run(self):
            return self.message * self.n

    g = Mine("ab", 2)
    g.start()
    assert g.get() == "abab"
    assert isinstance(Mine.spawn("x", 1), Mine)
    assert Mine.spawn_later(0, "x", 3).get() == "xxx"


def test_subclass_whose_init_forgets_ours():
    class Careless(Greenlet):
        def __init__(self):
            self.ran = False

        def _run(self):
            self.ran = True

    g = Careless()
    g.start()
    g.join()
    assert g.ran


def test_run_given_to_a_subclass_with_a_method():
    class Mine(Greenlet):
        def _run(self):
            return "method"

    assert Mine.spawn(lambda: "function").get() == "function"
    assert Mine.spawn().get() == "method"


def test_an_own_run_leaves_the_call_in_place():
    class Mine(gevent.Greenlet):
        def run(self):
            self.seen = self.args, self.kwargs

    g = Mine(len, 1, a=2)
    g.start()
    gevent.sleep(0)
    assert g.dead
    assert g.seen == (g.args, g.kwargs) == ((1,), {"a": 2})
    assert "<built-in function len>(1, a=2)" in repr(g)

    g = gevent.Greenlet(len, "x")
    g.throw(gevent.GreenletExit)
    assert g.dead and g.args == ("x",)


def test_overridden_run():
    class Mine(Greenlet):
        def run(self):
            log.append("before")
            Greenlet.run(self)
            log.append("after")

    log = []
    g = Mine.spawn(lambda: 3)
    assert g.get() == 3
    assert log == ["before", "after"]


def test_report_hooks(errors):
    class Traced(Greenlet):
        def _report_result(self, result):
            log.append(("result", result))
            super()._report_result(result)

        def _report_error(self, exc_info):
            log.append(("error", exc_info[0]))
            super()._report_error(exc_info)

    log = []
    assert Traced.spawn(lambda: 1).get() == 1
    with pytest.raises(Failure):
        Traced.spawn(fail).get()
    assert log == [("result", 1), ("error", Failure)]


def test_hooks_set_on_the_class(monkeypatch):
    log = []
    plain = Greenlet._report_result
    monkeypatch.setattr(Greenlet, "_report_result", lambda self, result: (log.append(result), plain(self, result)))
    assert gevent.spawn(lambda: 1).get() == 1
    monkeypatch.undo()
    assert gevent.spawn(lambda: 2).get() == 2
    assert log == [1]


def test_start_of_a_subclass_is_honoured():
    class Mine(Greenlet):
        def start(self):
            log.append("start")
            Greenlet.start(self)

    log = []
    Mine.spawn(lambda: 1).join()
    assert log == ["start"]


def test_spawn_callbacks():
    seen = []
    Greenlet.add_spawn_callback(seen.append)
    Greenlet.add_spawn_callback(seen.append)
    try:
        g = gevent.spawn(lambda: 1)
        assert seen == [g] or seen == [g, g]
    finally:
        Greenlet.remove_spawn_callback(seen.append)
        Greenlet.remove_spawn_callback(seen.append)
    count = len(seen)
    gevent.spawn(lambda: 1).join()
    assert len(seen) == count


# What is shown


def test_repr():
    def function(*args, **kwargs):
        pass

    g = gevent.spawn(function, 1, key="v" * 100)
    assert repr(g).startswith("<Greenlet at 0x")
    assert repr(g).endswith(": function(1, key='%s)>" % ("v" * 49))
    ident = g.minimal_ident
    assert g.name == "Greenlet-%d" % ident
    assert repr(g).startswith('<Greenlet "Greenlet-%d" at 0x' % ident)
    g.name = "mine"
    assert repr(g).startswith('<Greenlet "mine" at 0x')
    shown = repr(g)
    g.join()
    assert repr(g) == shown
    assert repr(Greenlet()).endswith(": _run>")
    assert "bound method" in repr(Greenlet([].append)) or "built-in method" in repr(Greenlet([].append))


def test_repr_of_a_description_that_has_no_truth_value():
    class Vague:
        def __bool__(self):
            raise Failure

    class Described(Greenlet):
        def _formatinfo(self):
            return Vague()

    with pytest.raises(Failure):
        repr(Described())


def test_idents_are_small_and_reused():
    greenlets = [Greenlet() for _ in range(3)]
    idents = sorted(g.minimal_ident for g in greenlets)
    assert len(set(idents)) == 3
    del greenlets
    gc.collect()
    assert Greenlet().minimal_ident <= idents[-1]


def test_spawn_tree():
    def parent():
        child = Greenlet()
        assert child.spawn_tree_locals is getcurrent().spawn_tree_locals
        assert child.spawning_greenlet() is getcurrent()
        return child

    g = gevent.spawn(parent)
    g.spawn_tree_locals["name"] = "family"
    assert g.spawning_greenlet() is getcurrent()
    child = g.get()
    with pytest.raises(TypeError):
        g.spawn_tree_locals = 5
    assert child.spawn_tree_locals == {"name": "family"}
    assert Greenlet().spawn_tree_locals is not g.spawn_tree_locals


def test_spawn_tree_of_raw_greenlets():
    seen = []
    raw = gevent.spawn_raw(lambda: seen.append(Greenlet().spawn_tree_locals))
    assert raw.spawning_greenlet() is getcurrent()
    with pytest.raises(TypeError):
        raw.spawn_tree_locals = 5
    sleep(0)
    assert seen[0] is raw.spawn_tree_locals
    raw.spawn_tree_locals = None


SPAWNER = """
def outer(depth):
    return outer(depth - 1) if depth else inner()

def inner():
    return Greenlet()
"""


def test_spawning_stack(monkeypatch):
    """The source is in no file, which might change as the test runs."""
    monkeypatch.setitem(linecache.cache, "<spawner>", (len(SPAWNER), None, SPAWNER.splitlines(True), "<spawner>"))
    scope = {"Greenlet": Greenlet}
    exec(compile(SPAWNER, "<spawner>", "exec"), scope)
    frame = scope["outer"](20).spawning_stack
    assert names(frame) == ["inner"] + ["outer"] * 9
    assert [frame.f_lineno, frame.f_back.f_lineno] == [6, 3]
    assert "return Greenlet()" in traceback.format_stack(frame)[-1]


def test_spawning_stack_limit():
    class Short(Greenlet):
        spawning_stack_limit = 2

    class Without(Greenlet):
        spawning_stack_limit = 0

    frame = Short().spawning_stack
    assert frame.f_back is not None and frame.f_back.f_back is None
    assert Without().spawning_stack is None


@pytest.mark.parametrize(
    ("limit", "recorded"), [(1, True), (2**32, True), (2**80, True), (0, False), (-(2**80), False), ("many", False)]
)
def test_spawning_stack_limit_of_any_value(limit, recorded):
    """On a class and on a greenlet it means the same."""

    class OfClass(Greenlet):
        spawning_stack_limit = limit

    class OfObject(Greenlet):
        def __init__(self):
            self.spawning_stack_limit = limit
            super().__init__()

    assert [cls().spawning_stack is not None for cls in (OfClass, OfObject)] == [recorded, recorded]


@pytest.fixture
def untracked():
    gevent.config.track_greenlet_tree = False
    yield
    gevent.config.track_greenlet_tree = True


def test_no_tracking(untracked):
    g = Greenlet()
    assert (g.spawning_greenlet, g.spawn_tree_locals, g.spawning_stack) == (None, None, None)
    assert type(gevent.spawn_raw(sleep)).__name__ == "greenlet"
    sleep(0)


# Raw greenlets


def test_spawn_raw():
    seen = []
    g = gevent.spawn_raw(lambda *args, **kwargs: seen.append((args, kwargs)), 1, key=2)
    assert g.parent is gevent.get_hub() and not g.dead
    sleep(0)
    assert seen == [((1,), {"key": 2})] and g.dead


def test_error_of_a_raw_greenlet(errors):
    gevent.spawn_raw(fail)
    sleep(0)
    assert [kind for _, kind in errors] == [Failure]


# Lifetime


def test_dies_with_its_last_reference():
    g = gevent.spawn(lambda: 1)
    g.join()
    ref = weakref.ref(g)
    del g
    assert ref() is None


@pytest.mark.parametrize(
    "once",
    [
        lambda: gevent.spawn(sleep, 0).join(),
        lambda: gevent.spawn(lambda *a, **k: a, 1, k=2).get(),
        lambda: gevent.spawn(sleep, 10).kill(),
        lambda: [gevent.spawn_raw(lambda: None), sleep(0)],
        lambda: Greenlet(len),
        lambda: Greenlet.spawn_later(10, len).kill(),
        lambda: [gevent.spawn(len, "").link(lambda g: None), sleep(0), sleep(0)],
        lambda: gevent.joinall([gevent.spawn(sleep, 0) for _ in range(3)]),
        lambda: repr(gevent.spawn(sleep, 0)) and sleep(0),
        lambda: gevent.spawn(sleep, 0).spawning_stack and sleep(0),
    ],
)
def test_nothing_leaks(once):
    assert_no_leak(once)


def test_what_a_kill_drops_runs_in_the_hub():
    """The exception and the greenlet of a kill that came too late may be the last of their kind."""

    class Blocks:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            try:
                sleep(0)
            except BlockingSwitchOutError:
                log.append(self.name)

    log = []
    greenlets = [gevent.spawn(sleep, 10) for _ in range(3)]
    sleep(0)
    for g in greenlets:
        g.own = Blocks("greenlet")
        g.kill(block=False)
        g.kill(type("Late", (BaseException,), {})(Blocks("exception")), block=False)
    greenlets.clear()
    del g
    others = [gevent.spawn(log.append, "other") for _ in range(2)]
    sleep(0)
    assert sorted(log[:6]) == ["exception"] * 3 + ["greenlet"] * 3 and log[6:] == ["other"] * 2
    gevent.joinall(others)


def test_what_a_sleep_drops_on_its_way_may_sleep():
    class Sleeps:
        def __del__(self):
            sleep(0)
            log.append("dropped")

    def run():
        other = gevent.spawn(int)
        other.own = Sleeps()
        del other
        getcurrent().kill(block=False)  # comes behind the other one's end, ahead of the sleep's
        try:
            sleep(0)
        finally:
            log.append("killed")

    log = []
    gevent.spawn(run).join()
    sleep(0)
    assert log == ["dropped", "killed"]

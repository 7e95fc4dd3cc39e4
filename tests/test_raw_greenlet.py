"""The raw greenlet: `greenlet.greenlet` and the functions beside it."""

import contextvars
import copy
import pickle
import sys
import weakref
from abc import ABCMeta, abstractmethod

import greenlet
import pytest
from greenlet import GreenletExit, getcurrent
from greenlet import greenlet as Greenlet
from greenlets import Oops, bounce, started
from threads import in_thread


# ---- names


def test_public_names():
    assert greenlet.__all__ == [
        "__version__",
        "_C_API",
        "GreenletExit",
        "error",
        "getcurrent",
        "greenlet",
        "gettrace",
        "settrace",
    ]
    assert tuple(map(int, greenlet.__version__.split("."))) >= (3, 5)
    assert Greenlet.__module__ == "greenlet"
    assert Greenlet.getcurrent is getcurrent
    assert Greenlet.GreenletExit is GreenletExit
    assert Greenlet.error is greenlet.error


def test_exceptions():
    assert issubclass(greenlet.error, Exception)
    assert issubclass(GreenletExit, BaseException)
    assert not issubclass(GreenletExit, Exception)


def test_module_imported_again_has_the_same_types():
    names = ["greencore._core", "gevent._core"]
    first = [sys.modules.pop(name) for name in names]
    try:
        import greencore._core as second

        assert second is not first[0]
        assert second.greenlet is first[0].greenlet
    finally:
        sys.modules.update(zip(names, first))


# ---- what a switch hands over


@pytest.mark.parametrize(
    "args, kwargs, expected",
    [
        ((), {}, ()),
        ((None,), {}, None),
        (((),), {}, ()),
        ((1,), {}, 1),
        ((1, 2), {}, (1, 2)),
        ((), {"a": 1}, {"a": 1}),
        ((1,), {"a": 2}, ((1,), {"a": 2})),
        ((1, 2), {"a": 3}, ((1, 2), {"a": 3})),
    ],
)
def test_value_of_a_switch(args, kwargs, expected):
    assert started().switch(*args, **kwargs) == expected
    assert getcurrent().switch(*args, **kwargs) == expected
    dead = Greenlet(lambda: None)
    dead.switch()
    assert dead.switch(*args, **kwargs) == expected


@pytest.mark.parametrize("args, kwargs", [((), {}), ((1,), {}), ((1, 2), {"a": 3}), ((), {"b": 4})])
def test_first_switch_calls_run(args, kwargs):
    assert Greenlet(lambda *a, **kw: (a, kw)).switch(*args, **kwargs) == (args, kwargs)


def test_result_goes_to_the_parent():
    def parent():
        got.append(Greenlet(lambda: "child").switch())
        return "parent"

    got = []
    assert Greenlet(parent).switch() == "parent"
    assert got == ["child"]


def test_result_goes_to_a_parent_set_later():
    main = getcurrent()
    seen = []

    def collector():
        seen.append(main.switch())
        return "collector"

    target = started(collector)
    g = Greenlet(lambda: 7)
    g.parent = target
    assert g.switch() == "collector"
    assert seen == [7]


def test_switch_to_a_dead_greenlet_reaches_its_unstarted_parent():
    dead = Greenlet(lambda: None)
    dead.switch()
    dead.parent = Greenlet(lambda *a, **kw: (a, kw))
    assert dead.switch(1, b=2) == ((1,), {"b": 2})


def test_death_starts_an_unstarted_parent():
    parent = Greenlet(lambda x: ("parent got", x))
    assert Greenlet(lambda: 5, parent).switch() == ("parent got", 5)


# ---- exceptions


def test_exception_goes_to_the_parent_with_its_traceback():
    def fail():
        raise Oops("here")

    with pytest.raises(Oops, match="here") as caught:
        Greenlet(fail).switch()
    assert [entry.name for entry in caught.traceback][-1] == "fail"
    assert caught.value.__context__ is None


def test_exception_passes_dead_parents():
    dead = Greenlet(lambda: None)
    dead.switch()

    def fail():
        raise Oops

    g = Greenlet(fail)
    g.parent = dead
    with pytest.raises(Oops):
        g.switch()


def test_exception_in_a_parent_that_is_unstarted():
    g = Greenlet(lambda: Oops() and (_ for _ in ()).throw(Oops()), Greenlet(lambda *a: "not called"))
    with pytest.raises(Oops):
        g.switch()
    assert g.parent.dead


def test_exit_is_returned():
    def leave():
        raise GreenletExit("bye")

    result = Greenlet(leave).switch()
    assert isinstance(result, GreenletExit) and result.args == ("bye",)


def test_handled_exception_stays_with_its_greenlet():
    def other():
        assert sys.exc_info() == (None, None, None)
        try:
            raise Oops("other")
        except Oops:
            main.switch()
            assert sys.exc_info()[1].args == ("other",)

    main = getcurrent()
    try:
        raise ValueError("main")
    except ValueError:
        g = started(other)
        assert sys.exc_info()[1].args == ("main",)
        g.switch()
        assert sys.exc_info()[1].args == ("main",)
    assert g.dead
    assert sys.exc_info() == (None, None, None)


@pytest.mark.parametrize(
    "args, kind, details",
    [
        ((), GreenletExit, ()),
        ((Oops,), Oops, ()),
        ((Oops, "text"), Oops, ("text",)),
        ((Oops, (1, 2)), Oops, (1, 2)),
        ((Oops, None), Oops, ()),
        ((UnicodeDecodeError, "too few arguments"), TypeError, None),
    ],
)
def test_throw(args, kind, details):
    def catch():
        try:
            main.switch()
        except BaseException as error:
            return error

    main = getcurrent()
    caught = started(catch).throw(*args)
    assert type(caught) is kind
    if details is not None:
        assert caught.args == details


@pytest.mark.parametrize(
    "make", [lambda error: (error,), lambda error: (error, None), lambda error: (Oops, error)]
)
def test_throw_an_instance(make):
    def catch():
        try:
            main.switch()
        except Oops as error:
            return error

    main = getcurrent()
    error = Oops(3)
    assert started(catch).throw(*make(error)) is error


@pytest.mark.parametrize(
    "args",
    [(1,), ("text",), (object,), (Oops(), "separate"), (Oops, None, "no traceback"), (Oops, None, None, 1)],
)
def test_throw_refuses(args):
    g = started()
    with pytest.raises(TypeError):
        g.throw(*args)
    assert g.switch("still there") == "still there"


def test_throw_of_a_class_whose_test_of_instances_fails():
    class Meta(type):
        def __instancecheck__(cls, instance):
            raise ZeroDivisionError

    class Odd(Exception, metaclass=Meta):
        pass

    def catch():
        try:
            main.switch()
        except ZeroDivisionError as error:
            return error

    main = getcurrent()
    assert isinstance(started(catch).throw(Odd, Oops()), ZeroDivisionError)


def test_throw_keeps_the_traceback():
    def origin():
        raise Oops

    try:
        origin()
    except Oops:
        traceback = sys.exc_info()[2]
    g = started()
    with pytest.raises(Oops) as caught:
        g.throw(Oops, Oops(), traceback)
    assert "origin" in [entry.name for entry in caught.traceback]


def test_throw_into_an_unstarted_greenlet():
    calls = []
    g = Greenlet(calls.append)
    with pytest.raises(Oops):
        g.throw(Oops)
    assert g.dead and calls == []
    assert isinstance(Greenlet(calls.append).throw(), GreenletExit)
    assert calls == []


def test_throw_into_a_dead_greenlet():
    dead = Greenlet(lambda: None)
    dead.switch()
    assert isinstance(dead.throw(), GreenletExit)
    assert dead.throw(GreenletExit("x")).args == ("x",)
    with pytest.raises(Oops):
        dead.throw(Oops)


def test_throw_into_the_running_greenlet():
    with pytest.raises(Oops):
        getcurrent().throw(Oops)


# ---- state


def test_states():
    g = Greenlet(lambda: main.switch("parked"))
    main = getcurrent()
    assert not g and not g.dead and "pending" in repr(g)
    assert g.gr_frame is None
    assert g.switch() == "parked"
    assert g and not g.dead and "suspended active started" in repr(g)
    assert g.gr_frame.f_code.co_name == "<lambda>"
    g.switch()
    assert not g and g.dead and repr(g).endswith(" dead>")
    assert g.gr_frame is None
    assert main and not main.dead and "current active started main" in repr(main)
    assert main.parent is None and main.gr_frame is None


def test_repr_names_the_subclass():
    class Mine(Greenlet):
        pass

    assert repr(Mine()).startswith("<Mine object at 0x")
    assert repr(Greenlet()).startswith("<greenlet.greenlet object at 0x")


def test_getcurrent():
    g = Greenlet(getcurrent)
    assert g.switch() is g
    assert getcurrent() is getcurrent()
    assert in_thread(getcurrent) is not getcurrent()


def test_run_attribute():
    g = Greenlet()
    with pytest.raises(AttributeError):
        g.run
    with pytest.raises(AttributeError):
        g.switch()
    assert not g.dead
    g.run = bounce
    assert g.run is bounce
    del g.run
    with pytest.raises(AttributeError):
        g.run
    g.run = bounce
    g.switch()
    with pytest.raises(AttributeError):
        g.run
    with pytest.raises(AttributeError):
        g.run = bounce


def test_run_of_a_subclass():
    class Mine(Greenlet):
        def run(self, *args):
            return self, args

    g = Mine()
    assert g.switch(1) == (g, (1,))
    other = Mine(bounce)  # the method goes first
    assert other.switch(2) == (other, (2,))


def test_run_of_an_instance():
    class Mine(Greenlet):
        pass

    g = Mine()
    g.run = lambda: "set"
    assert g.switch() == "set"


def test_run_is_looked_up_where_the_switch_comes_from():
    class Mine(Greenlet):
        @property
        def run(self):
            seen.append(getcurrent())
            return lambda: getcurrent()

    seen = []
    g = Mine()
    assert g.switch() is g
    assert seen == [getcurrent()]


def test_look_up_of_run_may_start_the_greenlet():
    class Mine(Greenlet):
        looked = 0

        def __getattribute__(self, name):
            if name == "run":
                Mine.looked += 1
                if Mine.looked == 1:
                    assert self.switch("inner") == "inner"
                return bounce_back
            return super().__getattribute__(name)

    def bounce_back(value):
        while True:
            value = getcurrent().parent.switch(value)

    assert Mine().switch("outer") == "outer"
    assert Mine.looked == 2


def test_look_up_of_run_may_fail():
    class Mine(Greenlet):
        @property
        def run(self):
            raise Oops

    g = Mine()
    with pytest.raises(Oops):
        g.switch()
    assert not g and not g.dead


def test_constructor():
    g = Greenlet(run=bounce, parent=getcurrent())
    assert g.parent is getcurrent()
    assert Greenlet(bounce, g).parent is g
    assert Greenlet(bounce, None).parent is getcurrent()
    assert Greenlet(parent=g).parent is g
    for args, kwargs in [((1, 2, 3), {}), ((), {"x": 1}), ((bounce, 1), {}), ((bounce,), {"run": 1})]:
        with pytest.raises(TypeError):
            Greenlet(*args, **kwargs)


def test_constructor_of_a_subclass_may_take_anything():
    class Mine(Greenlet):
        def __new__(cls, *args, **kwargs):
            return super().__new__(cls)

        def __init__(self, value, *, key):
            super().__init__(self.work)
            self.seen = value, key

        def work(self):
            return self.seen

    assert Mine(1, key=2).switch() == (1, 2)


def test_patched_constructor_is_used(monkeypatch):
    seen = []
    real = Greenlet.__init__
    monkeypatch.setattr(Greenlet, "__init__", lambda self, *args: seen.append(args) or real(self, *args))
    Greenlet(bounce)
    assert seen == [(bounce,)]


def test_abstract_subclass():
    class Abstract(Greenlet, metaclass=ABCMeta):
        @abstractmethod
        def run(self):
            pass

    with pytest.raises(TypeError):
        Abstract()


def test_attributes_and_weak_references():
    g = Greenlet()
    g.thing = 1
    assert g.__dict__ == {"thing": 1}
    g.__dict__ = {"other": 2}
    assert g.other == 2 and not hasattr(g, "thing")
    with pytest.raises(TypeError):
        g.__dict__ = 5
    ref = weakref.ref(g)
    assert ref() is g
    del g
    assert ref() is None


def test_neither_pickled_nor_copied():
    for g in (Greenlet(), started()):
        for action in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot serialize"):
                action(g)


# ---- parents


def test_parent_refuses_itself():
    g = Greenlet()
    with pytest.raises(ValueError, match="cyclic"):
        g.parent = g
    assert g.parent is getcurrent()


def test_parent_refuses():
    g = Greenlet()
    child = Greenlet(parent=g)
    with pytest.raises(ValueError, match="cyclic"):
        g.parent = child
    with pytest.raises(ValueError, match="cyclic"):
        g.parent = g
    with pytest.raises(TypeError):
        g.parent = None
    with pytest.raises(AttributeError):
        del g.parent
    with pytest.raises((AttributeError, ValueError)):
        getcurrent().parent = g
    assert g.parent is getcurrent()


def test_parent_of_another_thread():
    mine = started()
    main = getcurrent()

    def other():
        with pytest.raises(ValueError, match="different thread"):
            mine.parent = getcurrent()
        g = Greenlet(bounce)
        g.parent = main
        with pytest.raises(greenlet.error, match="different thread"):
            g.switch()
        return g

    # Unstarted, it may still go to the thread of its parent.
    assert in_thread(other).switch() is None


# ---- context variables

variable = contextvars.ContextVar("variable", default="default")


def test_new_greenlet_has_an_empty_context():
    variable.set("main")
    g = Greenlet(lambda: (variable.get(), variable.set("own"), getcurrent().parent.switch(), variable.get()))
    assert g.gr_context is None
    g.switch()
    assert variable.get() == "main"
    assert g.gr_context[variable] == "own"
    assert g.switch()[0::3] == ("default", "own")


def test_context_can_be_set():
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    g = Greenlet(lambda: (variable.get(), getcurrent().parent.switch(), variable.get()))
    g.gr_context = context
    assert g.gr_context is context
    g.switch()
    g.gr_context = None
    assert g.gr_context is None
    assert g.switch()[0::2] == ("given", "default")


def test_context_of_the_running_greenlet():
    def run():
        context = contextvars.copy_context()
        context.run(variable.set, "switched")
        getcurrent().gr_context = context
        return variable.get(), getcurrent().gr_context is context

    assert Greenlet(run).switch() == ("switched", True)


def test_context_refuses():
    g = Greenlet()
    with pytest.raises(TypeError):
        g.gr_context = {}
    with pytest.raises(AttributeError):
        del g.gr_context
    main = getcurrent()

    def other():
        with pytest.raises(ValueError, match="running in a different thread"):
            main.gr_context
        with pytest.raises(ValueError, match="running in a different thread"):
            main.gr_context = None
        return True

    assert in_thread(other)


def test_stack_of_a_parked_main_greenlet():
    assert Greenlet(lambda: getcurrent().parent._stack_saved).switch() > 0

"""The end of a parked raw greenlet: dropped, collected, or within the collector."""

import gc
import sys
import weakref

import pytest
from greenlet import GreenletExit, getcurrent
from greenlet import greenlet as Greenlet
from greenlets import Oops, started


def test_dropped_greenlet_is_killed():
    def park():
        try:
            getcurrent().parent.switch()
        except BaseException as error:
            seen.append(error)
            raise

    seen = []
    g = started(park)
    del g
    assert len(seen) == 1 and type(seen[0]) is GreenletExit
    assert seen[0].args == ("Killing the greenlet because all references have vanished.",)


def test_killed_greenlet_dies_into_the_one_that_dropped_it():
    def park():
        try:
            main.switch()
        finally:
            seen.append(getcurrent().parent)

    def dropper():
        holder.clear()
        return getcurrent()

    main = getcurrent()
    seen = []
    holder = [started(park)]
    g = Greenlet(dropper)
    assert g.switch() is g
    assert seen == [g]


def test_killed_greenlet_may_be_kept():
    def park():
        try:
            main.switch()
        except GreenletExit:
            kept.append(getcurrent())
            main.switch("kept")
        return "end"

    main = getcurrent()
    kept = []
    g = started(park)
    del g
    assert kept[0] and not kept[0].dead
    assert kept[0].switch() == "end"
    assert kept[0].dead


def test_killed_greenlet_that_parks_again_is_reported(capfd):
    def stubborn():
        for _ in range(2):
            try:
                main.switch()
            except GreenletExit:
                pass

    main = getcurrent()
    g = started(stubborn)
    del g
    assert "did not kill <greenlet.greenlet object" in capfd.readouterr().err


def test_exception_of_a_killed_greenlet_is_unraisable(monkeypatch):
    def park():
        try:
            main.switch()
        except GreenletExit:
            raise Oops

    main = getcurrent()
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: seen.append(info.exc_type))
    g = started(park)
    del g
    assert seen == [Oops]


def test_value_is_not_lost_when_the_sender_is_dropped():
    def send():
        holder.clear()
        getcurrent().parent.switch("value")

    holder = [Greenlet(send)]
    assert holder[0].switch() == "value"


def test_exception_being_handled_survives_a_kill():
    g = started()
    try:
        raise Oops
    except Oops as error:
        del g
        assert sys.exc_info()[1] is error


def test_cycle_through_an_unstarted_greenlet_is_collected():
    g = Greenlet()
    g.run = lambda g=g: None
    g.self = g
    ref = weakref.ref(g)
    del g
    gc.collect()
    assert ref() is None


def test_cycle_through_a_dead_greenlet_is_collected():
    g = Greenlet(lambda: None)
    g.switch()
    g.self = g
    ref = weakref.ref(g)
    del g
    gc.collect()
    assert ref() is None


def test_cycle_through_a_parked_greenlet_is_collected():
    """Its own code still finds its attributes while it is killed."""

    def park():
        try:
            getcurrent().parent.switch()
        finally:
            seen.append(getcurrent().name)

    seen = []
    g = started(park)
    g.name = "cycle"
    g.self = g
    ref = weakref.ref(g)
    del g
    gc.collect()
    assert seen == ["cycle"]
    assert ref() is None


def test_parked_greenlet_keeps_what_its_frames_use():
    def park():
        local = Thing()
        refs.append(weakref.ref(local))
        getcurrent().parent.switch()
        return local

    class Thing:
        pass

    refs = []
    g = started(park)
    gc.collect()
    assert refs[0]() is not None
    assert g.switch() is refs[0]()


def test_switch_while_the_collector_runs_finalizers():
    class Garbage:
        def __init__(self):
            self.self = self

        def __del__(self):
            results.append(other.switch(self))

    def work(value):
        while True:
            kept = [[] for _ in range(10_000)]
            kept.append(kept)
            gc.collect()  # already under way, in the other greenlet
            value = main.switch(type(value))

    main = getcurrent()
    results = []
    other = Greenlet(work)
    for _ in range(10):
        Garbage()
    gc.collect()
    assert results == [Garbage] * 10
    assert other.switch(1) is int


def test_greenlet_parked_within_a_finalizer():
    """The collector's run is suspended with it, and ends when it goes on."""

    class Garbage:
        def __init__(self):
            self.self = self

        def __del__(self):
            main.switch("in the finalizer")

    def collect():
        Garbage()
        ref = weakref.ref(Garbage())
        gc.collect()
        return ref()

    main = getcurrent()
    g = Greenlet(collect)
    assert g.switch() == "in the finalizer"
    kept = [[] for _ in range(10_000)]
    kept.append(kept)
    del kept
    while not g.dead:
        result = g.switch()
    assert result is None
    gc.collect()


def test_nothing_stays_behind():
    def count():
        gc.collect()
        return sum(isinstance(o, Greenlet) for o in gc.get_objects())

    def tree():
        for _ in range(3):
            Greenlet(lambda: getcurrent().parent.switch()).switch()
        raise Oops

    before = count()
    for _ in range(50):
        with pytest.raises(Oops):
            Greenlet(tree).switch()
    assert count() == before

"""Random programs of switches, throws, deaths and drops, run by real greenlets and checked against a model.

Every greenlet runs the same loop: take the program's next step, do it, and compare where control went, and with what,
with what the model said.
"""

import contextvars
import gc
import sys

import greenlet
from greenlet import GreenletExit, getcurrent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COUNT = 6
MAIN = -1


class Thrown(Exception):
    pass


class Model:
    """What each greenlet is, and what a step makes of it. Greenlets are numbers, the main one is MAIN."""

    def __init__(self):
        self.status = {MAIN: "active", **{i: "unstarted" for i in range(COUNT)}}
        self.parent = {i: MAIN for i in range(COUNT)}
        self.calling = {}  # whom a parked greenlet's call of switch() refers to
        self.current = MAIN
        self.events = []

    def resolve(self, target):
        while self.status[target] == "dead":
            target = self.parent[target]
        return target

    def go(self, target, kind, what):
        """Control goes to `target`; return what it gets: (greenlet, kind, what)."""
        origin = self.current
        real = self.resolve(target)
        self.events.append(("throw" if kind == "raised" else "switch", origin, real))
        self.current = real
        self.calling.pop(real, None)
        if self.status[real] == "unstarted":
            self.status[real] = "active"
            if kind == "raised":
                return self.die(kind, what)
            return real, "started", what
        return real, kind, what

    def switch(self, target, value):
        self.calling[self.current] = target
        return self.go(target, "value", value)

    def throw(self, target, error):
        self.calling[self.current] = target
        if self.status[target] == "dead" and isinstance(error, GreenletExit):
            return self.go(target, "value", error)
        return self.go(target, "raised", error)

    def die(self, kind, what):
        if isinstance(what, GreenletExit):
            kind = "value"
        self.status[self.current] = "dead"
        return self.go(self.parent[self.current], kind, what)

    def is_ancestor(self, g, of):
        while of != MAIN:
            if of == g:
                return True
            of = self.parent[of]
        return g == MAIN

    def held(self, g):
        """Whether something beside the table refers to it."""
        return g == self.current or g in self.parent.values() or g in self.calling.values()


variable = contextvars.ContextVar("variable")


class World:
    """Greenlets that run the program's steps."""

    def __init__(self, program):
        self.program = iter(program)
        self.model = Model()
        self.main = getcurrent()
        self.table = [self.make(i) for i in range(COUNT)]
        self.expected = (MAIN, "value", None)
        self.events = []
        self.dying = None
        self.dropping = False
        self.over = False

    def make(self, number):
        g = greenlet.greenlet(lambda *args: self.body(number, args))
        g.parent = self.main
        return g

    def number_of(self, g):
        return MAIN if g is self.main else self.table.index(g)

    def trace(self, event, args):
        self.events.append((event, *map(self.number_of, args)))

    def body(self, number, args):
        variable.set(number)
        try:
            raise Thrown(number)
        except Thrown as mine:
            # Handled during all of the greenlet's life, and seen by nobody else.
            return self.loop(number, "started", args[0] if args else None, mine)

    def loop(self, number, kind, what, mine):
        while True:
            assert (number, kind, what) == self.expected
            assert self.number_of(getcurrent()) == number
            assert variable.get() == number
            assert sys.exc_info()[1] is mine
            what = None
            step = next(self.program, None)
            if step is None:
                return None if number == MAIN else self.leave()
            action, a, b = step
            try:
                if action == "return" and number != MAIN:
                    self.expected = self.model.die("value", b)
                    return b
                what = self.do(action, a, b)
                kind = "value"
            except (Thrown, GreenletExit) as error:
                if self.dropping or self.over:
                    raise
                if error is self.dying:
                    self.dying = None
                    raise
                kind, what = "raised", error.with_traceback(None)

    def leave(self):
        """The program is over: back to the main greenlet, until it kills us."""
        self.expected = self.model.switch(MAIN, "over")
        self.main.switch("over")

    def do(self, action, a, b):
        """Do a step, and return what came back from it. A step that does not apply comes back at once."""
        model = self.model
        here = model.current
        if action == "switch":
            self.expected = model.switch(a, b)
            return (self.main if a == MAIN else self.table[a]).switch(b)
        if action == "throw":
            error = (GreenletExit if b % 3 == 0 else Thrown)("thrown", b)
            self.expected = model.throw(a, error)
            return (self.main if a == MAIN else self.table[a]).throw(error)
        self.expected = (here, "value", b)
        if action == "raise" and here != MAIN:
            self.dying = (GreenletExit if b % 3 == 0 else Thrown)("own", b)
            self.expected = model.die("raised", self.dying)
            raise self.dying
        if action == "parent" and a != MAIN:
            self.set_parent(a, b % (COUNT + 1) - 1)
        if action == "drop" and a != MAIN and not model.held(a):
            self.drop(a)
        if action == "collect":
            gc.collect()
        return b

    def set_parent(self, g, parent):
        model = self.model
        try:
            self.table[g].parent = self.main if parent == MAIN else self.table[parent]
        except ValueError:
            assert model.is_ancestor(g, parent)
        else:
            assert not model.is_ancestor(g, parent)
            model.parent[g] = parent

    def drop(self, g):
        """Nobody refers to it any more: it is killed if it is parked, and another one takes its place."""
        model = self.model
        parked = model.status[g] == "active"
        self.dropping = True
        tracer = greenlet.settrace(None)
        state = [self.table[g].dead, bool(self.table[g])]
        assert state == [model.status[g] == "dead", parked]
        self.table[g] = None
        self.table[g] = self.make(g)
        greenlet.settrace(tracer)
        self.dropping = False
        model.status[g] = "unstarted"
        model.parent[g] = MAIN
        model.calling.pop(g, None)

    def run(self):
        variable.set(MAIN)
        greenlet.settrace(self.trace)
        try:
            self.loop(MAIN, "value", None, None)
        finally:
            greenlet.settrace(None)
            self.over = True
        assert self.events == self.model.events
        for g, real in enumerate(self.table):
            assert real.dead == (self.model.status[g] == "dead")
            assert bool(real) == (self.model.status[g] == "active")
            assert self.number_of(real.parent) == self.model.parent[g]


target = st.integers(MAIN, COUNT - 1)
step = st.tuples(
    st.sampled_from(["switch", "switch", "switch", "throw", "return", "raise", "parent", "drop", "collect"]),
    target,
    st.integers(0, 20),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(step, max_size=60))
def test_random_programs(program):
    context = contextvars.copy_context()
    context.run(World(program).run)

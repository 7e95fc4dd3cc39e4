"""Callables that are linked to events, results and greenlets by the hundred, beside a list that does the same."""

import gc
import random
import weakref

import greencore
import pytest
from greencore.event import AsyncResult, Event
from greencore.lock import Semaphore
from threads import in_thread


class Target:
    def __init__(self, calls):
        self.calls = calls

    def method(self, source):
        self.calls.append(self)

    def other(self, source):
        self.calls.append((self, "other"))


def candidates(calls, count):
    """Makers of callables: each gives an equal one at every call."""
    makers = []
    for i in range(count):
        target = Target(calls)
        lists = []
        makers += [
            lambda target=target: target.method,
            lambda target=target: target.other,
            lambda lists=lists: lists.append,
            lambda function=lambda source, i=i: calls.append(i): function,
        ]
    return makers


@pytest.mark.parametrize("make", [Event, AsyncResult, lambda: greencore.Greenlet(len)])
@pytest.mark.parametrize("seed", range(3))
def test_links_are_those_of_a_list(make, seed):
    rng = random.Random(seed)
    makers = candidates([], 40)
    several = [(make(), []) for _ in range(4)]
    most = 0
    for _ in range(6000):
        linked, model = rng.choice(several)
        callback = rng.choice(makers)()
        if rng.random() < (0.7 if most < 500 else 0.35):
            linked.rawlink(callback)
            model.append(callback)
        else:
            linked.unlink(callback)
            if callback in model:
                model.remove(callback)
        most = max(most, len(model))
        assert len(linked._links) == len(model)
    assert most >= 500
    for linked, model in several:
        assert linked._links == model
        for callback in rng.sample(model, len(model)):
            linked.unlink(callback)
            model.remove(callback)
        assert linked._links == []


def test_a_pass_calls_each_object_once():
    calls = []
    event = Event()
    makers = candidates(calls, 30)
    kept = [make() for make in makers for _ in range(3)]
    linked = kept + kept  # the same objects twice; equal ones that are other objects count as others
    random.Random(1).shuffle(linked)
    for each in linked:
        event.rawlink(each)
    event.set()
    greencore.sleep(0)
    assert event.linkcount() == 0
    objects = list({id(each): each for each in linked}.values())
    targets = [each.__self__ for each in objects if getattr(each, "__name__", "") == "method"]
    assert [call for call in calls if isinstance(call, Target)] == targets


def test_what_is_linked_during_a_pass_stays_linked():
    event = Event()
    calls = []

    def again(source):
        calls.append("again")
        if len(calls) < 3:
            source.rawlink(again)

    event.rawlink(again)
    event.rawlink(again)
    event.rawlink(calls.append)
    event.set()
    greencore.sleep(0)
    greencore.sleep(0)
    assert calls == ["again", event, "again", "again"] or calls == ["again", event, "again"]


def test_one_that_compares_by_python_code_among_many():
    class Same:
        def __call__(self, source):
            pass

        def __eq__(self, other):
            return other == "any" or self is other

        __hash__ = None

    event = Event()
    functions = [lambda source, i=i: i for i in range(100)]
    odd = Same()
    for each in [*functions[:50], odd, *functions[50:]]:
        event.rawlink(each)
    event.unlink("any")
    assert event._links == functions
    event.rawlink(odd)
    for each in functions:
        event.unlink(each)
    assert event._links == [odd]


def test_a_callable_is_unlinked_while_a_pass_drops_its_second_link():
    """The second one was linked in a thread whose loop has gone, but for that link's reference: the loop ends with it."""
    event = Event()
    calls = []
    ends = []

    def callback(source):
        calls.append(source)

    def link_elsewhere():
        hub = greencore.get_hub()
        event.rawlink(callback)
        ends.append(weakref.ref(hub.loop, lambda _: (event.unlink(callback), calls.append("unlinked"))))
        hub.destroy(destroy_loop=True)

    event.rawlink(callback)
    in_thread(link_elsewhere)
    assert event._links == [callback, callback] and ends[0]() is not None
    event.set()
    greencore.sleep(0)
    assert calls == ["unlinked", event] and event._links == []


def test_a_callable_ends_that_another_one_was_compared_with():
    """It is unlinked as it is compared, so the copy of the links that are compared has the last reference to it."""
    event = Event()

    class Leaving:
        def __call__(self, source):
            pass

        def __eq__(self, other):
            if other == "any":
                event.unlink(self)
            return self is other

        def __del__(self):
            event.unlink(targets[0])

    class Target(Leaving):
        def __eq__(self, other):
            return other == "any" or self is other

        def __del__(self):
            pass

    targets = [Target()]
    event.rawlink(Leaving())
    event.rawlink(targets[0])
    event.unlink("any")
    assert event._links == []
    end = weakref.ref(targets.pop())
    assert end() is None


class World:
    """Linkables, and callables that link, unlink and drop each other and the linkables while passes are under way."""

    KINDS = [Event, AsyncResult, Semaphore, lambda: greencore.spawn(greencore.sleep, 0)]

    def __init__(self, seed, count=6):
        self.rng = random.Random(seed)
        self.left = 1500  # actions
        self.depth = 0
        self.made = []  # weak references to all callables
        self.linkables = [self.linkable() for _ in range(count)]
        self.callables = [self.callable() for _ in range(2 * count)]

    def linkable(self):
        return self.rng.choice(self.KINDS)()

    def callable(self):
        wild = self.rng.choice([Wild, Compared, Meddling])(self)
        self.made.append(weakref.ref(wild))
        return self.rng.choice([wild, wild.method])

    def ready(self, linkable):
        if isinstance(linkable, Event):
            self.rng.choice([linkable.set, linkable.clear])()
        elif isinstance(linkable, AsyncResult):
            linkable.set(1)
        elif isinstance(linkable, Semaphore):
            linkable.release()

    def act(self):
        """Do one thing, unless there is no end of it."""
        if self.left == 0 or self.depth == 5 or not self.linkables:
            return
        self.left -= 1
        self.depth += 1
        try:
            self.do(self.rng.choice(self.linkables), self.rng.choice(self.callables), self.rng.randrange(10))
        finally:
            self.depth -= 1

    def do(self, linkable, callback, action):
        if action < 3:
            linkable.rawlink(callback)
        elif action < 5:
            linkable.unlink(callback)
        elif action < 7:
            self.ready(linkable)
        elif action == 7:
            self.linkables[self.rng.randrange(len(self.linkables))] = self.linkable()
        elif action == 8:
            self.callables[self.rng.randrange(len(self.callables))] = self.callable()
        elif self.rng.random() < 0.3:
            gc.collect(0)
        elif self.rng.random() < 0.1:
            in_thread(self.do_elsewhere, linkable, callback, self.rng.randrange(7))
        else:
            greencore.spawn(getattr(linkable, "wait", None) or linkable.join, 0)

    def do_elsewhere(self, linkable, callback, action):
        """In a thread whose loop goes, maybe but for a reference of a link."""
        hub = greencore.get_hub()
        linkable.rawlink(callback)
        self.do(linkable, callback, action)
        hub.destroy(destroy_loop=True)


class Wild:
    def __init__(self, world):
        self.world = world

    def __call__(self, source):
        for _ in range(self.world.rng.randrange(3)):
            self.world.act()

    def method(self, source):
        self(source)

    def __del__(self):
        self.world.act()


class Compared(Wild):
    """Compares by Python code, which does what it likes."""

    def __eq__(self, other):
        self.world.act()
        return self is other

    def __hash__(self):
        self.world.act()
        return 1


class Meddling(Wild):
    """Equals all others, and unlinks itself when it is compared."""

    def __eq__(self, other):
        world = self.world
        for linkable in list(world.linkables):
            if world.left and world.depth < 5:
                world.left -= 1
                world.depth += 1
                try:
                    linkable.unlink(self)
                finally:
                    world.depth -= 1
        return True

    __hash__ = None


@pytest.mark.parametrize("seed", range(12))
def test_callables_that_do_to_links_what_they_like(seed):
    world = World(seed)
    while world.left:
        world.act()
        if world.rng.random() < 0.2:
            greencore.sleep(0)
    for _ in range(10):
        greencore.sleep(0)
    made = world.made
    world.linkables.clear()
    world.callables.clear()
    del world
    for _ in range(3):
        greencore.sleep(0.001)
        gc.collect()
    assert [wild() for wild in made if wild() is not None] == []

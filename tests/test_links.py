"""Callables that are linked to events, results and greenlets by the hundred, beside a list that does the same."""

import random
import weakref

import greencore
import pytest
from greencore.event import AsyncResult, Event
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

"""local: attributes of each greenlet."""

import gc
import threading
import weakref
from copy import copy

import greencore
import pytest
from greencore.local import _local_get_dict, all_local_dicts_for_greenlet, local
from leaks import assert_no_leak


class Thing:
    pass


class Counted(local):
    shared = "class"

    def __init__(self, first, second=2):
        self.first = first
        self.second = second
        self.made_in = greencore.getcurrent()

    @property
    def computed(self):
        return self.first * 10


def in_greenlet(function, *args):
    return greencore.spawn(function, *args).get()


def test_attributes_are_each_greenlets():
    store = local()
    store.x = 1

    def other():
        before = hasattr(store, "x")
        store.x = 2
        greencore.sleep(0)
        return before, store.x

    assert in_greenlet(other) == (False, 2)
    assert store.x == 1
    del store.x
    with pytest.raises(AttributeError):
        store.x
    with pytest.raises(AttributeError):
        del store.x


def test_many_locals_and_greenlets():
    stores = [local() for _ in range(20)]

    def run(n):
        for i, store in enumerate(stores):
            store.value = (n, i)
        greencore.sleep(0)
        return all(store.value == (n, i) for i, store in enumerate(stores))

    greenlets = [greencore.spawn(run, n) for n in range(20)]
    assert all(g.get() for g in greenlets)


def test_constructor_is_called_in_each_greenlet():
    store = Counted(1, second=3)
    assert (store.first, store.second, store.made_in) == (1, 3, greencore.getcurrent())
    store.first = 7
    first, made_in, me = in_greenlet(lambda: (store.first, store.made_in, greencore.getcurrent()))
    assert first == 1 and made_in is me
    assert store.first == 7 and store.computed == 70


def test_constructor_that_fails_is_called_again():
    calls = []

    class Failing(local):
        def __init__(self):
            calls.append(1)
            if len(calls) == 2:
                raise ZeroDivisionError
            self.ready = True

    store = Failing()

    def run():
        with pytest.raises(ZeroDivisionError):
            store.ready
        return store.ready

    assert in_greenlet(run) is True
    assert len(calls) == 3


def test_constructor_that_switches():
    class Slow(local):
        def __init__(self):
            self.x = 1
            greencore.sleep(0)
            self.y = 2

    store = Slow()
    greenlets = [greencore.spawn(lambda: (store.x, store.y)) for _ in range(3)]
    assert [g.get() for g in greenlets] == [(1, 2)] * 3


def test_arguments_need_a_constructor():
    with pytest.raises(TypeError, match="Initialization arguments are not supported"):
        local(1)
    with pytest.raises(TypeError, match="Initialization arguments are not supported"):
        local(x=1)


def test_dict():
    store = local()
    store.x = 1
    assert store.__dict__ == {"x": 1} == _local_get_dict(store)
    store.__dict__["y"] = 2
    assert store.y == 2
    assert in_greenlet(lambda: store.__dict__) == {}
    with pytest.raises(AttributeError):
        store.__dict__ = {}
    with pytest.raises(AttributeError):
        del store.__dict__
    with pytest.raises(TypeError):
        _local_get_dict(1)


def test_class_attributes_and_descriptors():
    class NonData:
        def __get__(self, instance, owner):
            return "descriptor"

    class Mine(local):
        plain = "class"
        non_data = NonData()

        @property
        def fixed(self):
            return self

        @staticmethod
        def static():
            return 1

        @classmethod
        def klass(cls):
            return cls

        def __getattr__(self, name):
            return "missing " + name

    store = Mine()
    assert store.plain == "class" and store.non_data == "descriptor" and store.fixed is store
    assert store.static() == 1 and store.klass() is Mine and store.foo == "missing foo"
    store.plain = store.non_data = 5
    assert (store.plain, store.non_data) == (5, 5)
    del store.plain
    assert store.plain == "class"
    with pytest.raises(AttributeError):
        store.fixed = 1


def test_slots_are_shared():
    class Mine(local):
        __slots__ = ("slot",)

    store = Mine()
    store.slot = 1
    store.own = 2
    assert in_greenlet(lambda: (store.slot, hasattr(store, "own"))) == (1, False)


def test_other_base_classes():
    class Mixin:
        def greet(self):
            return "hello " + self.name

    class Mine(Mixin, local):
        pass

    store = Mine()
    store.name = "x"
    assert store.greet() == "hello x"


def test_copy():
    store = Counted([1])
    store.first.append(2)
    twin = copy(store)
    assert type(twin) is Counted and twin.first is store.first
    twin.second = 5
    assert store.second == 2
    plain = local()
    plain.x = 1
    assert copy(plain).x == 1


def test_values_go_when_the_greenlet_ends():
    store, refs = local(), []

    def run():
        store.thing = Thing()
        refs.append(weakref.ref(store.thing))

    g = greencore.spawn(run)
    g.join()
    assert refs[0]() is None
    assert g.dead
    raw = greencore.hub.spawn_raw(run)
    greencore.sleep(0)
    assert refs[1]() is None and raw.dead


def test_values_go_when_the_local_goes():
    gone = []

    def run():
        for _ in range(100):
            store = local()
            store.thing = Thing()
            gone.append(weakref.ref(store.thing))
            del store
        return all(ref() is None for ref in gone), all_local_dicts_for_greenlet(greencore.getcurrent())

    assert in_greenlet(run) == (True, [])


def test_local_that_refers_to_itself_is_collected():
    store = local()
    store.itself = store
    ref = weakref.ref(store)
    del store
    gc.collect()
    assert ref() is None


def test_values_with_finalizers_that_use_the_local():
    log = []

    class Noisy:
        def __del__(self):
            log.append(getattr(store, "x", None))
            store.again = Thing()

    store = local()

    def run():
        store.x = 1
        store.noisy = Noisy()

    g = greencore.spawn(run)
    g.join()
    del g
    gc.collect()
    assert len(log) == 1


def test_killed_greenlets_values_go():
    store, refs = local(), []

    def run():
        store.thing = Thing()
        refs.append(weakref.ref(store.thing))
        greencore.sleep(60)

    g = greencore.spawn(run)
    greencore.sleep(0)
    g.kill()
    assert refs[0]() is None


def test_threads():
    store, results = local(), []
    store.x = "main"

    def run():
        results.append(hasattr(store, "x"))
        store.thing = Thing()
        results.append(weakref.ref(store.thing))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert results[0] is False and results[1]() is None
    assert store.x == "main"


def test_all_dicts():
    a, b = local(), Counted(1)

    def run():
        a.x = 1
        b.first
        return all_local_dicts_for_greenlet(greencore.getcurrent())

    found = in_greenlet(run)
    assert [key for key, _ in found] == [(Counted, id(b)), (local, id(a))]
    with pytest.raises(TypeError):
        all_local_dicts_for_greenlet(1)


def test_weakref():
    store = local()
    assert weakref.ref(store)() is store


def test_no_leak():
    store = Counted(1)

    def cycle():
        short = local()
        short.x = object()

        def run():
            store.first = short.y = object()

        in_greenlet(run)
        copy(short)

    assert_no_leak(cycle)


def test_a_name_that_claims_to_be_the_dictionarys():
    """It is compared, whatever it is: what it does instead is its own affair, a switch as well."""

    class Equal:
        def __eq__(self, other):
            greencore.sleep(0)
            return True

    class Odd:
        def __eq__(self, other):
            raise ZeroDivisionError

    store = local()
    with pytest.raises(AttributeError, match="'local' object attribute '__dict__' is read-only"):
        store.__setattr__(Equal(), 1)
    with pytest.raises(ZeroDivisionError):
        store.__setattr__(Odd(), 1)
    with pytest.raises(TypeError, match="attribute name must be string"):
        store.__setattr__(1, 1)


def test_many_locals_in_one_greenlet_and_one_in_many():
    many = [local() for _ in range(300)]

    def use(number):
        for i, each in enumerate(many):
            each.value = number, i
        greencore.sleep(0)
        for i in (*range(0, 300, 7), *reversed(range(300))):
            assert many[i].value == (number, i)
        if number == 0:
            for each in many[::3]:
                del each.value
            assert [hasattr(each, "value") for each in many] == [i % 3 != 0 for i in range(300)]

    greencore.joinall([greencore.spawn(use, number) for number in range(20)], raise_error=True)
    del many[::2]
    assert not any(hasattr(each, "value") for each in many)

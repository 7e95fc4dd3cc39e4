"""Group, Pool, and their variants of apply, map and imap."""

import gc
import weakref
from random import Random

import pytest

import gevent
from gevent import Greenlet, Timeout, getcurrent, pool, sleep
from gevent._imap import IMap
from gevent.event import Event
from gevent.pool import Group, Pool, PoolFull
from leaks import assert_no_leak


class Failure(Exception):
    pass


def fail(*args):
    raise Failure("on purpose")


def double(x):
    return x * 2


def double_slowly(x):
    for _ in range(2 * (5 - x)):
        sleep(0)
    return x * 2


@pytest.fixture(params=[Group, Pool, lambda: Pool(1), lambda: Pool(3)], ids=["Group", "Pool", "Pool(1)", "Pool(3)"])
def group(request):
    return request.param()


# Members


def test_sizes():
    for size in ("3", 2.5, [1]):
        with pytest.raises(TypeError, match="size must be an integer or None, not "):
            Pool(size)
    with pytest.raises(ValueError):
        Pool(-1)
    assert Pool(None).size is None and Pool(True).free_count() == 1


def test_members_come_and_go():
    group = Group()
    assert not group and len(group) == 0
    g = group.spawn(sleep, 0)
    assert group and len(group) == 1 and g in group and list(group) == [g] and group.greenlets == {g}
    group.join()
    assert not group and g not in group
    assert repr(group).startswith("<Group at 0x")


def test_add_and_discard():
    group = Group()
    g = gevent.spawn(sleep, 10)
    group.add(g)
    group.add(getcurrent())
    assert len(group) == 2 and g.has_links() == 1
    group.discard(g)
    group.discard(getcurrent())
    assert len(group) == 0 and g.has_links() == 0
    g.kill()


def test_a_group_of_given_greenlets():
    greenlets = [gevent.spawn(sleep, 0) for _ in range(3)]
    group = Group(greenlets)
    assert len(group) == 3
    assert group.join() and len(group) == 0


def test_one_that_has_ended_leaves_soon():
    g = gevent.spawn(lambda: 1)
    g.join()
    group = Group()
    group.add(g)
    sleep(0)
    assert len(group) == 0


def test_a_dropped_group_leaves_its_members_alone():
    group = Group()
    g = group.spawn(sleep, 0)
    del group
    gc.collect()
    assert g.has_links() == 0
    g.join()


# The set of members, which is made when somebody asks for it


def test_the_set_stays_the_same_and_live(group):
    one = group.spawn(sleep, 0)
    members = group.greenlets
    assert members == {one}
    one.join()
    sleep(0)
    assert members == set()
    other = group.spawn(sleep, 0)
    assert members == {other} and group.greenlets is members
    with pytest.raises(AttributeError):
        group.greenlets = set()
    group.join()
    assert members == set()

def test_members_whose_hash_changes_the_group():
    """Their class has got it after they had joined."""

    class Hashed(Greenlet):
        pass

    group = Group()
    members = [group.start(g) or g for g in [Hashed(sleep, 10) for _ in range(5)]]
    acts = [lambda: group.greenlets, lambda: group.discard(members[0]), lambda: group.add(Greenlet(double, 1))]

    def unsettled_hash(self):
        if acts:
            acts.pop()()
        return id(self)

    Hashed.__hash__ = unsettled_hash
    assert len(group.greenlets) == 5 and members[0] not in group.greenlets
    group.kill()
    members[0].kill()
    assert len(group) == 0


@pytest.mark.parametrize("look", [set, lambda group: set(iter(group)), lambda group: group.greenlets.copy()])
def test_a_look_at_the_members(look):
    group = Group()
    greenlets = {group.spawn(sleep, 0) for _ in range(3)}
    assert len(group) == 3 and group and all(g in group for g in greenlets)
    assert look(group) == greenlets
    assert len(group) == 3 and group and all(g in group for g in greenlets)
    group.join()
    assert look(group) == set() and not group


def test_repr_names_the_members():
    group = Group()
    g = group.spawn(sleep, 10)
    assert repr(group) == f"<Group at {id(group):#x} {{{g!r}}}>"
    group.kill()
    assert repr(group) == f"<Group at {id(group):#x} set()>"


def test_what_is_no_member():
    group, other = Group(), Group()
    g = group.spawn(sleep, 0)

    class Equal:
        def __eq__(self, other):
            return other is g

        def __hash__(self):
            return hash(g)

    assert g not in other
    other.add(g)
    assert g in group and g in other
    for odd in (getcurrent(), gevent.get_hub(), None, 1, Greenlet(len)):
        assert odd not in group
    assert Equal() in group
    with pytest.raises(TypeError):
        [] in group
    group.join()
    sleep(0)
    assert not other


@pytest.mark.parametrize("asked", [False, True])
def test_one_that_is_added_twice_is_one_member(asked):
    pool = Pool(3)
    assert not asked or pool.greenlets == set()
    g = pool.spawn(sleep, 0)
    pool.add(g)
    assert len(pool) == 1 and pool._semaphore.counter == 1 and list(pool) == [g]
    pool.join()
    sleep(0)
    assert not pool and g not in pool and g.has_links() == 0
    assert pool._semaphore.counter == 3  # it took two places, and gave both back


def test_one_that_is_added_twice_and_discarded_gives_both_places_back():
    pool = Pool(3)
    g = pool.spawn(sleep, 0)
    pool.add(g)
    pool.discard(g)
    assert pool._semaphore.counter == 2 and not pool
    g.join()
    sleep(0)
    assert pool._semaphore.counter == 3


@pytest.mark.parametrize("asked", [False, True])
def test_one_that_is_discarded_by_hand(asked):
    pool = Pool(3)
    assert not asked or pool.greenlets == set()
    g = pool.spawn(sleep, 10)
    sleep(0)
    pool._discard(g)
    assert not pool and g not in pool and pool._semaphore.counter == 3
    pool._discard(g)
    assert pool._semaphore.counter == 3 and g.has_links() == 1
    pool.add(g)
    assert g in pool and pool._semaphore.counter == 2 and g.has_links() == 2
    g.kill()
    sleep(0)
    assert not pool and pool._semaphore.counter == 3


def test_members_of_all_kinds():
    class Odd(Greenlet):
        def __hash__(self):
            return 1

        def __eq__(self, other):
            return self is other

    class Linked(Greenlet):
        def rawlink(self, callback):
            super().rawlink(callback)

    pool = Pool(6)
    plain = pool.spawn(sleep, 0)
    greenlets = {plain, getcurrent()}
    pool.add(getcurrent())
    for kind in (Odd, Linked, Greenlet):
        pool.greenlet_class = kind
        greenlets.add(pool.spawn(sleep, 0))
    assert len(pool) == 5 and pool.greenlets == greenlets and all(g in pool for g in greenlets)
    for _ in range(3):
        sleep(0)
    assert list(pool) == [getcurrent()] and pool.free_count() == 5
    pool.discard(getcurrent())
    assert pool.join(timeout=0) and pool.free_count() == 6


def test_a_hash_of_its_own_does_not_make_a_member():
    class Unhashable(Greenlet):
        __hash__ = None

    pool = Pool(1, Unhashable)
    for _ in range(2):
        with pytest.raises(TypeError):
            pool.spawn(len, "")
    assert not pool and pool.free_count() == 1


@pytest.mark.parametrize("asked", [False, True])
def test_a_group_keeps_its_members(asked):
    group = Group()
    assert not asked or group.greenlets == set()
    greenlets = [Greenlet(len, "") for _ in range(3)]
    seen = [weakref.ref(g) for g in greenlets]
    for g in greenlets:
        group.add(g)
    del g, greenlets
    gc.collect()
    assert len(group) == 3 and all(ref() in group for ref in seen)
    del group
    gc.collect()
    assert [ref() for ref in seen] == [None] * 3


@pytest.mark.parametrize("asked", [False, True])
def test_a_group_among_garbage(asked):
    group = Group()
    assert not asked or group.greenlets == set()
    g = Greenlet(len, group)
    group.add(g)
    seen = [weakref.ref(g), weakref.ref(group)]
    del group, g
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


@pytest.mark.parametrize("asked", [False, True])
def test_the_end_of_a_group_runs_code_that_ends_members(asked):
    group = Group()
    assert not asked or group.greenlets == set()
    others = []

    class Killer:
        def __del__(self):
            for g in others:
                g.kill()

    for _ in range(3):
        group.add(Greenlet(len, Killer()))
        others.append(group.spawn(sleep, 10))
    del group
    gc.collect()
    sleep(0)
    assert all(g.dead for g in others)


def test_discard_overridden_while_there_are_members(monkeypatch):
    class Mine(Pool):
        pass

    discarded = []

    def _discard(self, greenlet):
        discarded.append((greenlet, greenlet in self, len(self)))
        Pool._discard(self, greenlet)
        discarded.append(len(self))

    pool = Mine(1)
    g = pool.spawn(sleep, 0)
    monkeypatch.setattr(Mine, "_discard", _discard)
    pool.join()
    assert discarded == [(g, True, 1), 0] and pool.free_count() == 1

    pool = Mine(1)
    monkeypatch.undo()
    g = pool.spawn(sleep, 0)
    monkeypatch.setattr(Mine, "_discard", lambda self, greenlet: None)
    pool.discard(g)
    assert g in pool and len(pool) == 1 and g.has_links() == 0
    g.join()


@pytest.mark.parametrize("seed", range(20))
def test_whether_somebody_asked_makes_no_difference(seed):
    random = Random(seed)
    asked, unasked = pools = Pool(8), Pool(8)
    assert asked.greenlets == set()
    events, pairs = [], []  # a pair: what is the same greenlet in each pool

    def start(make):
        if not asked.full() and not asked._semaphore.locked():
            events.append(Event())
            pairs.append([make(pool, events[-1].wait) for pool in pools])

    def add(pool, function):
        g = gevent.spawn(function)
        pool.add(g)
        return g

    def call(method, *args, **kwargs):
        if pairs and not (method is Pool.add and asked._semaphore.locked()):
            for pool, g in zip(pools, random.choice(pairs)):
                method(pool, g, *args, **kwargs)

    actions = {
        lambda: start(Pool.spawn): 6,
        lambda: start(add): 2,
        lambda: events and random.choice(events).set(): 5,
        lambda: sleep(0): 3,
        lambda: call(Pool.add): 1,
        lambda: call(Pool.discard): 1,
        lambda: call(Pool._discard): 1,
        lambda: call(Pool.killone, block=False): 1,
    }
    for action in random.choices(list(actions), list(actions.values()), k=60):
        action()
        states = [
            (len(pool), pool._semaphore.counter, pool._empty_event.is_set(), [pair[i] in pool for pair in pairs])
            for i, pool in enumerate(pools)
        ]
        assert states[0] == states[1]
    for event in events:
        event.set()
    assert asked.join(timeout=10) and unasked.join(timeout=10)
    assert asked._semaphore.counter == unasked._semaphore.counter


# Limits


def test_pool_limits():
    pool = Pool(2)
    running = []

    def run():
        running.append(1)
        assert len(running) <= 2
        sleep(0)
        running.pop()

    for _ in range(6):
        pool.spawn(run)
    pool.join()
    assert pool.free_count() == 2 and not pool.full() and pool._semaphore.counter == 2


def test_spawn_waits_for_a_place():
    pool = Pool(1)
    first = pool.spawn(sleep, 10)
    assert pool.full() and pool.free_count() == 0
    assert not pool.wait_available(timeout=0.0001)
    gevent.spawn(first.kill)
    pool.spawn(sleep, 0)
    assert first.ready()
    pool.join()


def test_add_without_a_place():
    pool = Pool(1)
    first = pool.spawn(sleep, 10)
    second = Greenlet(sleep, 0)
    for arguments in ({"blocking": False}, {"timeout": 0.001}, {"timeout": Timeout(0.001)}):
        with pytest.raises(PoolFull):
            pool.add(second, **arguments)
        with pytest.raises(PoolFull):
            pool.start(second, **arguments)
    with pytest.raises(Timeout):
        with Timeout(0.001):
            pool.add(second)
    assert len(pool) == 1 and pool._semaphore.counter == 0
    first.kill()
    pool.start(second)
    pool.join()


def test_a_pool_can_grow():
    pool = Pool(1)
    pool.size += 1
    pool._semaphore.counter += 1
    greenlets = [pool.spawn(sleep, 10) for _ in range(2)]
    assert pool.full()
    gevent.killall(greenlets)
    sleep(0)
    assert pool.free_count() == 2


def test_a_pool_of_none_and_of_zero():
    assert Pool().free_count() == 1 and not Pool().full()
    assert Pool(0).full()
    with pytest.raises(ValueError):
        Pool(-1)


def test_discard_gives_the_place_back():
    pool = Pool(1)
    g = pool.spawn(sleep, 10)
    pool.discard(g)
    pool.discard(g)
    assert pool._semaphore.counter == 1
    g.kill()
    sleep(0)
    assert pool._semaphore.counter == 1


# What is replaced


def test_greenlet_class():
    class Mine(Greenlet):
        pass

    class Tracing(Group):
        greenlet_class = Mine

    assert type(Tracing().spawn(sleep, 0)) is Mine
    assert type(Pool(1, greenlet_class=Mine).spawn(sleep, 0)) is Mine
    group = Group()
    group.greenlet_class = Mine
    assert type(group.spawn(sleep, 0)) is Mine
    sleep(0)


def test_greenlet_class_replaced_on_group(monkeypatch):
    class Mine(Greenlet):
        pass

    monkeypatch.setattr(Group, "greenlet_class", Mine)
    assert type(Pool(2).spawn(len, "")) is Mine


def test_module_names_replaced(monkeypatch):
    class Mine(Greenlet):
        pass

    class MyMap(pool.IMap):
        pass

    monkeypatch.setattr(pool, "Greenlet", Mine)
    monkeypatch.setattr(pool, "IMap", MyMap)
    assert type(Group().map_async(double, [1])) is Mine
    assert type(Group().imap(double, [1])) is MyMap
    sleep(0)


def test_overridden_methods():
    log = []

    class Logging(Pool):
        def start(self, greenlet, *args):
            log.append("start")
            super().start(greenlet, *args)

        def add(self, greenlet, *args):
            log.append("add")
            super().add(greenlet, *args)

        def _discard(self, greenlet):
            log.append("discard")
            super()._discard(greenlet)

    pool = Logging(1)
    pool.spawn(sleep, 0)
    pool.join()
    assert log == ["start", "add", "discard"] and pool.free_count() == 1


def test_greenlets_with_a_hash_of_their_own():
    class Odd(Greenlet):
        def __hash__(self):
            return 1

    group = Group()
    group.greenlet_class = Odd
    for _ in range(3):
        group.spawn(sleep, 0)
    group.join()
    assert not group


# apply, map


def test_apply(group, quiet):
    assert group.apply(double, (2,)) == 4
    assert group.apply(double, kwds={"x": 3}) == 6
    with pytest.raises(Failure):
        group.apply(fail)


def test_apply_from_a_member_runs_at_once():
    pool = Pool(1)
    assert pool.apply(pool.apply, (double, (5,))) == 10


def test_apply_with_callback(group):
    seen = []
    assert group.apply_cb(double, (1,), callback=seen.append) == 2
    sleep(0)
    assert seen == [2]
    assert group.apply_async(double, (2,), callback=seen.append).get() == 4
    sleep(0)
    assert seen == [2, 4]


def test_apply_async_never_blocks(quiet):
    pool = Pool(1)
    seen = []
    waiting = [pool.apply_async(double_slowly, (n,), callback=seen.append) for n in range(4)]
    gevent.joinall(waiting)
    sleep(0)
    assert [g.get() for g in waiting] == [0, 2, 4, 6]
    assert sorted(seen) == [0, 2, 4, 6]
    pool.apply_async(fail, callback=seen.append).join()
    assert len(seen) == 4


def test_map(group, quiet):
    assert group.map(double_slowly, range(5)) == [0, 2, 4, 6, 8]
    assert group.map(double, []) == []
    with pytest.raises(Failure):
        group.map(fail, [1, 2])
    seen = []
    assert group.map_cb(double, [1], seen.append) == [2]
    assert group.map_async(double, [2], seen.append).get() == [4]
    assert seen == [[2], [4]]


# imap


@pytest.mark.parametrize("name, order", [("imap", [0, 1, 2]), ("imap_unordered", [2, 1, 0])])
def test_imap_shows_what_was_not_read(name, order):
    def work(number):
        sleep(0.003 - number / 1000)
        if number == 1:
            raise KeyError(number)
        return number

    results = getattr(Pool(3), name)(work, range(3))
    assert (len(results.queue), results.queue.qsize(), results.queue.empty()) == (0, 0, True)
    while len(results.queue) < 3:
        sleep(0.001)
    seen = [results.queue.get_nowait() for _ in range(1)] + list(results.queue.queue)[1:]
    assert [item.args[0] if isinstance(item, KeyError) else item for item in seen] == order
    while len(results.queue):
        try:
            next(results)
        except KeyError:
            pass
    assert results.queue.empty() and list(results) == []


def test_imap(group):
    results = group.imap(double_slowly, range(5))
    assert iter(results) is results
    assert list(results) == [0, 2, 4, 6, 8]
    assert list(results) == []
    assert list(group.imap(double, [])) == []
    assert list(group.imap(lambda x, y: x + y, [1, 2, 3], [10, 20])) == [11, 22]
    with pytest.raises(StopIteration):
        next(group.imap(double, []))
    with pytest.raises(StopIteration):
        group.imap(double, []).next()


@pytest.mark.parametrize("kind", ["imap", "imap_unordered"])
def test_what_imap_iterates_over(group, kind):
    imap = getattr(group, kind)
    assert list(imap(double)) == []
    assert sorted(imap(len, [(), (1, 2), "a"])) == [0, 1, 2]  # a tuple is one argument
    assert sorted(imap(lambda *args: args, "ab", "cd")) == [("a", "c"), ("b", "d")]
    for iterables in ([3], [[1], 3]):
        with pytest.raises(TypeError):
            imap(double, *iterables)


def test_a_subclass_of_imap_has_its_order(group):
    from gevent._imap import IMap, IMapUnordered

    def results(kind):
        class Mine(kind):
            pass

        return list(Mine.spawn(double_slowly, range(4), group.spawn))

    assert results(IMap) == [0, 2, 4, 6]
    assert sorted(results(IMapUnordered)) == [0, 2, 4, 6]


def test_imap_unordered(group):
    assert sorted(group.imap_unordered(double_slowly, range(5))) == [0, 2, 4, 6, 8]
    assert list(group.imap_unordered(double, [])) == []


def test_imap_unordered_gives_what_is_ready():
    assert list(Pool(5).imap_unordered(double_slowly, range(5))) == [8, 6, 4, 2, 0]


def test_imap_of_many(group):
    assert list(group.imap(double, range(1000))) == list(range(0, 2000, 2))
    assert sorted(group.imap_unordered(double, range(1000))) == list(range(0, 2000, 2))


@pytest.mark.parametrize("kind", ["imap", "imap_unordered"])
def test_imap_errors(group, kind, quiet):
    results = getattr(group, kind)(lambda x: 1 // x, [1, 0, 1])
    got = []
    while True:
        try:
            got.append(next(results))
        except ZeroDivisionError:
            got.append("error")
        except StopIteration:
            break
    assert sorted(map(str, got)) == ["1", "1", "error"]


@pytest.mark.parametrize("kind", ["imap", "imap_unordered"])
def test_imap_of_an_iterable_that_fails(group, kind, quiet):
    def items():
        yield 1
        fail()

    results = getattr(group, kind)(double, items())
    with pytest.raises(Failure):
        list(results)


@pytest.mark.parametrize("kind, before", [("imap", [0, 2]), ("imap_unordered", [])])
def test_imap_whose_spawn_fails(kind, before, quiet):
    from gevent.pool import GroupMappingMixin

    class Other(GroupMappingMixin):
        def spawn(self, func, item):
            if item == 2:
                fail()
            return gevent.spawn(func, item)

    results, seen = getattr(Other(), kind)(double, range(4)), []
    with pytest.raises(Failure):
        seen.extend(iter(lambda: next(results), None))
    assert seen == before


@pytest.mark.parametrize("kind, expected", [("imap", [0, 2, 4]), ("imap_unordered", [0, 0, 0])])
def test_imap_told_of_a_result_again(kind, expected):
    from gevent.pool import GroupMappingMixin

    class Eager:
        def __init__(self, value):
            self.value = value

        def successful(self):
            return True

        def rawlink(self, callback):
            for _ in range(20):
                callback(self)

    class Other(GroupMappingMixin):
        def spawn(self, func, item):
            return Eager(func(item))

    results = getattr(Other(), kind)(double, range(3))
    assert [next(results) for _ in expected] == expected


@pytest.mark.parametrize("kind", ["imap", "imap_unordered"])
def test_imap_with_maxsize(kind):
    spawned = []
    results = getattr(Pool(10), kind)(lambda x: spawned.append(x) or x, range(10), maxsize=2)
    for _ in range(5):
        sleep(0)
    assert spawned == [0, 1]
    assert sorted(results) == list(range(10))
    with pytest.raises(TypeError):
        getattr(Pool(1), kind)(double, [1], maximum=1)


def test_imap_by_something_else_than_a_group():
    from gevent.event import AsyncResult
    from gevent.pool import GroupMappingMixin

    class Other(GroupMappingMixin):
        def spawn(self, func, *args):
            result = AsyncResult()
            try:
                result.set(func(*args))
            except Failure as error:
                result.set_exception(error)
            return result

    assert list(Other().imap(double, [1, 2, 3])) == [2, 4, 6]
    assert sorted(Other().imap_unordered(double, [1, 2, 3])) == [2, 4, 6]
    with pytest.raises(Failure):
        list(Other().imap(fail, [1]))
    assert Other().map(double, [1]) == [2]


def test_imap_that_was_not_made_for_anything_or_has_run():
    with pytest.raises(RuntimeError):
        IMap.__new__(IMap)._run()
    results = Group().imap(abs, [-1])
    assert list(results) == [1]
    with pytest.raises(RuntimeError):
        results._run()
    results = Group().imap(abs, range(-2, 0), maxsize=1)
    sleep(0)  # it waits for the reader
    with pytest.raises(RuntimeError):
        results._run()
    assert list(results) == [2, 1]


def test_a_dropped_imap():
    event = Event()
    results = Pool(2).imap(lambda x: event.wait(), range(5))
    sleep(0)
    del results
    event.set()
    sleep(0)


@pytest.mark.parametrize(
    "once",
    [
        lambda: Group().spawn(sleep, 0).join(),
        lambda: Pool(2).map(double, range(4)),
        lambda: list(Pool(2).imap(double, range(4))),
        lambda: list(Pool(2).imap_unordered(double, range(4), maxsize=1)),
        lambda: [Pool(1).add(gevent.spawn(sleep, 0)), sleep(0), sleep(0)],
        lambda: next(Pool(2).imap(double, range(4))),
        lambda: Pool().apply(double, (1,)),
    ],
)
def test_nothing_leaks(once):
    assert_no_leak(lambda: (once(), sleep(0)))

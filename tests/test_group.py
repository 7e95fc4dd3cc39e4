"""The end of a group's members: Group.join, kill and killone."""

import pytest

import gevent
from gevent import Greenlet, GreenletExit, pool, sleep
from gevent.event import Event
from gevent.pool import Group, Pool


class Failure(Exception):
    pass


def fail(*args):
    raise Failure("on purpose")


@pytest.fixture
def joined_once(monkeypatch):
    """Group.kill() may wait for each greenlet once; without this, one that waits for ever would never yield."""
    seen = []

    def joinall(greenlets):
        for g in greenlets:
            assert not any(g is other for other in seen)
            seen.append(g)
        return gevent.joinall(greenlets)

    monkeypatch.setattr(pool, "joinall", joinall)


@pytest.fixture
def reported(monkeypatch):
    """The classes of the exceptions that nobody could catch."""
    classes = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: classes.append(report.exc_type))
    return classes


def test_join():
    group = Group()
    assert group.join()
    group.spawn(sleep, 10)
    assert not group.join(timeout=0.001)
    group.kill()
    assert group.join(timeout=0)


def test_join_raises(quiet):
    group = Group()
    group.spawn(sleep, 0)
    group.spawn(fail)
    with pytest.raises(Failure):
        group.join(raise_error=True)


def test_kill():
    group = Group()
    greenlets = [group.spawn(sleep, 10) for _ in range(3)]
    sleep(0)
    group.kill(timeout=10)
    assert not group
    assert all(isinstance(g.value, GreenletExit) for g in greenlets)


def test_kill_waits_once_for_a_member_that_stays(joined_once, reported):
    class Breaking(Greenlet):
        broken = False

        def __hash__(self):
            if self.broken:
                raise Failure("no hash")
            return id(self)

        def _run(self):
            try:
                sleep(10)
            finally:
                self.broken = True

    group, g = Group(), Breaking()
    group.start(g)
    other = group.spawn(sleep, 10)
    sleep(0)
    group.kill()
    assert g.dead and other.dead and list(group) == [g] and reported == [Failure]


def test_kill_waits_once_where_discard_keeps_the_members(joined_once):
    class Keeping(Group):
        def _discard(self, greenlet):
            pass

    group = Keeping()
    greenlets = {group.spawn(sleep, 10) for _ in range(2)}
    sleep(0)
    group.kill()
    assert group.greenlets == greenlets and all(g.dead for g in greenlets)


class Unhashed(Greenlet):
    """Its hash fails at those of its end's calls that `fails` names, of which there are two."""

    fails = calls = None

    def __hash__(self):
        if self.calls is not None:
            self.calls += 1
            if self.calls in self.fails:
                raise Failure("no hash")
        return 5

    def _run(self):
        sleep(0)
        self.calls = 0


@pytest.mark.parametrize("fails", [{1}, {2}, {1, 2}])
def test_join_where_a_member_cannot_be_discarded(reported, fails):
    workers, g = Pool(1), Unhashed()
    g.fails = fails
    assert workers._empty_event.is_set() and not workers.dying
    workers.start(g)
    assert workers.join(timeout=10)
    assert reported == [Failure] and g.dead and list(workers) == ([g] if 1 in fails else [])
    assert workers.free_count() == 1
    go_on = Event()
    other = workers.spawn(go_on.wait)
    assert not workers.join(timeout=0)
    go_on.set()
    assert workers.join(timeout=10) and other.dead


def test_join_where_discard_fails(reported):
    class Failing(Group):
        def _discard(self, greenlet):
            super()._discard(greenlet) if greenlet is well else fail()

    group = Failing()
    broken, well = group.spawn(sleep, 0), group.spawn(lambda: broken.join() or sleep(0.001))
    assert group.join(timeout=10) and well.dead and group.greenlets == {broken}
    assert reported == [Failure]


def test_kill_waits_for_a_member_that_a_member_adds():
    def add_another():
        try:
            sleep(10)
        finally:
            added.append(group.spawn(sleep, 10))

    group, added = Group(), []
    group.spawn(add_another)
    sleep(0)
    group.kill()
    assert not group and added[0].dead


def test_killone():
    group = Group()
    one, other = group.spawn(sleep, 10), group.spawn(sleep, 10)
    sleep(0)
    group.killone(one)
    assert one.dead and not other.dead and one not in group
    group.killone(one)
    group.kill()

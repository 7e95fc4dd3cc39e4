"""Greenlets, what they end with, and groups of them."""


import gevent
from gevent.event import AsyncResult, Event
from gevent.pool import Group, Pool
from gevent.queue import Full
from greenlet import greenlet

from scenarios import SOON, scenario


@scenario
def greenlets():
    gs = [gevent.spawn(int, str(i)) for i in range(3)]
    gs.append(gevent.spawn_later(0.001, int, "5"))
    gevent.joinall(gs, timeout=SOON)
    assert [g.get() for g in gs] == [0, 1, 2, 5]
    g = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)
    g.kill()
    g = gevent.spawn(gevent.sleep, 10)
    g.link(gs.append)
    gevent.killall([g], timeout=SOON)
    repr(g)


@scenario
def raw():
    gevent.spawn_raw(int, "3")
    gevent.sleep(0)


@scenario
def groups():
    pool = Pool(2)
    assert pool.map(str, range(3)) == ["0", "1", "2"]
    assert list(pool.imap(str, range(3))) == ["0", "1", "2"]
    assert sorted(pool.imap_unordered(str, range(3))) == ["0", "1", "2"]
    group = Group()
    group.spawn(gevent.sleep, 10)
    group.apply_async(int, ("3",))
    gevent.sleep(0)
    group.kill(timeout=SOON)
    pool.join(timeout=SOON)


@scenario
def waits():
    events = [Event(), Event()]
    gs = [gevent.spawn(event.set) for event in events]
    assert len(gevent.wait(events, timeout=SOON)) == 2
    assert len(list(gevent.iwait(gs, timeout=SOON))) == 2


class Own(gevent.Greenlet):
    """What a subclass overrides is called as a method."""

    def start(self):
        super().start()

    def ready(self):
        return super().ready()

    def get(self, block=True, timeout=None):
        return super().get(block, timeout)

    def join(self, timeout=None):
        super().join(timeout)

    def rawlink(self, callback):
        super().rawlink(callback)


@scenario
def subclasses():
    one, other = Own.spawn(len, "text"), Own(int, "5", base=10)
    other.start()
    gevent.joinall([one, other], timeout=SOON, raise_error=True)
    assert one.get(timeout=SOON) == 4 and one.successful()
    assert list(gevent.iwait([other], timeout=SOON)) == [other]
    third = Own(int)
    third.start_later(10)
    third.kill(timeout=SOON)
    group = Group([Own.spawn(int)])
    group.greenlet_class = Own
    group.start(Own(int))
    group.join(timeout=SOON)
    Own.spawn(int).kill(timeout=SOON)


@scenario
def ends():
    """What is linked to a greenlet, and asked of it."""
    seen = []
    g = gevent.spawn(int, "5", base=10)
    for link in g.link, g.link_value, g.link_exception, g.rawlink:
        link(seen.append)
    g.name = "text"
    repr(g), str(g), g.minimal_ident, g.args, g.kwargs, g.spawning_stack, g.started, g.has_links()
    g.join(SOON)
    g.link(seen.append)
    g.unlink(seen.append)
    gevent.sleep(0)
    g.unlink_all()
    result = AsyncResult()
    failing = gevent.spawn(int, "text")
    failing.link_exception(seen.append)
    failing.link(result)
    try:
        result.get(timeout=SOON)
    except ValueError:
        pass
    assert isinstance(failing.exception, ValueError) and failing.exc_info[0] is ValueError
    repr(failing), failing.value, failing.successful(), failing.dead
    with gevent.spawn(int):
        pass


@scenario
def spawn_callbacks():
    gevent.Greenlet.add_spawn_callback(repr)  # always the same one, should it not be removed
    try:
        gevent.spawn(int).join(SOON)
        gevent.spawn_later(0.001, int).join(SOON)
    finally:
        gevent.Greenlet.remove_spawn_callback(repr)


def try_to_sleep(seconds=10):
    try:
        gevent.sleep(seconds)
    except KeyError:
        return 5


@scenario
def kills():
    g = gevent.spawn(try_to_sleep)
    gevent.sleep(0)
    g.kill((KeyError, "text", None), timeout=SOON)
    assert g.get(timeout=SOON) == 5
    unborn, raw = gevent.spawn(int), gevent.spawn_raw(try_to_sleep, 0.005)
    gevent.sleep(0)
    gevent.kill(raw, KeyError("text"))
    gevent.killall([unborn, gevent.spawn(int)], timeout=SOON)
    g = gevent.spawn(try_to_sleep)
    gevent.sleep(0)
    gevent.killall([g], KeyError, block=False)
    g.join(SOON)
    with gevent.spawn(try_to_sleep) as g:
        gevent.sleep(0)
        g.kill(block=False)
    gevent.kill(gevent.Greenlet(int))


@scenario
def more_groups():
    pool = Pool(1)
    pool.spawn(gevent.sleep, 0.001)
    try:
        pool.add(gevent.Greenlet(int), blocking=False)
    except Full:
        pass
    pool.wait_available(SOON)
    assert sorted(pool.imap(int, ["1", "2", "3"], maxsize=1)) == [1, 2, 3]
    seen = []
    pool.apply_cb(int, ("3",), callback=seen.append)
    result = pool.map_async(int, ["1", "2"], callback=seen.append)
    assert result.get(timeout=SOON) == [1, 2]
    repr(pool), len(pool), pool.free_count(), pool.full(), list(pool), pool.dying
    group = Group()
    try:
        list(group.imap_unordered(int, ["1", "text"]))
    except ValueError:
        pass
    plain = greenlet(int)
    group.add(plain)
    assert plain in group
    group.discard(plain)
    g = group.spawn(gevent.sleep, 10)
    gevent.sleep(0)
    group.killone(g, timeout=SOON)
    group.join(timeout=SOON, raise_error=True)


@scenario
def tracked():
    before = gevent.config.track_greenlet_tree
    gevent.config.track_greenlet_tree = True
    try:
        g = gevent.spawn(gevent.spawn, int)
        g.spawn_tree_locals = {"text": 1}
        g.join(SOON)
        g.spawning_greenlet, str(g.spawning_stack), g.get(timeout=SOON).spawn_tree_locals
        gevent.spawn_raw(int, text=5) if before is None else gevent.spawn_raw(int, 5)
        gevent.sleep(0)
    finally:
        gevent.config.track_greenlet_tree = before

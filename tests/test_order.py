"""The order in which greenlets run is gevent's: each scenario's log is what real gevent gives."""

import pytest

import gevent
from gevent import GreenletExit, getcurrent, sleep, spawn
from gevent.event import AsyncResult, Event
from gevent.pool import Group, Pool
from gevent.queue import JoinableQueue


class Log(list):
    def __call__(self, *parts):
        self.append(" ".join(map(str, parts)))

    def __str__(self):
        return ", ".join(self)


@pytest.fixture
def log(monkeypatch):
    log = Log()
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *args: log("handle_error"), raising=False)
    return log


def work(log, name, rounds=1):
    for i in range(rounds):
        log(name, i)
        sleep(0)
    log(name, "end")


def join(log, name, greenlet):
    greenlet.join()
    log("joined", name)


def stubborn(log):
    try:
        sleep(100)
    except GreenletExit:
        log("killed")
        sleep(0)
        log("k end")


def rounds(count):
    for _ in range(count):
        sleep(0)


def test_sleep(log):
    for name in "abc":
        spawn(work, log, name, 2)
    for _ in range(3):
        sleep(0)
        log("main")
    assert str(log) == "a 0, b 0, c 0, main, a 1, b 1, c 1, main, a end, b end, c end, main"


def test_join(log):
    target = spawn(work, log, "t")
    for i in range(3):
        spawn(join, log, i, target)
    spawn(work, log, "o", 2)
    target.join()
    log("main joined")
    rounds(2)
    assert str(log) == "t 0, o 0, t end, o 1, main joined, joined 0, joined 1, joined 2, o end"


def test_links(log):
    target = spawn(work, log, "t")
    target.rawlink(lambda g: log("raw1"))
    target.link(lambda g: (log("l1"), sleep(0), log("l1e")))
    spawn(join, log, "x", target)
    target.rawlink(lambda g: log("raw2"))
    target.link(lambda g: log("l2"))
    spawn(work, log, "o", 3)
    for i in range(6):
        sleep(0)
        log("m", i)
    assert str(log) == (
        "t 0, o 0, m 0, t end, o 1, m 1, raw1, l1, raw2, l2, joined x, o 2, m 2, "
        "l1e, o end, m 3, m 4, m 5"
    )


@pytest.mark.parametrize(
    "count, kill",
    [(1, lambda targets: targets[0].kill()), (3, gevent.killall), (3, lambda targets: Group(targets).kill())],
    ids=["kill", "killall", "Group.kill"],
)
def test_kill(log, count, kill):
    targets = [spawn(stubborn, log) for _ in range(count)]
    sleep(0)
    spawn(work, log, "o", 4)
    kill(targets)
    log("kill returns")
    rounds(4)
    assert log == ["o 0", *["killed"] * count, "o 1", *["k end"] * count, "o 2", "kill returns", "o 3", "o end"]


def test_kill_without_blocking(log):
    target = spawn(stubborn, log)
    sleep(0)
    spawn(work, log, "o", 3)
    target.kill(block=False)
    for _ in range(3):
        log("m")
        sleep(0)
    assert str(log) == "m, o 0, killed, m, o 1, k end, m, o 2"


def test_kill_before_the_start(log):
    target = spawn(work, log, "never")
    target.rawlink(lambda g: log("linked"))
    spawn(work, log, "o")
    target.kill()
    for _ in range(3):
        log("m")
        sleep(0)
    assert str(log) == "m, o 0, linked, m, o end, m"


def test_kill_oneself(log):
    def run():
        getcurrent().kill(block=False)
        log("after")
        sleep(0)
        log("never")

    target = spawn(run)
    spawn(work, log, "o", 2)
    target.join()
    log("j")
    rounds(2)
    assert str(log) == "after, o 0, o 1, j, o end"


def test_pool(log):
    pool = Pool(2)
    for i in range(5):
        pool.spawn(work, log, i)
        log("spawned", i)
    pool.join()
    log("joined")
    assert str(log) == (
        "spawned 0, spawned 1, 0 0, 1 0, 0 end, 1 end, spawned 2, spawned 3, 2 0, 3 0, 2 end, 3 end, "
        "spawned 4, 4 0, 4 end, joined"
    )


def test_pool_map(log):
    log(Pool(2).map(lambda x: (log("map", x), sleep(0), x)[2], range(4)))
    assert str(log) == "map 0, map 1, map 2, map 3, [0, 1, 2, 3]"


def test_imap_unordered(log):
    for x in Pool(2).imap_unordered(lambda x: (log("f", x), sleep(0), x)[2], range(4)):
        log("got", x)
    assert str(log) == "f 0, f 1, got 0, got 1, f 2, f 3, got 2, got 3"


def test_imap(log):
    def run(x):
        work(log, x, 3 - x)
        return x

    for x in Pool(2).imap(run, range(4)):
        log("got", x)
    assert str(log) == "0 0, 1 0, 0 1, 1 1, 0 2, 1 end, 0 end, got 0, got 1, 2 0, 3 end, 2 end, got 2, got 3"


def test_imap_whose_results_come_out_of_order(log):
    """The reader's turn is that of the first result, though the one it wants comes later."""

    def run(x):
        rounds(2 - x)
        log("end", x)
        return x

    def read():
        for x in Group().imap(run, range(2)):
            log("got", x)

    reader = spawn(read)
    rounds(3)
    spawn(work, log, "o", 3)
    reader.join()
    rounds(1)
    assert str(log) == "end 1, o 0, end 0, o 1, got 0, got 1, o 2, o end"


def test_apply(log):
    pool = Pool(2)
    log(pool.apply(lambda: (log("runs"), sleep(0), 7)[2]))
    pool.apply_async(lambda: (log("runs"), 5)[1], callback=lambda x: log("callback", x))
    spawn(work, log, "o", 2)
    rounds(4)
    assert str(log) == "runs, 7, runs, o 0, callback 5, o 1, o end"


def test_iwait(log):
    targets = [spawn(work, log, i, i + 1) for i in range(3)]
    for target in gevent.iwait(targets):
        log("ready", targets.index(target))
    assert str(log) == "0 0, 1 0, 2 0, 0 end, 1 1, 2 1, ready 0, 1 end, 2 2, ready 1, 2 end, ready 2"


def test_joinall(log):
    targets = [spawn(work, log, i, i % 2 + 1) for i in range(4)]
    spawn(work, log, "o", 4)
    log([targets.index(target) for target in gevent.joinall(targets, count=2)])
    rounds(4)
    assert str(log) == "0 0, 1 0, 2 0, 3 0, o 0, 0 end, 1 1, 2 end, 3 1, o 1, 1 end, [0, 2], 3 end, o 2, o 3, o end"


def test_wait_for_events(log):
    event, result = Event(), AsyncResult()
    spawn(work, log, "o", 2)
    spawn(event.set)
    spawn(result.set, 1)
    log(len(gevent.wait([event, result])))
    rounds(2)
    assert str(log) == "o 0, o 1, 2, o end"


def test_two_wait_for_one_event(log):
    def wait(name):
        log(name, len(gevent.wait([event, Event()], count=1)))
        sleep(0)
        log(name, "end")

    event = Event()
    spawn(wait, "a")
    spawn(wait, "b")
    event.rawlink(lambda event: log("link"))
    rounds(1)
    event.set()
    spawn(work, log, "o", 2)
    rounds(3)
    assert str(log) == "link, a 1, b 1, o 0, a end, b end, o 1, o end"


def test_wait_for_a_result_that_others_are_being_told_of(log):
    def wait():
        result.wait()
        log("waited")
        result.set(2)

    result = AsyncResult()
    spawn(wait)
    rounds(1)
    result.set(1)
    log(result.wait(), "wait")
    log(result.get(), "get")
    assert str(log) == "waited, 1 wait, 2 get"


def test_last_of_a_result_links_it_again(log):
    """The pass lasts until the last one blocks: what it links to other things meanwhile comes first."""

    def wait():
        result.get()
        result.rawlink(lambda result: log("result"))
        event.rawlink(lambda event: log("event"))
        log("linked")

    result, event = AsyncResult(), Event()
    event.set()
    spawn(wait)
    rounds(1)
    result.set(1)
    rounds(3)
    assert str(log) == "linked, event, result"


def result_to_wait_for():
    result = AsyncResult()
    return result.wait, lambda: result.set(1)


def queue_to_join():
    queue = JoinableQueue()
    queue.put(1)
    return queue.join, lambda: (queue.get(), queue.task_done())


@pytest.mark.parametrize("make", [result_to_wait_for, queue_to_join])
def test_wait_behind_the_only_one(log, make):
    """It is ready, but one who waited before has not been told yet."""
    wait, make_ready = make()
    spawn(lambda: (wait(), log("first")))
    rounds(1)
    make_ready()
    spawn(log, "other")
    wait()
    log("second")
    assert str(log) == "first, second"


def test_who_leaves_calls_off_what_was_queued_for_it(log):
    def wait():
        try:
            event.wait()
        except GreenletExit:
            event.rawlink(lambda event: log("event"))

    event = Event()
    waiter = spawn(wait)
    rounds(1)
    waiter.kill(block=False)
    event.set()
    spawn(work, log, "o", 2)
    rounds(3)
    assert str(log) == "o 0, event, o 1, o end"


def test_error(log):
    def run():
        log("runs")
        raise ValueError

    target = spawn(run)
    target.rawlink(lambda g: log("link"))
    target.link_exception(lambda g: log("link_exception"))
    spawn(work, log, "o", 2)
    target.join()
    log("joined")
    rounds(2)
    assert str(log) == "runs, handle_error, o 0, link, link_exception, joined, o 1, o end"


def test_callback_that_switches(log):
    def callback():
        gevent.hub.RawGreenlet(work, gevent.get_hub()).switch(log, "w")
        log("callback ends")

    spawn(work, log, "a", 2)
    gevent.get_hub().loop.run_callback(callback)
    spawn(work, log, "b", 2)
    rounds(4)
    assert str(log) == "a 0, w 0, callback ends, b 0, a 1, w end, b 1, a end, b end"

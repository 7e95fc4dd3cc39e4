"""Random programs of everything that queues an entry: each entry gets its turn, once, and in the order queued."""

import time

import gevent
from gevent.event import Event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from isolated.run import check_code

ACTORS = 5
THINGS = 3  # of each kind: events, async watchers, timers
SOON = 0.0003  # seconds

index = st.integers(0, THINGS - 1)
actor = st.integers(0, ACTORS - 1)
step = st.one_of(
    st.tuples(st.sampled_from(["pause", "nap", "spin", "call", "stop", "spawn", "later"])),
    st.tuples(st.sampled_from(["set", "clear", "wait", "link", "send", "feed", "start", "end"]), index),
    st.tuples(st.sampled_from(["kill", "interrupt"]), actor),
)
programs = st.lists(st.lists(step, max_size=12), min_size=ACTORS, max_size=ACTORS)


class Interrupt(gevent.GreenletExit):
    pass


class World:
    """The things that the actors share, and what is known of them."""

    def __init__(self, loop):
        self.loop = loop
        self.queued = 0  # entries with a number
        self.turns = []  # the numbers, as their turns came
        self.calls = []  # (number, callback object) of those neither stopped nor seen to be done
        self.due = set()  # numbers whose turn is to come
        self.events = [Event() for _ in range(THINGS)]
        self.links = []  # how often each link was called
        self.asyncs = [loop.async_() for _ in range(THINGS)]
        self.unseen = [0] * THINGS  # what each was sent since its last turn
        self.timers = [loop.timer(SOON) for _ in range(THINGS)]
        self.running = [False] * THINGS
        self.spawned = []
        self.actors = []
        for i, watcher in enumerate(self.asyncs):
            watcher.start(self.seen, i)

    def number(self):
        self.queued += 1
        self.due.add(self.queued)
        return self.queued

    def turn(self, number):
        self.due.remove(number)
        self.turns.append(number)

    def seen(self, i):
        assert self.unseen[i] > 0
        self.unseen[i] = 0

    def struck(self, i):
        assert self.running[i]
        self.running[i] = False

    def close(self):
        for watcher in self.asyncs + self.timers:
            watcher.close()


class Steps:
    """What each step of a program does."""

    def pause(self, world):
        number = world.number()
        try:
            gevent.sleep(0)
        except BaseException:
            world.due.remove(number)
            raise
        world.turn(number)

    def nap(self, world):
        gevent.sleep(SOON)

    def spin(self, world):
        """Until the loop has reason to poll."""
        end = time.perf_counter() + 2 * SOON
        while time.perf_counter() < end:
            pass
        for _ in range(130):
            world.loop.run_callback(int)

    def call(self, world):
        number = world.number()
        world.calls.append((number, world.loop.run_callback(world.turn, number)))

    def stop(self, world):
        if world.calls:
            number, callback = world.calls.pop()
            assert callback.pending == (number in world.due)
            callback.stop()
            world.due.discard(number)

    def spawn(self, world):
        number = world.number()
        world.spawned.append(gevent.spawn(world.turn, number))

    def later(self, world):
        world.spawned.append(gevent.spawn_later(SOON, int))

    def set(self, world, i):
        world.events[i].set()

    def clear(self, world, i):
        world.events[i].clear()

    def wait(self, world, i):
        world.events[i].wait(SOON)

    def link(self, world, i):
        called = []
        world.links.append(called)
        world.events[i].rawlink(called.append)

    def send(self, world, i):
        world.unseen[i] += 1
        world.asyncs[i].send()

    def feed(self, world, i):
        world.unseen[i] += 1
        world.asyncs[i].feed(0, world.seen, i)

    def start(self, world, i):
        if not world.running[i]:
            world.running[i] = True
            world.timers[i].start(world.struck, i)

    def end(self, world, i):
        world.timers[i].stop()
        world.running[i] = False

    def kill(self, world, i):
        world.actors[i].kill(block=False)

    def interrupt(self, world, i):
        world.actors[i].kill(Interrupt, block=False)


def act(world, program):
    for name, *arguments in program:
        try:
            getattr(Steps, name)(Steps, world, *arguments)
        except Interrupt:
            pass


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
def test_every_entry_has_its_turn_in_order(programs):
    hub = gevent.get_hub()
    world = World(hub.loop)
    world.actors = [gevent.spawn(act, world, program) for program in programs]
    gevent.joinall(world.actors, timeout=10)
    assert all(one.ready() for one in world.actors)
    assert all(one.successful() for one in world.actors)
    for event in world.events:
        event.set()
    gevent.joinall(world.spawned, timeout=10)
    assert all(one.ready() for one in world.spawned)
    while any(world.running):
        gevent.sleep(SOON)
    gevent.sleep(SOON)
    assert world.due == set() and world.unseen == [0] * THINGS
    assert world.turns == sorted(world.turns)
    assert all(len(called) == 1 for called in world.links)
    world.close()


def test_a_thread_pushes_while_the_loop_polls():
    """What the poll sees meanwhile may be the same entry."""
    check_code(
        """
        import os, sys, threading, time
        import gevent

        sys.setswitchinterval(1e-6)
        loop = gevent.get_hub().loop
        r, w = os.pipe()
        os.set_blocking(r, False)
        watchers = [loop.io(r, 1) for _ in range(20)]

        def read():
            try:
                os.read(r, 100)
            except BlockingIOError:
                pass

        def work():
            for _ in range(10000):
                os.write(w, b"x")
                for watcher in watchers:
                    watcher.feed(1, read)
                time.sleep(0)

        for watcher in watchers:
            watcher.start(read)
        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            gevent.sleep(0.01)
        gevent.sleep(0.001)
        print(any(watcher.pending for watcher in watchers))
        """,
        "False",
        patched=False,
    )

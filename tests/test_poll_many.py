"""A poll object that waits for many descriptors again and again, beside the standard one; select of many by many."""

import os
import random
import resource
import select as standard

import pytest

import gevent
from gevent import select, socket

MANY = 12


@pytest.fixture
def pairs():
    made = [socket.socketpair() for _ in range(MANY)]
    yield made
    for pair in made:
        for each in pair:
            each.close()


@pytest.fixture
def poller(pairs):
    """Watches the first of each pair, and has waited for them once."""
    made = select.poll()
    for reader, _ in pairs:
        made.register(reader, select.POLLIN)
    assert made.poll(1) == []
    return made


def test_what_comes_between_waits_is_seen(poller, pairs):
    for reader, writer in pairs:
        writer.send(b"x")
        assert poller.poll() == [(reader.fileno(), select.POLLIN)]
        reader.recv(1)
        assert poller.poll(1) == []


def test_what_comes_during_a_wait_is_seen(poller, pairs):
    for reader, writer in pairs:
        gevent.spawn(writer.send, b"x")
        assert poller.poll() == [(reader.fileno(), select.POLLIN)]
        reader.recv(1)


def test_other_events_for_a_watched_one(poller, pairs):
    reader = pairs[3][0]
    poller.modify(reader, select.POLLIN | select.POLLOUT)
    assert poller.poll() == [(reader.fileno(), select.POLLOUT)]
    poller.modify(reader, select.POLLIN)
    assert poller.poll(1) == []
    gevent.spawn(pairs[3][1].send, b"x")
    assert poller.poll() == [(reader.fileno(), select.POLLIN)]


def test_unregistered_ones_wake_nobody(poller, pairs):
    poller.unregister(pairs[0][0])
    pairs[0][1].send(b"x")
    assert poller.poll(1) == []
    poller.register(pairs[0][0], select.POLLIN)
    assert poller.poll() == [(pairs[0][0].fileno(), select.POLLIN)]


def test_a_number_that_another_file_has_got(poller, pairs):
    """What was registered lives on under another number, and has data; what has the number now has none."""
    number = pairs[0][0].fileno()
    other, kept = socket.socketpair(), os.dup(number)
    os.dup2(other[0].fileno(), number)
    pairs[0][1].send(b"x")
    waits = []
    wait_any = select.wait_any
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "wait_any", lambda *args: (waits.append(args), wait_any(*args))[1])
        for _ in range(3):
            assert poller.poll(1) == []
    assert len(waits) == 3
    os.close(kept)
    for each in other:
        each.close()


def test_a_number_that_was_closed(poller, pairs):
    number = pairs[0][0].fileno()
    kept = os.dup(number)
    pairs[0][0].close()
    assert poller.poll() == [(number, select.POLLNVAL)]
    poller.unregister(number)
    pairs[0][1].send(b"x")
    assert poller.poll(1) == []
    os.close(kept)


def epoll_numbers():
    names = os.listdir("/proc/self/fd")
    return {
        int(name)
        for name in names
        if os.path.lexists(f"/proc/self/fd/{name}") and os.readlink(f"/proc/self/fd/{name}") == "anon_inode:[eventpoll]"
    }


@pytest.mark.parametrize("reused", [False, True])
def test_the_object_s_own_descriptor_was_closed(pairs, reused):
    """As a program does that becomes a daemon."""
    before = epoll_numbers()
    poller = select.poll()
    for reader, _ in pairs:
        poller.register(reader, select.POLLIN)
    assert poller.poll(1) == []
    (number,) = epoll_numbers() - before
    os.close(number)
    null = os.open("/dev/null", os.O_RDONLY)
    if reused and null != number:
        os.dup2(null, number)
    gevent.spawn(pairs[2][1].send, b"x")
    assert poller.poll() == [(pairs[2][0].fileno(), select.POLLIN)]
    pairs[2][0].recv(1)
    assert poller.poll(1) == []
    if reused:
        del poller
        assert os.path.sameopenfile(number, null)
        os.close(number)
    if null != number:
        os.close(null)


def test_two_wait_by_one_object(poller, pairs):
    waiting = [gevent.spawn(poller.poll) for _ in range(2)]
    gevent.sleep(0.001)
    pairs[5][1].send(b"x")
    assert [each.get() for each in waiting] == [[(pairs[5][0].fileno(), select.POLLIN)]] * 2


def test_a_child_does_not_change_what_its_parent_watches(poller, pairs):
    pid = os.fork()
    if pid == 0:
        for reader, _ in pairs[1:]:
            poller.unregister(reader)
        extra = [socket.socketpair() for _ in range(MANY)]
        for each, _ in extra:
            poller.register(each, select.POLLIN)
        quiet = poller.poll(1) == []
        pairs[0][1].send(b"x")
        os._exit(0 if quiet and poller.poll() == [(pairs[0][0].fileno(), select.POLLIN)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert poller.poll() == [(pairs[0][0].fileno(), select.POLLIN)]
    pairs[0][0].recv(1)
    gevent.spawn(pairs[7][1].send, b"x")
    assert poller.poll() == [(pairs[7][0].fileno(), select.POLLIN)]


@pytest.mark.parametrize("seed", range(4))
def test_all_that_happens_to_descriptors_is_seen_as_by_the_standard_object(seed):
    rng = random.Random(seed)
    ours, theirs = select.poll(), standard.poll()
    pairs, numbers, kept = {}, set(), []

    def open_one():
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        pairs[reader] = writer
        ours.register(reader, select.POLLIN)
        theirs.register(reader, select.POLLIN)
        numbers.add(reader)

    def forget(number):
        numbers.discard(number)
        ours.unregister(number)
        theirs.unregister(number)

    for _ in range(MANY):
        open_one()
    for _ in range(600):
        number = rng.choice(sorted(pairs))
        action = rng.randrange(8)
        if action == 0:
            os.write(pairs[number], b"x")
        elif action == 1 and theirs.poll(0) and (number, select.POLLIN) in theirs.poll(0):
            os.read(number, 1)
        elif action == 2 and number in numbers and len(numbers) > MANY // 2:
            forget(number)
        elif action == 3 and number not in numbers:
            ours.register(number, select.POLLIN)
            theirs.register(number, select.POLLIN)
            numbers.add(number)
        elif action == 4 and len(pairs) < 3 * MANY:
            open_one()
        elif action == 5 and len(pairs) > MANY:  # closed first, and maybe open elsewhere
            if rng.random() < 0.5:
                kept.append(os.dup(number))
            os.close(number)
            os.close(pairs.pop(number))
            if number in numbers and rng.random() < 0.7:
                forget(number)
            elif number in numbers:
                assert sorted(ours.poll(0)) == sorted(theirs.poll(0))
                forget(number)
        elif action == 6:  # the number goes to another pipe
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            if rng.random() < 0.5:
                kept.append(os.dup(number))
            os.dup2(reader, number)
            os.close(pairs[number])
            os.close(reader)
            pairs[number] = writer
        elif action == 7 and number in numbers:
            events = rng.choice([select.POLLIN, select.POLLIN | select.POLLPRI])
            ours.modify(number, events)
            theirs.modify(number, events)
        expected = sorted(theirs.poll(0))
        assert sorted(ours.poll(rng.choice([0, 0.01]))) == expected
    for each in [*pairs, *pairs.values(), *kept]:
        os.close(each)


def test_hundreds_wait_for_the_same_descriptors(pairs):
    """The kernel lets some five hundred epoll instances watch one file."""
    readers = [reader for reader, _ in pairs[:5]]
    waiting = [gevent.spawn(select.select, readers, [], []) for _ in range(1200)]
    gevent.sleep(0.001)
    pairs[0][1].send(b"x")
    assert all(each.get() == ([readers[0]], [], []) for each in waiting)


def test_no_descriptor_is_left(poller, pairs):
    readers = [reader for reader, _ in pairs[:5]]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.dup(0)
        gevent.spawn(pairs[0][1].send, b"x")
        assert select.select(readers, [], []) == ([readers[0]], [], [])
        assert poller.poll() == [(readers[0].fileno(), select.POLLIN)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_hundreds_of_numbers_of_one_file():
    ours, theirs = socket.socketpair()
    numbers = [os.dup(ours.fileno()) for _ in range(600)]
    poller = select.poll()
    for number in numbers:
        poller.register(number, select.POLLIN)
    for _ in range(2):
        assert poller.poll(1) == []
    gevent.spawn(theirs.send, b"x")
    assert poller.poll() == [(number, select.POLLIN) for number in numbers]
    for number in numbers:
        os.close(number)
    ours.close()
    theirs.close()


class Fidgets:
    """Greenlets that share poll objects, and close, replace, register and watch descriptors under each other's waits."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.pollers = [select.poll() for _ in range(3)]
        self.ends = []  # (reader, writer)
        self.left = 400
        self.forks = True
        for _ in range(MANY):
            self.open()

    def open(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        self.ends.append((reader, writer))
        for poller in self.pollers:
            poller.register(reader, select.POLLIN)

    def close(self):
        reader, writer = self.ends.pop(self.rng.randrange(len(self.ends)))
        os.close(reader)
        os.close(writer)
        if self.rng.random() < 0.8:
            for poller in self.pollers:
                if reader in poller.fds:
                    poller.unregister(reader)

    def child(self):
        pid = os.fork()
        if pid == 0:
            code = 1
            self.forks = False
            try:
                for _ in range(10):
                    self.step(self.rng.randrange(9))
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    def step(self, action):
        poller = self.rng.choice(self.pollers)
        reader, writer = self.rng.choice(self.ends)
        if action < 4:
            for number, _ in poller.poll(self.rng.choice([0, 0.1, 1])):
                assert number >= 0
        elif action == 4:
            os.write(writer, b"x")
        elif action == 5 and len(self.ends) > MANY // 2:
            self.close()
        elif action == 6 and len(self.ends) < 2 * MANY:
            self.open()
        elif action == 7:
            poller.register(reader, self.rng.choice([select.POLLIN, select.POLLOUT, select.POLLPRI]))
        elif action == 8:
            self.pollers[self.rng.randrange(len(self.pollers))] = select.poll()
        elif action == 9 and self.forks and self.rng.random() < 0.2:
            self.child()

    def run(self):
        while self.left:
            self.left -= 1
            self.step(self.rng.randrange(10))


@pytest.mark.parametrize("seed", range(6))
def test_greenlets_that_close_what_others_poll(seed):
    fidgets = Fidgets(seed)
    everybody = [gevent.spawn(fidgets.run) for _ in range(8)]
    for each in gevent.joinall(everybody):
        each.get()
    for poller in fidgets.pollers:
        expected = poller._poll.poll(0)
        assert sorted(poller.poll(0)) == sorted(expected)
    for each in [number for pair in fidgets.ends for number in pair]:
        os.close(each)

"""Short programs, one for each part of gevent: what each_fault.py lets fail."""

import contextlib
import contextvars
import copy
import errno
import io
import os
import signal
import socket as standard
import sys
import tempfile
import threading
from pathlib import Path

import gevent
import gevent.os
from gevent import core, select, selectors, socket, subprocess
from gevent.event import AsyncResult, Event
from gevent.fileobject import FileObjectPosix
from gevent.hub import Waiter
from gevent.local import all_local_dicts_for_greenlet, local
from gevent.lock import BoundedSemaphore, RLock, Semaphore
from gevent.pool import Group, Pool
from gevent.pywsgi import WSGIHandler, WSGIServer
from gevent.queue import Channel, Empty, Full, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue
from gevent.resolver.ares import Resolver
from greenlet import getcurrent, gettrace, greenlet, settrace

from greencore import _core
from greencore._core import Input, MultipleWaiter, WebSocketConnection, websocket_frame

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import nameserver  # noqa: E402

SOON = 0.1  # seconds to wait for what is there at once, unless a call has failed


SCENARIOS = {}  # of each layer


def of(layer):
    """What the function is a scenario of."""

    def note(function):
        SCENARIOS.setdefault(layer, []).append(function)
        return function

    return note


def closed(number):
    """Close the descriptor; return whether it was open."""
    try:
        os.close(number)
    except OSError:
        return False
    return True


def remade(sock, *kind):
    """A socket made of the descriptor of another one. Where that fails, the descriptor is still the caller's."""
    number = sock.detach()
    try:
        return socket.socket(*kind, fileno=number)
    except (MemoryError, OSError):
        assert closed(number)
        raise


def socketpair():
    """As the standard function, which leaves descriptors open where it fails."""
    ours, theirs = standard.socketpair()
    with ours, theirs, contextlib.ExitStack() as stack:
        made = [stack.enter_context(remade(each)) for each in (ours, theirs)]
        stack.pop_all()
    return made


@of("task")
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


@of("task")
def raw():
    gevent.spawn_raw(int, "3")
    gevent.sleep(0)


@of("task")
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


@of("task")
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


@of("task")
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


@of("task")
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


@of("task")
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


@of("task")
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


@of("task")
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


@of("task")
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


@of("sync")
def events():
    event, result = Event(), AsyncResult()
    gs = [gevent.spawn(event.wait, SOON), gevent.spawn(result.get, True, SOON)]
    gevent.sleep(0)
    event.rawlink(int)
    event.unlink(int)
    event.set()
    result.set(5)
    assert gs[1].get(timeout=SOON) == 5
    failed = AsyncResult()
    failed.set_exception(ValueError("text"))
    assert isinstance(failed.exception, ValueError)
    repr(event), repr(result)


@of("sync")
def locks():
    for lock in Semaphore(1), BoundedSemaphore(1), RLock():
        lock.acquire()
        g = gevent.spawn(lock.acquire, timeout=0.001)
        g.join(SOON)
        lock.release()
        with lock:
            repr(lock)


@of("sync")
def queues():
    for make in Queue, LifoQueue, PriorityQueue, JoinableQueue, SimpleQueue:
        queue = make()
        g = gevent.spawn(queue.get, timeout=SOON)
        gevent.sleep(0)
        queue.put(1)
        assert g.get(timeout=SOON) == 1
        for item in range(3):
            queue.put(item)
        queue.get_nowait()
        repr(queue)
    queue = Queue(1)
    queue.put(1)
    try:
        queue.put(2, timeout=0.001)
    except Full:
        pass
    queue.get()
    try:
        queue.get_nowait()
    except Empty:
        pass


@of("sync")
def channels():
    channel = Channel()
    g = gevent.spawn(channel.get, timeout=SOON)
    channel.put(5, timeout=SOON)
    assert g.get(timeout=SOON) == 5


@of("sync")
def channel_threads():
    """Waiting in more than one thread's loop."""
    event = Event()
    pool = gevent.get_hub().threadpool
    waiting = pool.spawn(event.wait, SOON)
    gevent.sleep(0.001)
    event.set()
    waiting.get(timeout=SOON)


@of("sync")
def timeouts():
    try:
        with gevent.Timeout(0.001):
            gevent.sleep(10)
    except gevent.Timeout as timeout:
        repr(timeout), str(timeout)
    with gevent.Timeout(0.001, False):
        gevent.sleep(10)
    gevent.with_timeout(0.001, gevent.sleep, 10, timeout_value=5)
    timeout = gevent.Timeout.start_new(10, KeyError("text"))
    assert timeout.pending
    timeout.close()
    waiter = Waiter()
    gevent.get_hub().loop.run_callback(waiter.switch, 5)
    assert waiter.get() == 5


class Mine(local):
    def __init__(self, value):
        self.value = value


@of("sync")
def locals_():
    one = Mine(5)
    g = gevent.spawn(setattr, one, "value", 6)
    g.join(SOON)
    assert one.value == 5
    one.other = 1
    del one.other
    vars(one), repr(one)
    all_local_dicts_for_greenlet(gevent.getcurrent())


@of("sync")
def results():
    """AsyncResult beyond set and get."""
    seen = []
    result = AsyncResult()
    result.rawlink(seen.append)
    try:
        result.get(timeout=0.001)
    except gevent.Timeout:
        pass
    result(gevent.joinall([gevent.spawn(int, "5")])[0])
    result.set_result(5)
    assert result.result(SOON) == 5 and result.get_nowait() == 5 and result.wait(SOON) == 5
    result.exc_info, result.successful(), result.done(), result.cancelled()
    failed = AsyncResult()
    try:
        int("text")
    except ValueError as error:
        failed.set_exception(error, (type(error), error, error.__traceback__))
    failed.exc_info, failed.exception, repr(failed)
    try:
        failed.get()
    except ValueError:
        pass
    AsyncResult().cancel()
    for make in Event, AsyncResult, Semaphore:
        thing = make()
        repr(thing), thing.linkcount(), thing.hub, thing.ready()


@of("sync")
def more_locks():
    lock = Semaphore(0)
    lock.rawlink(str)
    gevent.spawn(lock.release)
    lock.wait(SOON)
    lock.wait(0.001)
    assert lock.acquire(timeout=SOON)
    assert not lock.acquire(blocking=False) and not lock.acquire(timeout=0.001)
    lock.unlink(str)
    again = RLock()
    with again, again:
        again._release_save()
        again._acquire_restore((2, gevent.getcurrent()))
        again._is_owned(), again._recursion_count(), again.locked()
    bounded = BoundedSemaphore(1)
    try:
        bounded.release()
    except ValueError:
        pass


class Sorted(Queue):
    """What a queue of the standard library lets a subclass override."""

    def _init(self, maxsize):
        self.items = []

    def _qsize(self):
        return len(self.items)

    def _put(self, item):
        self.items.append(item)
        self.items.sort()

    def _get(self):
        return self.items.pop(0)


@of("sync")
def more_queues():
    queue = Sorted()
    for item in 3, 1, 2:
        queue.put(item)
    assert [queue.get() for _ in range(3)] == [1, 2, 3]
    queue = Queue(2, items=[1, 2])
    putting = gevent.spawn(queue.put, 3, timeout=SOON)
    gevent.sleep(0)
    assert queue.peek() == 1 and queue.peek_nowait() == 1
    copy = queue.copy()
    queue.putters, queue.getters, queue.full(), queue.empty(), len(queue), bool(queue), repr(queue), repr(copy)
    assert [queue.get(timeout=SOON) for _ in range(3)] == [1, 2, 3]
    putting.join(SOON)
    for _ in range(3):
        queue.task_done()
    assert queue.join(SOON)
    getting = gevent.spawn(queue.get)
    gevent.sleep(0)
    queue.shutdown()
    getting.join(SOON)
    assert isinstance(getting.exception, Exception)
    joined = JoinableQueue(items=[1])
    joined.join(0.001)
    joined.shutdown(immediate=True)
    ended = SimpleQueue(items=[1, StopIteration])
    assert list(ended) == [1]
    with queue.mutex:
        queue.not_empty.notify_all()


@of("sync")
def more_channels():
    channel = Channel()
    try:
        channel.get(timeout=0.001)
    except Empty:
        pass
    try:
        channel.put(5, timeout=0.001)
    except Full:
        pass
    putting = gevent.spawn(channel.put, 5)
    gevent.sleep(0)
    repr(channel), channel.putters, channel.getters, channel.balance, channel.qsize()
    assert channel.get_nowait() == 5
    putting.join(SOON)
    gevent.spawn(channel.put, StopIteration)
    assert list(channel) == []


@of("sync")
def more_timeouts():
    with gevent.Timeout(10, KeyError) as timeout:
        repr(timeout), timeout < 20, timeout.seconds
        timeout.cancel()
    copy.copy(timeout)
    with gevent.Timeout(None):
        pass
    with gevent.Timeout(10, KeyError("text")) as timeout:
        timeout.cancel()
    try:
        with gevent.Timeout(0.001, KeyError):
            gevent.sleep(10)
    except KeyError:
        pass
    assert gevent.with_timeout(10, int, "5") == 5
    event = Event()
    with gevent.Timeout(10) as timeout:
        event.wait(0.001)
        gevent.spawn(event.set)
        event.wait(timeout)


@of("sync")
def waiters():
    waiter = Waiter()
    waiter.switch_args(1, 2)
    assert waiter.get() == (1, 2)
    waiter.clear()
    gevent.get_hub().loop.run_callback(waiter.throw, KeyError("text"))
    try:
        waiter.get()
    except KeyError:
        pass
    repr(waiter), str(waiter), waiter.exc_info, waiter.ready(), waiter.successful()
    several = MultipleWaiter()
    several.switch(1)
    several.switch(2)
    assert several.get() == 1 and several.get() == 2
    waiter = Waiter()
    waiter(gevent.joinall([gevent.spawn(int, "5")])[0])


@of("sync")
def more_locals():
    one = Mine(value=5)
    other = copy.copy(one)
    other.value = 7
    assert one.value == 5
    try:
        one.missing
    except AttributeError:
        pass
    g = gevent.spawn(vars, one)
    assert g.get(timeout=SOON)["value"] == 5
    dir(one)
    del g, other


def adder(value):
    while True:
        value = getcurrent().parent.switch(value + 1)


@of("greenlet")
def raw_greenlets():
    g = greenlet(adder)
    assert g.switch(1) == 2
    assert g.switch(3) == 4
    repr(g), g.gr_frame, g.gr_context, g.dead, bool(g)
    g.gr_context = contextvars.copy_context()
    g.parent = getcurrent()
    g.name = "text"
    assert vars(g) == {"name": "text"}
    try:
        g.throw(KeyError, "text")
    except KeyError:
        pass
    assert g.dead
    g = greenlet(adder)
    try:
        g.throw(KeyError("text"))
    except KeyError:
        pass
    g = greenlet(adder)
    g.switch(1)
    del g  # which throws into it


def switch_to_parent(*args, **kwargs):
    while True:
        args, kwargs = args, getcurrent().parent.switch(*args, **kwargs)


@of("greenlet")
def more_greenlets():
    g = greenlet(switch_to_parent, parent=getcurrent())
    assert g.switch(1, 2) == (1, 2)
    g.switch(a=1)
    try:
        g.throw(KeyError, KeyError("text"), None)
    except KeyError:
        pass
    g = greenlet(int)
    assert g.switch("11", base=2) == 3
    g = greenlet()
    g.run = int
    assert g.switch("5") == 5
    g = greenlet(getcurrent().switch)
    repr(g), g.__dict__, g.gr_frame
    g.__dict__ = {"name": "text"}
    del g.name
    g = greenlet(adder)
    g.switch(1)
    repr(g), g.gr_frame, g.gr_stack_size if hasattr(g, "gr_stack_size") else None
    try:
        g.throw()
    except BaseException:
        raise
    assert g.dead

    class Mine(greenlet):
        def __init__(self, text):
            super().__init__(int)
            self.text = text

    assert Mine(text="text").switch("5") == 5


def note(event, args):
    """Heed what tracers, and watchers with events, are called with."""


@of("greenlet")
def threads():
    """A native thread gets a record, which ends with it."""

    def work():
        try:
            assert greenlet(adder).switch(1) == 2
        except BaseException as error:
            errors.append(error)

    errors = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()


@of("greenlet")
def traces():
    settrace(note)
    try:
        gevent.sleep(0)
        g = greenlet(adder)
        g.switch(1)
        try:
            g.throw(KeyError)
        except KeyError:
            pass
        assert gettrace() is note
    finally:
        settrace(None)


@of("loop")
def watchers():
    loop = gevent.get_hub().loop
    ours, theirs = socketpair()
    with ours, theirs, tempfile.NamedTemporaryFile() as file:
        made = [
            loop.io(ours.fileno(), 2),
            loop.timer(0.001, 0.001),
            loop.async_(),
            loop.signal(signal.SIGUSR1),
            loop.stat(file.name, 0.001),
            loop.prepare(),
            loop.check(),
            loop.idle(),
            loop.fork(),
        ]
        for watcher in made:
            with watcher:
                watcher.start(int)
                repr(watcher), watcher.args, watcher.callback, watcher.pending
                if isinstance(watcher, type(made[2])):
                    watcher.send()
                gevent.sleep(0.002)
                watcher.stop()
        made[0].events_str, made[4].path, made[4].attr, made[4].prev
        with loop.io(ours.fileno(), 2) as watcher:
            watcher.start(note, 5, pass_events=True)
            gevent.sleep(0.001)
        with loop.timer(0.001) as timer:
            timer.again(int, "5")
            timer.stop()


@of("loop")
def callbacks():
    loop = gevent.get_hub().loop
    callback = loop.run_callback(int, "5")
    repr(callback), callback.args, callback.callback
    callback.stop()
    loop.run_callback(int, "5")
    loop.run_callback_threadsafe(int, "5")
    gevent.sleep(0)
    gevent.sleep(0.001)
    repr(loop), loop.fileno(), loop.now()


@of("loop")
def loops():
    loop = core.loop(default=False)
    with loop.timer(0.001) as timer:
        timer.start(int)
        loop.run()
    loop.destroy()
    loop = core.loop(default=False)
    ours, theirs = os.pipe()
    os.close(theirs)
    with open(ours, "rb", 0):
        watcher = loop.io(ours, 1)
        watcher.start(int)
        loop.run(once=True)
        watcher.close()
    loop.destroy()


@of("net")
def sockets():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        accepting = gevent.spawn(listener.accept)
        with socket.create_connection(address, timeout=SOON) as client:
            server, _ = accepting.get(timeout=SOON)
            with server:
                server.settimeout(SOON)
                reading = gevent.spawn(server.recv, 100)
                gevent.sleep(0)
                client.sendall(b"text")
                assert reading.get(timeout=SOON) == b"text"
                buffer = bytearray(10)
                client.send(b"text")
                assert server.recv_into(buffer) == 4
                client.sendmsg([b"te", b"xt"])
                assert server.recvfrom(10)[0] == b"text"
                client.sendall(b"text")
                assert server.recvfrom_into(buffer)[0] == 4
                client.sendall(b"text")
                assert server.recvmsg(10)[0] == b"text"
                server.shutdown(socket.SHUT_WR)
                assert client.recv(10) == b""
                repr(client), client.family, client.type


@of("net")
def sockets_of_other_families():
    """The standard library's socket accepts, where the family is not known here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with remade(listener, socket.AF_VSOCK, socket.SOCK_STREAM, 0) as odd:
            odd.settimeout(SOON)
            with socket.create_connection(odd.getsockname(), timeout=SOON):
                odd.accept()[0].close()


@of("net")
def sockets_filled():
    """More than fits."""
    ours, theirs = socketpair()
    with ours, theirs:
        ours.settimeout(SOON)
        theirs.settimeout(SOON)
        data = b"x" * 1_000_000
        sending = gevent.spawn(ours.sendall, data)
        got = 0
        while got < len(data):
            got += len(theirs.recv(1 << 20) or data)
        sending.get(timeout=SOON)


@of("net")
def datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        one.bind(("127.0.0.1", 0))
        one.settimeout(SOON)
        receiving = gevent.spawn(one.recvfrom, 100)
        gevent.sleep(0)
        two.sendto(b"text", one.getsockname())
        assert receiving.get(timeout=SOON)[0] == b"text"
        two.connect(one.getsockname())
        two.send(b"text")
        assert one.recv(10) == b"text"


@of("net")
def selects():
    ours, theirs = socketpair()
    with ours, theirs:
        select.select([ours], [theirs], [], 0)
        waiting = gevent.spawn(select.select, [ours], [], [], SOON)
        gevent.sleep(0)
        theirs.send(b"text")
        assert waiting.get(timeout=SOON)[0] == [ours]
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        assert poll.poll(0) and poll.poll(SOON)
        poll.modify(ours, select.POLLIN)
        poll.unregister(ours)
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ)
            assert selector.select(SOON)
        socket.wait_read(ours.fileno(), SOON)
        socket.wait_write(ours.fileno(), SOON)
        socket.wait_readwrite(ours.fileno(), SOON)


@of("loop")
def files():
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(closed, writer)
        stack.callback(closed, reader)
        reading, writing = FileObjectPosix(reader, "rb"), FileObjectPosix(writer, "wb")
        stack.pop_all()
    with reading, writing:
        waiting = gevent.spawn(reading.readline)
        gevent.sleep(0)
        writing.write(b"text\n")
        writing.flush()
        assert waiting.get(timeout=SOON) == b"text\n"


@of("net")
def threadpools():
    pool = gevent.get_hub().threadpool
    assert pool.apply(int, ("5",)) == 5
    assert pool.map(int, ["1", "2"]) == [1, 2]
    result = pool.spawn(int, "text")
    result.wait(SOON)
    assert isinstance(result.exception, ValueError)


@of("loop")
def children():
    process = subprocess.Popen(["true"])
    assert process.wait(SOON * 10) == 0
    assert subprocess.check_output(["echo", "text"]) == b"text\n"


@of("net")
def resolvers():
    resolver = Resolver(hub=gevent.get_hub(), servers="127.0.0.1:9", timeout=0.001, tries=1)
    try:
        resolver.getaddrinfo("localhost", 80)
        resolver.getaddrinfo("127.0.0.1", 80, socket.AF_INET)
        resolver.gethostbyname("127.0.0.1")
        try:
            resolver.gethostbyname("nowhere.example")
        except socket.gaierror:
            pass
        try:
            resolver.gethostbyaddr("192.0.2.1")
        except (socket.herror, socket.gaierror):
            pass
        resolver.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    finally:
        resolver.close()


class End(WebSocketConnection):
    """A connection over a socket, after `received`."""

    def __init__(self, sock, client=False, received=b""):
        super().__init__(sock, client, received, 1 << 20, -1)

    def _handle(self, opcode, payload, code):
        pass

    def _end(self, code):
        self.closed = True

    def next(self):
        """What comes; a connection that fails ends, and there is none."""
        message = self.receive()
        if message is None:
            raise ConnectionResetError("it has ended")
        return message


@of("http")
def frames():
    ours, theirs = socketpair()
    with ours, theirs:
        client, server = End(ours, True), End(theirs)
        receiving = gevent.spawn(server.next)
        gevent.sleep(0)
        client.send("text")
        assert receiving.get(timeout=SOON) == "text"
        server.send(b"x" * 1000)
        assert client.next() == b"x" * 1000
        client._send_frame(9, b"")
        data = websocket_frame(1, "te", fin=False, masked=True) + websocket_frame(0, "xt", masked=True)
        data += websocket_frame(9, b"", masked=True) + websocket_frame(2, b"more", masked=True)
        again = End(theirs, received=data)
        assert again.next() == "text" and again.next() == b"more"


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/write":
        start_response("200 OK", [("Content-Type", "text/plain")])(b"written")
        return [b"and returned"]
    if environ["PATH_INFO"] == "/error":
        raise ValueError("text")
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [("X-Name", "value")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"in the file"))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "%d" % len(body))])
    return [body]


class Log:
    def write(self, line):
        pass


class Parts:
    """A file to read a connection from: read1() returns one part after the other."""

    def __init__(self, *parts):
        self.parts = list(parts)

    def read1(self, size):
        return self.parts.pop(0) if self.parts else b""


def ask(*parts, application=application, **options):
    """What a connection answers that gets the parts and then the end."""
    server = WSGIServer(("127.0.0.1", 0), application, log=Log(), error_log=Log(), linger_timeout=0.001, **options)
    server.init_socket()
    ours, theirs = socketpair()
    with ours, theirs:
        try:
            server.handler_class(theirs, ("192.0.2.1", 1234), server, Parts(*parts)).handle()
            ours.settimeout(SOON)
            return ours.recv(65536)
        finally:
            server.close()


def request(line, *fields, body=b""):
    return "\r\n".join([line, "Host: name", *fields, "", ""]).encode() + body


@of("http")
def wsgi():
    assert b"200 OK" in ask(request("GET / HTTP/1.1"))
    assert b"written" in ask(request("GET /write HTTP/1.1"))
    assert b"500" in ask(request("GET /error HTTP/1.1"))
    assert b"in the file" in ask(request("GET /file?a=b HTTP/1.1", "Cookie: a", "Cookie: b", "X-Name: value"))


@of("http")
def wsgi_bodies():
    post = request("POST /%20path HTTP/1.1", "Content-Length: 4", "Content-Type: a/b", body=b"text")
    assert b"text" in ask(post[:20], post[20:], post)
    chunked = request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"2\r\nte\r\n2\r\nxt\r\n0\r\n\r\n")
    assert b"text" in ask(chunked, post)
    waiting = request("POST / HTTP/1.1", "Content-Length: 4", "Expect: 100-continue")
    assert b"100 Continue" in ask(waiting, b"text")


@of("http")
def wsgi_refused():
    assert b"400" in ask(b"GET / HTTP/1.1\r\n\r\n")
    assert b"400" in ask(b"\xff\xff\r\n\r\n")
    assert b"400" in ask(request("GET / HTTP/1.1", "Content-Length: x"))


def lines(environ, start_response):
    read = environ["wsgi.input"]
    found = [read.readline(), read.readline(3), *read.readlines(2), *read]
    start_response("200 OK", [])
    return iter(found)


@of("http")
def wsgi_lines():
    body = b"one\ntwo\nthree\nfour\n"
    post = request("POST / HTTP/1.0", "Content-Length: %d" % len(body), body=body)
    assert ask(post, application=lines).endswith(body)
    chunked = request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert b"three" in ask(chunked, application=lines)


@of("http")
def wsgi_served():
    """Through a server's own sockets."""
    server = WSGIServer(("127.0.0.1", 0), application, log=Log(), error_log=Log())
    server.start()
    try:
        with socket.create_connection(server.address, timeout=SOON) as client:
            client.sendall(request("GET / HTTP/1.1") + request("GET / HTTP/1.1", "Connection: close"))
            answer = b""
            while data := client.recv(65536):
                answer += data
            assert answer.count(b"200 OK") == 2
    finally:
        server.stop(timeout=SOON)


def answering(status="200 OK", headers=(), result=(b"text",), **more):
    """An application that answers so."""

    def answer(environ, start_response):
        start_response(status, list(headers), **more)
        return result

    return answer


class Odd(Exception):
    pass


def restart(environ, start_response):
    """Change the answer after an error, by keyword."""
    start_response(status="200 OK", headers=[["X-Name", "value"]])
    try:
        raise Odd
    except Odd:
        start_response("500 Error", [("X-Name", "other")], exc_info=sys.exc_info())
    return [b"te", bytearray(b"x"), b"t"]


@of("http")
def wsgi_answers():
    get = request("GET / HTTP/1.1")
    last = request("GET / HTTP/1.1", "Connection: close")
    ask(get, last, application=answering(headers=[("Connection", "a, close"), ("Date", "today")]))
    ask(last, application=answering("204 No Content", result=()))
    ask(last, application=answering("304 Not Modified", [("Content-Length", "4")], result=()))
    ask(request("HEAD / HTTP/1.1"), application=answering(result=(b"te", b"xt")))
    ask(request("GET / HTTP/1.0", "Connection: keep-alive"), application=answering())
    ask(get, application=answering(result=iter([b"te", b"", b"xt"])))
    ask(get, application=answering(headers=[("Transfer-Encoding", "chunked")]))
    ask(get, application=answering(headers=[("Content-Length", "2")]))
    ask(get, application=answering(result=[b"x"] * 100))
    assert b"500 Error" in ask(last, application=restart)


@of("http")
def wsgi_answers_refused():
    get = request("GET / HTTP/1.1")
    for status in "OK", "2 OK", "20x OK", "099 No", "200 \n", 200:
        assert b"500" in ask(get, application=answering(status))
    for headers in [("a",)], [("a", "b", "c")], [("a b", "c")], [("a", "b\r\nc")], [("a", 1)], [5]:
        assert b"500" in ask(get, application=answering(headers=headers))
    assert b"500" in ask(get, application=answering(result=5))
    assert b"500" in ask(get, application=answering(result=["text"]))
    ask(get, application=answering(headers=[("Content-Length", "x")]))
    ask(get, application=lambda environ, start_response: [])


class Hooked(WSGIHandler):
    """Each hook is overridden."""

    def handle_one_request(self):
        return super().handle_one_request()

    def read_requestline(self):
        return super().read_requestline()

    def read_request(self, line):
        return super().read_request(line)

    def get_environ(self):
        return super().get_environ()

    def handle_one_response(self):
        super().handle_one_response()

    def run_application(self):
        super().run_application()

    def start_response(self, status, headers, exc_info=None):
        return super().start_response(status, headers, exc_info)

    def process_result(self):
        super().process_result()

    def write(self, data):
        super().write(data)

    def finalize_headers(self):
        self.response_headers.append((b"X-Name", b"value"))
        self.status, self.code, self.provided_content_length
        super().finalize_headers()

    def _sendall(self, data):
        super()._sendall(data)

    def log_request(self):
        super().log_request()

    def format_request(self):
        return super().format_request()


@of("http")
def wsgi_hooks():
    post = request("POST / HTTP/1.1", "Content-Length: 4", "X-Name: value", body=b"text")
    assert b"text" in ask(post, post, handler_class=Hooked)
    assert b"written" in ask(request("GET /write HTTP/1.1"), handler_class=Hooked)
    assert b"in the file" in ask(request("GET /file HTTP/1.1"), handler_class=Hooked)
    assert b"400" in ask(b"\xff\xff\r\n\r\n", handler_class=Hooked)


def look(environ, start_response):
    handler = start_response.__self__
    handler.requestline, handler.headers, list(handler.headers.items()), handler.content_length, handler.rfile
    start_response("200 OK", [])
    handler.status, handler.code, handler.response_headers, handler.provided_content_length
    handler.response_headers = [("X-Name", "value")]
    handler.status = b"201 Created"
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


@of("http")
def wsgi_attributes():
    assert b"201 Created" in ask(request("GET / HTTP/1.1", "Cookie: a", "Upgrade: other"), application=look)


@of("http")
def wsgi_files():
    """What sendfile(2) sends."""
    with tempfile.TemporaryFile() as file:
        file.write(b"in the file")
        file.flush()

        def application(environ, start_response):
            file.seek(3)
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](file)

        server = WSGIServer(("127.0.0.1", 0), application, log=Log(), error_log=Log())
        server.start()
        try:
            with socket.create_connection(server.address, timeout=SOON) as client:
                client.sendall(request("GET / HTTP/1.0"))
                answer = b""
                while data := client.recv(65536):
                    answer += data
                assert answer.endswith(b"\r\n\r\nthe file")
        finally:
            server.stop(timeout=SOON)


@of("http")
def inputs():
    """wsgi.input of anybody's files."""
    body = Input(io.BytesIO(b"one\ntwo\nthree"), 13)
    assert body.readline() == b"one\n"
    assert body.read(2) == b"tw" and body.read() == b"o\nthree"
    chunked = Input(io.BytesIO(b"3\r\none\r\n0\r\n\r\n"), None, None, True)
    assert chunked.read() == b"one"
    list(Input(io.BytesIO(b"text"), 4))
    try:
        Input(io.BytesIO(b"x"), 2).read()
    except OSError:
        pass


@of("http")
def more_frames():
    ours, theirs = socketpair()
    with ours, theirs:
        client, server = End(ours, True), End(theirs)
        client.send(bytearray(b"text"), binary=True)
        assert server.next() == b"text"
        client.send(memoryview(b"text"), binary=False)
        assert server.next() == "text"
        client._send_frame(8, b"\x03\xe8bye")
        ours.shutdown(socket.SHUT_WR)
        server.receive()
        for data in b"\x81\x00", websocket_frame(3, b"", masked=True), websocket_frame(1, b"\xff", masked=True):
            End(theirs, received=data).receive()


@of("net")
def more_sockets():
    """Flags, time-outs, other families, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.001)
        try:
            listener.accept()
        except TimeoutError:
            pass
        client = socket.socket()
        client.settimeout(SOON)
        assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        listener.settimeout(SOON)
        server, _ = listener.accept()
        with client, server:
            client.sendall(b"text")
            assert server.recv(2, socket.MSG_PEEK) == b"te"
            assert server.recv(4, socket.MSG_WAITALL) == b"text"
            server.settimeout(0.001)
            for receive in server.recv, server.recvfrom, server.recvmsg:
                try:
                    receive(1)
                except TimeoutError:
                    pass
            server.setblocking(False)
            try:
                server.recv(1)
            except BlockingIOError:
                pass
            client.sendmsg([b"te", b"xt"])
            server.settimeout(SOON)
            assert server.recvmsg_into([bytearray(2), bytearray(5)])[0] == 4
            with server.dup() as other, server.makefile("rwb") as file:
                file.write(b"line\n")
                file.flush()
                other.send(b"x")
            assert client.recv(5, socket.MSG_WAITALL) == b"line\n"
            server.shutdown(socket.SHUT_RDWR)
            server.timeout, server.gettimeout(), server.proto, repr(server)
            os.close(server.detach())
    with socket.socket() as client:
        try:
            client.connect(("127.0.0.1", 1))
        except ConnectionRefusedError:
            pass
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind("")  # a name that the system makes up
        listener.listen()
        client.connect(listener.getsockname())
        listener.accept()[0].close()


@of("net")
def closed_meanwhile():
    ours, theirs = socketpair()
    with theirs:
        reading = gevent.spawn(ours.recv, 1)
        gevent.sleep(0)
        ours.close()
        reading.join(SOON)
        assert isinstance(reading.exception, OSError)


@of("net")
def more_selects():
    ours, theirs = socketpair()
    with ours, theirs:
        select.select([], [], [], 0.001)
        select.select([ours], [], [], 0.001)
        try:
            select.select([-1], [], [], 0)
        except ValueError:
            pass
        poll = select.poll()
        for thing in ours, theirs.fileno():
            poll.register(thing)
        poll.unregister(theirs)
        poll.poll()
        try:
            socket.wait_read(ours.fileno(), 0.001)
        except TimeoutError:
            pass
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ)
            selector.select(0.001)
            selector.modify(ours, selectors.EVENT_WRITE)
            selector.select(SOON)
            selector.unregister(ours)


@of("net")
def more_threadpools():
    pool = gevent.get_hub().threadpool
    assert pool.spawn(int, "11", base=2).get(timeout=SOON) == 3
    seen = []
    pool.apply_async(int, ("5",), callback=seen.append).get(timeout=SOON)
    assert list(pool.imap(int, ["1", "2"])) == [1, 2]
    try:
        pool.apply(int, ("text",))
    except ValueError:
        pass
    pool.join()


SERVER = []


def nowhere(query):
    return [query.reply(code=nameserver.SERVFAIL)]


def serve_names():
    """A name server; it goes with the process."""
    if not SERVER:
        zone = {
            "name.example": {nameserver.A: ["192.0.2.1"], nameserver.AAAA: ["2001:db8::1"]},
            "other.example": {nameserver.CNAME: ["name.example"]},
            "1.2.0.192.in-addr.arpa": {nameserver.PTR: ["name.example"]},
            "failing.example": nowhere,
        }
        SERVER.append(nameserver.NameServer(zone))
    SERVER[0].queries.clear()
    return f"127.0.0.1:{SERVER[0].port}"


@of("net")
def names():
    resolver = Resolver(hub=gevent.get_hub(), servers=serve_names(), timeout=SOON, tries=1, use_environ=False)
    try:
        assert len(resolver.getaddrinfo("name.example", 80, 0, socket.SOCK_STREAM)) == 2
        resolver.gethostbyname("other.example")
        resolver.gethostbyname_ex("other.example")
        resolver.gethostbyaddr("192.0.2.1")
        resolver.getnameinfo(("192.0.2.1", 80), 0)
        for name in "missing.example", "failing.example":
            try:
                resolver.getaddrinfo(name, 80, socket.AF_INET)
            except socket.gaierror:
                pass
        resolver.cares.set_servers("127.0.0.1")
        resolver.cares.reopen(servers=["127.0.0.1:9"], domains=["example"])
        asking = gevent.spawn(resolver.gethostbyname, "name.example")
        gevent.sleep(0)
    finally:
        resolver.close()
    asking.join(SOON)


@of("loop")
def native_locks():
    """A lock that threads of any kind share."""
    lock = _core.Lock()
    lock.acquire()
    g = gevent.spawn(lock.acquire)
    gevent.sleep(0)
    assert not lock.acquire(False) and not lock.acquire(timeout=0.001)
    lock.release()
    g.join(SOON)
    lock.release()
    with lock:
        repr(lock), lock.locked(), lock.counter, lock.linkcount()
    lock.wait(0.001)


@of("loop")
def hubs():
    hub = gevent.get_hub()
    repr(hub), hub.loop.activecnt, hub.loop.pendingcnt, hub.loop.default, hub.loop.depth
    gevent.idle()
    gevent.wait(timeout=0.001)
    hub.join(timeout=0.001)
    hub.wait(hub.loop.timer(0.001))
    event = Event()
    hub.loop.run_callback(event.set)
    event.wait(SOON)

    def fail():
        raise ValueError

    hub.loop.run_callback(fail)
    with hub.loop.timer(0.001) as timer:
        timer.start(fail)
        gevent.sleep(0.002)
    handler = gevent.signal_handler(signal.SIGUSR2, event.clear)
    os.kill(os.getpid(), signal.SIGUSR2)
    gevent.sleep(0.001)
    handler.cancel()


@of("loop")
def own_loops():
    """Errors, references and stops of a loop that nobody's hub has."""
    loop = core.loop(default=False)
    timer, watcher = loop.timer(0.001, ref=False), loop.idle(priority=0)
    timer.start(loop.break_)
    watcher.start(int)
    loop.run()
    watcher.stop()
    watcher.feed(1, int)
    loop.run(nowait=True)
    watcher.ref = False
    timer.ref, timer.at, timer.after, timer.repeat, watcher.priority
    prepare = loop.prepare()
    prepare.start(note, 5, 6)
    loop.run(nowait=True)
    loop.update_now(), loop.ref, loop.unref, loop.iteration, loop.error_handler
    for thing in timer, watcher, prepare:
        thing.close()
    loop.destroy()


@of("loop")
def more_files():
    with tempfile.TemporaryFile() as real:
        with FileObjectPosix(real.fileno(), "r+b", closefd=False) as file:
            file.write(b"one\ntwo\n")
            file.seek(0)
            assert file.readlines() == [b"one\n", b"two\n"]
            repr(file), file.tell(), file.fileno()
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(closed, writer)
        stack.callback(closed, reader)
        gevent.os.make_nonblocking(reader)
        gevent.os.make_nonblocking(writer)
        reading = gevent.spawn(gevent.os.nb_read, reader, 10)
        gevent.sleep(0)
        assert gevent.os.nb_write(writer, b"text") == 4
        assert reading.get(timeout=SOON) == b"text"


@of("loop")
def more_children():
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.communicate(b"text", timeout=SOON * 10) == (b"text", None)
    with subprocess.Popen(["sleep", "10"]) as process:
        try:
            process.wait(timeout=0.001)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()

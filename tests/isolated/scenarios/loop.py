"""Watchers, loops, hubs, files and processes."""

import contextlib
import os
import signal
import tempfile

import gevent
import gevent.os
from gevent import core, subprocess
from gevent.event import Event
from gevent.fileobject import FileObjectPosix

from greencore import _core
from scenarios import SOON, closed, note, scenario, socketpair


@scenario
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


@scenario
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


@scenario
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


@scenario
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


@scenario
def children():
    process = subprocess.Popen(["true"])
    assert process.wait(SOON * 10) == 0
    assert subprocess.check_output(["echo", "text"]) == b"text\n"


@scenario
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


@scenario
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


@scenario
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


@scenario
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


@scenario
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

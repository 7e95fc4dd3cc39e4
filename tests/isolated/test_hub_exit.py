"""The end of a program, in every state of its hubs."""

import signal

import pytest

from isolated.process import Process, run

STATES = {
    "nothing": "",
    "a hub": "get_hub()",
    "a hub that ran": "gevent.sleep(0.001)",
    "a destroyed hub": "gevent.sleep(0.001); get_hub().destroy(destroy_loop=True)",
    "parked greenlets": """
        event = Event()
        parked = [gevent.spawn(event.wait), gevent.spawn(gevent.sleep, 60), gevent.spawn(gevent.socket.wait_read, 0)]
        gevent.sleep(0.001)
        """,
    "unstarted greenlets": "waiting = [gevent.spawn(print, 'never') for _ in range(3)]",
    "ready greenlets": """
        def spin():
            while True:
                gevent.sleep(0)
        spinning = [gevent.spawn(spin) for _ in range(3)]
        gevent.sleep(0.001)
        """,
    "queued callbacks": "get_hub().loop.run_callback(print, 'never')",
    "started watchers": """
        loop = get_hub().loop
        watchers = [loop.timer(60), loop.io(0, 1), loop.signal(10), loop.async_(), loop.stat('/'), loop.idle()]
        for watcher in watchers:
            watcher.start(int)
        """,
    "a threadpool": "get_hub().threadpool.apply(int)",
    "a busy threadpool": "get_hub().threadpool.spawn(time.sleep, 60); gevent.sleep(0.01)",
    "a daemon thread in its hub": """
        threading.Thread(target=gevent.sleep, args=(60,), daemon=True).start()
        time.sleep(0.01)
        """,
    "a daemon thread that is busy": """
        def spin():
            while True:
                gevent.sleep(0)
        threading.Thread(target=spin, daemon=True).start()
        time.sleep(0.01)
        """,
    "a daemon thread with timers": """
        def tick():
            while True:
                gevent.sleep(0.0001)
        def work():
            gevent.joinall([gevent.spawn(tick) for _ in range(3)])
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.01)
        """,
    "a thread that ends later": "threading.Thread(target=gevent.sleep, args=(0.02,)).start()",
    "a monitored hub": "gevent.config.monitor_thread = True; gevent.sleep(0.02)",
    "a loop of one's own": """
        loop = gevent.core.loop(default=False)
        timer = loop.timer(60)
        timer.start(int)
        loop.run(nowait=True, once=True)
        """,
}


@pytest.mark.parametrize("state", STATES)
def test_exit(state):
    assert run("import textwrap\nexec(textwrap.dedent(%r))\nprint('end')" % STATES[state]) == "end\n"


@pytest.mark.parametrize("state", ["parked greenlets", "ready greenlets", "a daemon thread in its hub", "started watchers"])
def test_exit_from_a_greenlet(state):
    process = Process("""
import textwrap
exec(textwrap.dedent(%r))
gevent.spawn(sys.exit, 3)
gevent.sleep(60)
""" % STATES[state])
    assert process.end() == (3, "", "")


def test_exit_in_a_callback():
    assert Process("get_hub().loop.run_callback(sys.exit, 4)\ngevent.sleep(60)").end() == (4, "", "")


def test_an_exit_function_may_block():
    assert run("""
import atexit
@atexit.register
def end():
    gevent.sleep(0.001)
    print(gevent.spawn(lambda: 6).get())
gevent.sleep(0.001)
""") == "6\n"


def test_finalizers_that_block_at_the_end():
    assert run("""
class Thing:
    def __del__(self):
        gevent.sleep(0.001)
        print("gone")
thing = Thing()
thing.self = thing
gevent.sleep(0.001)
""") == "gone\n"


def test_a_parked_greenlet_is_not_run_at_the_end():
    assert run("""
def work():
    try:
        gevent.sleep(60)
    finally:
        print("ran")
parked = gevent.spawn(work)
gevent.sleep(0)
del parked
""") in ("", "ran\n")


def test_the_end_beside_a_daemon_thread_again_and_again():
    for _ in range(5):
        run("""
def work():
    while True:
        a, b = gevent.socket.socketpair()
        a.send(b"x")
        b.recv(1)
        gevent.sleep(0.0001)
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
gevent.sleep(0.01)
""")


def test_the_end_while_the_monitor_writes_a_report():
    """CPython aborts when it flushes a stream whose lock a daemon thread holds."""
    assert run("""
import atexit, io
gevent.config.monitor_thread = True
reporting, go_on = threading.Event(), threading.Event()
class Raw(io.RawIOBase):
    "A slow terminal. Who writes holds the stream's lock."
    def writable(self):
        return True
    def write(self, data):
        reporting.set()
        go_on.wait()
        return len(data)
sys.stderr = io.TextIOWrapper(io.BufferedWriter(Raw()), write_through=True)
monitor = get_hub().start_periodic_monitoring_thread()
atexit.register(go_on.set)
monitor.add_monitoring_function(lambda hub: print("a report", file=sys.stderr, flush=True), 0.001)
reporting.wait()
sys.setswitchinterval(10)
print("end")
""") == "end\n"


def test_the_end_does_not_wait_for_a_monitor_that_hangs():
    assert run("""
gevent.config.monitor_thread = True
hanging = threading.Event()
monitor = get_hub().start_periodic_monitoring_thread()
monitor.patience_at_exit = 0.01
monitor.add_monitoring_function(lambda hub: (hanging.set(), threading.Event().wait()), 0.001)
hanging.wait()
print("end")
""") == "end\n"


def test_killed_by_a_signal():
    process = Process("get_hub().loop.run_callback(lambda: print('ready', flush=True))\ngevent.sleep(60)")
    process.wait_for()
    process.signal(signal.SIGTERM)
    assert process.end()[0] == -signal.SIGTERM


def test_hundreds_of_threads_with_hubs():
    """Made and ended at once, some destroying their hub, some not: nothing stays open or alive."""
    assert run("""
import gc
def work(destroy):
    a, b = gevent.socket.socketpair()
    reader = gevent.spawn(a.recv, 1)
    gevent.sleep(0.001)
    b.send(b"x")
    assert reader.get() == b"x"
    a.close()
    b.close()
    if destroy:
        get_hub().destroy()
def round():
    threads = [threading.Thread(target=work, args=(i % 2,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
def state():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(gc.get_objects())
for _ in range(5):
    round()
before = state()
for _ in range(15):
    round()
after = state()
assert after[0] <= before[0], (before, after)
assert after[1] <= before[1] + 50, (before, after)
print("fine")
""") == "fine\n"


def test_the_hub_s_own_descriptors_stay_open():
    assert run("""
gevent.sleep(0.001)
a, b = gevent.socket.socketpair()
reader = gevent.spawn(a.recv, 1)
gevent.sleep(0.001)
gevent.os.close(get_hub().loop.fileno())
gevent.sleep(0.001)
b.send(b"x")
print(reader.get())
""") == "b'x'\n"


def test_a_program_that_becomes_a_daemon():
    assert run("""
import gevent.monkey
gevent.monkey.patch_all()
import socket
gevent.sleep(0.001)
if os.fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
for descriptor in range(3, 256):
    try:
        os.close(descriptor)
    except OSError:
        pass
a, b = socket.socketpair()
reader = gevent.spawn(a.recv, 1)
gevent.sleep(0.001)
b.send(b"x")
print(reader.get(), flush=True)
os._exit(0)
""") == "b'x'\n"

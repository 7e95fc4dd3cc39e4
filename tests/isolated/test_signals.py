"""Ctrl-C and other signals, in processes of their own."""

import signal
import textwrap

import pytest

from isolated.process import Process, run

SLEEPING = {
    "sleep": "gevent.sleep(60)",
    "event": "gevent.spawn(gevent.sleep, 60); Event().wait()",
    "join": "gevent.spawn(gevent.sleep, 60).join()",
    "get": "gevent.spawn(gevent.sleep, 60).get()",
    "socket": "a, b = gevent.socket.socketpair(); a.recv(1)",
    "threadpool": "get_hub().threadpool.apply(time.sleep, (1,)); gevent.sleep(60)",
    "hub.join": "gevent.spawn(gevent.sleep, 60); get_hub().join()",
}
RUNNING = {
    "yielding greenlets": """
        def work():
            while True:
                gevent.sleep(0)
        for _ in range(5):
            gevent.spawn(work)
        gevent.sleep(60)
        """,
    "a busy greenlet": """
        def work():
            while True:
                pass
        gevent.spawn(work)
        gevent.sleep(60)
        """,
    "timers": """
        def work():
            while True:
                gevent.sleep(0.0001)
        for _ in range(5):
            gevent.spawn(work)
        gevent.sleep(60)
        """,
    "callbacks": """
        def again():
            get_hub().loop.run_callback(again)
        again()
        gevent.sleep(60)
        """,
    "another thread's hub": """
        def work():
            while not done:
                gevent.sleep(0.01)
        done = []
        thread = threading.Thread(target=work)
        thread.start()
        try:
            gevent.sleep(60)
        finally:
            done.append(1)
            thread.join()
        """,
}


def interrupted(waiting, times=1):
    """Interrupt a program that waits, so many times; it must catch each."""
    lines = textwrap.indent(textwrap.dedent(waiting).strip(), " " * 8)
    process = Process(f"""
for _ in range({times}):
    try:
        get_hub().loop.run_callback(lambda: print("ready", flush=True))
{lines}
    except KeyboardInterrupt:
        assert gevent.getcurrent() is get_hub().parent
        print("interrupted", flush=True)
os._exit(0)
""")
    for _ in range(times):
        process.wait_for()
        process.signal(signal.SIGINT)
    code, out, _ = process.end()
    assert code == 0 and out.count("interrupted") == times


@pytest.mark.parametrize("waiting", [*SLEEPING, *RUNNING])
def test_ctrl_c_interrupts_the_main_greenlet(waiting):
    interrupted({**SLEEPING, **RUNNING}[waiting])


@pytest.mark.parametrize("waiting", ["sleep", "yielding greenlets"])
def test_ctrl_c_again_and_again(waiting):
    interrupted({**SLEEPING, **RUNNING}[waiting], times=5)


def test_ctrl_c_ends_a_program():
    process = Process("""
get_hub().loop.run_callback(lambda: print("ready", flush=True))
gevent.sleep(60)
""")
    process.wait_for()
    process.signal(signal.SIGINT)
    code, _, err = process.end()
    assert code == -signal.SIGINT and "KeyboardInterrupt" in err


def test_a_handler_runs_while_the_hub_sleeps():
    process = Process("""
def handle(number, frame):
    seen.append(number)
    got.set()
seen, got = [], Event()
signal.signal(signal.SIGTERM, handle)
get_hub().loop.run_callback(lambda: print("ready", flush=True))
timer = gevent.spawn(gevent.sleep, 60)
got.wait()
print(seen == [signal.SIGTERM])
os._exit(0)
""")
    process.wait_for()
    process.signal(signal.SIGTERM)
    assert process.end()[:2] == (0, "ready\nTrue\n")


def test_a_handler_may_end_the_program():
    process = Process("""
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(5))
get_hub().loop.run_callback(lambda: print("ready", flush=True))
try:
    gevent.sleep(60)
finally:
    print("finally", flush=True)
""")
    process.wait_for()
    process.signal(signal.SIGTERM)
    assert process.end() == (5, "ready\nfinally\n", "")


def test_signal_watchers():
    process = Process("""
got = Event()
seen = []
gevent.signal_handler(signal.SIGTERM, lambda word: (seen.append(word), gevent.sleep(0), got.set()), "word")
waiting = gevent.spawn(gevent.sleep, 60)
get_hub().loop.run_callback(lambda: print("ready", flush=True))
got.wait()
print(seen)
os._exit(0)
""")
    process.wait_for()
    process.signal(signal.SIGTERM)
    assert process.end() == (0, "ready\n['word']\n", "")


def test_what_was_installed_before_a_watcher_is_put_back():
    assert run("""
seen = []
signal.signal(signal.SIGUSR1, lambda *args: seen.append("handler"))
loop = get_hub().loop
for stop in (lambda watcher: watcher.stop(), lambda watcher: loop.destroy()):
    watcher = loop.signal(signal.SIGUSR1)
    watcher.start(lambda: (seen.append("watcher"), stop(watcher)))
    os.kill(os.getpid(), signal.SIGUSR1)
    try:
        gevent.sleep(0.01)
    except ValueError:
        pass  # the loop is no more
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0)
print(seen)
""") == "['watcher', 'handler', 'watcher', 'handler']\n"


def test_the_handler_of_sigchld_is_put_back_after_a_child_watcher_needed_it():
    assert run("""
seen = []
signal.signal(signal.SIGCHLD, lambda *args: seen.append("handler"))
child = os.fork()
if not child:
    time.sleep(0.01)
    os._exit(3)
event = Event()
watcher = get_hub().loop.child(child, trace=True)
watcher.start(event.set)
assert event.wait(10)
print(os.waitstatus_to_exitcode(watcher.rstatus))
watcher.stop()
seen.clear()
if not os.fork():
    os._exit(0)
os.wait()
print(seen)
""") == "3\n['handler']\n"


@pytest.mark.parametrize("patched", [False, True])
def test_a_programs_own_wakeup_descriptor(patched):
    """A handler runs at once though the hub sleeps, and the byte arrives, too."""
    process = Process(f"""
if {patched}:
    from gevent import monkey
    monkey.patch_all()
got = Event()
signal.signal(signal.SIGTERM, lambda *args: got.set())
gevent.sleep(0)
r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
get_hub().loop.run_callback(lambda: print("ready", flush=True))
gevent.spawn(gevent.sleep, 60)
got.wait()
print(os.read(r, 10) == bytes([signal.SIGTERM]))
os._exit(0)
""")
    process.wait_for()
    process.signal(signal.SIGTERM)
    assert process.end()[:2] == (0, "ready\nTrue\n")


def test_the_wakeup_descriptor_reads_as_the_program_set_it():
    assert run("""
from gevent import monkey
monkey.patch_all()
gevent.sleep(0.001)
fds = [os.pipe()[1] for _ in range(2)]
seen = []
for fd in [fds[0], fds[1], -1, fds[1], fds[1]]:
    os.set_blocking(fd, False) if fd >= 0 else None
    seen.append(signal.set_wakeup_fd(fd))
    gevent.sleep(0.03)
    gevent.sleep(0.03)
print(seen == [-1, fds[0], fds[1], -1, fds[1]])
try:
    signal.set_wakeup_fd(1000)
except OSError:
    print(signal.set_wakeup_fd(-1) == fds[1])
""") == "True\nTrue\n"


def test_a_wakeup_descriptor_that_was_closed_meanwhile():
    """Whatever has its number then is not written to."""
    assert run("""
signal.signal(signal.SIGUSR1, lambda *args: None)
r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
gevent.sleep(0.03)
gevent.sleep(0.03)
r2, w2 = os.pipe()
os.set_blocking(r2, False)
os.dup2(w2, w)
os.kill(os.getpid(), signal.SIGUSR1)
gevent.sleep(0.03)
try:
    os.read(r2, 1)
except BlockingIOError:
    print("nothing")
""") == "nothing\n"


def test_the_wakeup_descriptor_is_given_back():
    assert run("""
r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
gevent.sleep(0.03)
get_hub().destroy(destroy_loop=True)
print(signal.set_wakeup_fd(-1) == w)
""") == "True\n"


def test_the_slot_is_claimed_again_once_it_is_free():
    assert run("""
gevent.sleep(0)
mine = signal.set_wakeup_fd(-1)
assert mine >= 0
gevent.sleep(0.03)
gevent.sleep(0.03)
print(signal.set_wakeup_fd(-1) == mine)
""") == "True\n"


def test_the_slot_is_given_back():
    assert run("""
gevent.sleep(0)
get_hub().destroy(destroy_loop=True)
print(signal.set_wakeup_fd(-1))
""") == "-1\n"


def test_signals_at_random_moments():
    """Hundreds of them, of all kinds, while greenlets, threads, timers, sockets and children are at work."""
    assert run("""
import random
counts = dict.fromkeys(["int", "term", "usr1", "watched"], 0)
def count(name):
    counts[name] += 1
armed = []
def interrupt(*args):
    counts["int"] += 1
    if armed:  # once, and not before somebody will catch it
        armed.clear()
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
signal.signal(signal.SIGTERM, lambda *args: count("term"))
signal.signal(signal.SIGUSR1, lambda *args: count("usr1"))
gevent.signal_handler(signal.SIGUSR2, count, "watched")
parent = os.getpid()
sender = os.fork()
if not sender:
    chance = random.Random(8)
    for _ in range(400):
        time.sleep(chance.random() * 0.002)
        os.kill(parent, chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2]))
    os._exit(0)

get_hub().exception_stream = None
stop = []
def work(function, *args):
    while not stop:
        function(*args)
def ping(a, b):
    a.send(b"x")
    b.recv(1)
    gevent.sleep(0.0003)
def spin():
    gevent.sleep(0)
def pool():
    get_hub().threadpool.apply(time.sleep, (0.0002,))
works = [(ping, *gevent.socket.socketpair()) for _ in range(3)] + [(spin,), (pool,)]
workers = [None] * len(works)
pool()  # imported: an interrupt in the import system's weak references would be printed
interrupted = 0
ended = False
def round():  # its own function: 3.13's for loop steps out of a try for one instruction
    armed.append(1)
    for i, worker in enumerate(workers):
        if worker is None or worker.dead:  # by the interrupt
            workers[i] = gevent.spawn(work, *works[i])
    gevent.sleep(0.002)
    armed.clear()
    return os.waitpid(sender, os.WNOHANG)[0]
while not ended:
    try:
        ended = round()
    except KeyboardInterrupt:
        interrupted += 1
gevent.sleep(0.01)
stop.append(1)
gevent.joinall(workers)
assert all(worker.successful() or isinstance(worker.exception, KeyboardInterrupt) for worker in workers)
assert interrupted and all(counts.values()), counts
a, b = gevent.socket.socketpair()
ping(a, b)
print(gevent.spawn(lambda: "alive").get())
""") == "alive\n"


def test_watchers_outlive_the_closing_of_all_descriptors():
    assert run("""
    seen = []
    watchers = [get_hub().loop.signal(signal.SIGUSR1)]
    watchers[0].start(seen.append, "begun before")
    gevent.sleep(0.001)
    for fd in range(3, 100):
        try:
            gevent.os.close(fd)
        except OSError:
            pass
    watchers.append(get_hub().loop.signal(signal.SIGUSR1))
    watchers[1].start(seen.append, "begun after")
    os.kill(os.getpid(), signal.SIGUSR1)
    gevent.sleep(0.01)
    print(seen)
    """) == "['begun before', 'begun after']\n"


def test_each_threads_loop_that_watches_hears_of_it():
    assert run("""
    started, heard = threading.Semaphore(0), []
    def listen():
        event = Event()
        with get_hub().loop.signal(signal.SIGUSR1) as watcher:
            watcher.start(event.set)
            started.release()
            heard.append(event.wait(10))
    threads = [threading.Thread(target=listen) for _ in range(3)]
    for thread in threads:
        thread.start()
        started.acquire()
    threads.append(gevent.spawn(listen))
    gevent.sleep(0.001)
    os.kill(os.getpid(), signal.SIGUSR1)
    for thread in threads:
        thread.join()
    print(heard, signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL)
    """) == "[True, True, True, True] True\n"


def test_a_forked_child_does_not_hear_what_came_before():
    assert run("""
    heard = []
    watcher = get_hub().loop.signal(signal.SIGUSR1)
    watcher.start(heard.append, 1)
    gevent.sleep(0.001)
    os.kill(os.getpid(), signal.SIGUSR1)
    pid = os.fork()
    gevent.sleep(0.001)
    before = list(heard)
    if not pid:
        os.kill(os.getpid(), signal.SIGUSR1)
    while not heard:
        gevent.sleep(0.001)
    if pid:
        print(heard, os.waitpid(pid, 0)[1])
    else:
        os._exit((before, heard) != ([], [1]))
    """) == "[1] 0\n"


def test_a_signal_that_cannot_be_watched():
    assert run("""
    watcher = get_hub().loop.signal(signal.SIGKILL)
    try:
        watcher.start(print)
    except OSError as error:
        print(error.errno, watcher.active)
    """) == "22 False\n"

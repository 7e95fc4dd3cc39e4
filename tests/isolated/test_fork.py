"""Forks: the child's hub works, the parent's is undisturbed, whoever forks and whatever is under way."""

import pytest

from isolated.process import run

CHECK = """
def check():
    # All that a hub does.
    a, b = gevent.socket.socketpair()
    echo = gevent.spawn(lambda: a.send(a.recv(5)))
    b.send(b"hello")
    echo.get(timeout=10)
    assert b.recv(5) == b"hello"
    gevent.sleep(0.001)
    event = Event()
    thread = threading.Thread(target=lambda: get_hub_of_main.loop.run_callback_threadsafe(event.set))
    get_hub_of_main = get_hub()
    thread.start()
    assert event.wait(10)
    thread.join()
    assert get_hub().threadpool.apply(lambda: 3) == 3
    with get_hub().loop.signal(signal.SIGUSR2) as watcher:
        event = Event()
        watcher.start(event.set)
        os.kill(os.getpid(), signal.SIGUSR2)
        assert event.wait(10)
    event = Event()
    before = signal.signal(signal.SIGUSR1, lambda *args: event.set())
    threading.Thread(target=lambda: (time.sleep(0.001), os.kill(os.getpid(), signal.SIGUSR1))).start()
    assert event.wait(10)
    signal.signal(signal.SIGUSR1, before)

def child_of(fork, *args):
    # The number of a child that calls `args`, then check().
    return fork() or leave(*args, check)

def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

FORKS = ["os.fork", "gevent.fork"]


@pytest.mark.parametrize("fork", FORKS)
def test_both_go_on(fork):
    assert run(CHECK + f"""
check()
pid = child_of({fork})
check()
assert ended(pid) == 0
check()
print("fine")
""") == "fine\n"


@pytest.mark.parametrize("fork", FORKS)
def test_without_a_hub_before(fork):
    assert run(CHECK + f"""
pid = child_of({fork})
assert ended(pid) == 0
check()
print("fine")
""") == "fine\n"


@pytest.mark.parametrize("fork", FORKS)
def test_in_a_greenlet_in_a_callback_and_in_a_child(fork):
    assert run(CHECK + f"""
check()
assert ended(gevent.spawn(child_of, {fork}).get()) == 0
pids = []
get_hub().loop.run_callback(lambda: pids.append({fork}()))
gevent.sleep(0.001)
if not pids[0]:
    check()
    os._exit(7)
assert ended(pids[0]) == 7
def grandchild():
    assert ended(child_of({fork})) == 0
assert ended(child_of({fork}, check, grandchild)) == 0
check()
print("fine")
""") == "fine\n"


@pytest.mark.parametrize("fork", FORKS)
def test_what_the_child_closes_stays_registered_in_the_parent(fork):
    assert run(CHECK + f"""
a, b = gevent.socket.socketpair()
reader = gevent.spawn(a.recv, 1)
timer = gevent.spawn_later(30, print, "late")
io = get_hub().loop.io(b.fileno(), 1)
io.start(print, "never")
gevent.sleep(0.001)
def close_all():
    get_hub().exception_stream = None
    io.stop()
    a.close()
    b.close()
    get_hub().loop.destroy()
    get_hub().destroy()
assert ended(child_of({fork}, close_all)) == 0
b.send(b"x")
assert reader.get(timeout=10) == b"x"
timer.kill()
print("fine")
""") == "fine\n"


@pytest.mark.parametrize("fork", FORKS)
def test_in_another_thread(fork):
    assert run(CHECK + f"""
check()
def work():
    # check() uses a threadpool and signals: in the child this is the main thread.
    assert ended(child_of({fork})) == 0
    gevent.sleep(0.001)
    assert ended(child_of({fork})) == 0
thread = threading.Thread(target=work)
thread.start()
while thread.is_alive():
    gevent.sleep(0.001)
check()
print("fine")
""") == "fine\n"


@pytest.mark.parametrize("fork", FORKS)
def test_while_other_threads_hubs_sleep_and_run(fork):
    assert run(CHECK + f"""
check()
stop = []
def sleep():
    while not stop:
        gevent.sleep(0.05)
def spin():
    a, b = gevent.socket.socketpair()
    while not stop:
        a.send(b"x")
        b.recv(1)
        gevent.sleep(0)
threads = [threading.Thread(target=work) for work in (sleep, sleep, spin, spin)]
for thread in threads:
    thread.start()
for _ in range(10):
    gevent.sleep(0.002)
    assert ended(child_of({fork})) == 0
stop.append(1)
for thread in threads:
    thread.join()
check()
print("fine")
""") == "fine\n"


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("again", ["pass", "gevent.reinit()"])
def test_fork_watchers_fire_once_in_the_child_alone(fork, again):
    assert run(CHECK + f"""
seen = []
watcher = get_hub().loop.fork(ref=False)
watcher.start(seen.append, 1)
gevent.sleep(0)
def in_child():
    if {fork} is os.fork:
        {again}
    gevent.sleep(0.001)
    assert seen == [1], seen
assert ended(child_of({fork}, in_child)) == 0
gevent.sleep(0.001)
print(seen)
""") == "[]\n"


def test_reinit_without_a_fork():
    assert run(CHECK + """
check()
seen = []
watcher = get_hub().loop.fork(ref=False)
watcher.start(seen.append, 1)
gevent.reinit()
gevent.sleep(0.001)
check()
print(seen)
""") == "[1]\n"


def test_greenlets_go_on_in_the_child_of_a_bare_fork():
    assert run(CHECK + """
a, b = gevent.socket.socketpair()
reader = gevent.spawn(a.recv, 1)
sleeper = gevent.spawn_later(0.02, lambda: "woken")
gevent.sleep(0)
pid = os.fork()
if not pid:
    # Its own end of the pair: the parent reads nothing of it.
    assert sleeper.get() == "woken"
    assert not reader.ready()
    os._exit(0)
assert ended(pid) == 0
assert sleeper.get() == "woken"
b.send(b"y")
assert reader.get() == b"y"
print("fine")
""") == "fine\n"


def test_generations_of_forks_leave_no_descriptor_open():
    before, after = run(CHECK + """
check()
def descriptors():
    return len(os.listdir("/proc/self/fd"))
def generations(count):
    gevent.sleep(0.0001)
    if not count:
        print(descriptors(), flush=True)
        return
    pid = os.fork()
    if not pid:
        generations(count - 1)
        os._exit(0)
    assert ended(pid) == 0
print(descriptors(), flush=True)
generations(8)
""").split()
    assert after == before


def test_multiprocessing():
    run("""
import multiprocessing
context = multiprocessing.get_context("fork")
def work(connection):
    gevent.sleep(0.001)
    connection.send(gevent.spawn(lambda: 5).get())
gevent.sleep(0.001)
ours, theirs = context.Pipe()
process = context.Process(target=work, args=(theirs,))
process.start()
assert ours.recv() == 5
process.join()
assert process.exitcode == 0
gevent.sleep(0.001)
""")


@pytest.mark.parametrize("daemon", [False, True])
def test_in_the_child_of_a_thread_all_others_can_be_joined(daemon):
    assert run(f"""
import gevent.monkey
gevent.monkey.patch_all()
import threading
others = [threading.current_thread(), threading.Thread(target=gevent.sleep, args=(30,), daemon={daemon})]
others[1].start()
def work():
    if os.fork():
        os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
    for other in others:
        other.join()
    print([other.is_alive() for other in others], flush=True)
    os._exit(0)
threading.Thread(target=work).start()
""") == "[False, False]\n"


def test_while_another_thread_is_inside_the_signal_handler():
    """The thread stays in the handler: a full pipe stands where the handler writes to."""
    assert run("""
import fcntl
def events():
    # The numbers of eventfds.
    return {fd for fd in os.listdir("/proc/self/fd") if "eventfd" in os.path.realpath("/proc/self/fd/" + fd)}

def work():
    global tid
    tid = threading.get_native_id()
    watcher = get_hub().loop.signal(signal.SIGUSR1)
    watcher.start(lambda: None)
    ready.release()
    gevent.sleep(60)

before = events()
ready = threading.Semaphore(0)
worker = threading.Thread(target=work, daemon=True)
worker.start()
ready.acquire()
numbers = {int(fd) for fd in events() - before}
writes = set(map(hex, numbers))
get_hub()  # its loop is younger
r, w = os.pipe()
os.set_blocking(w, False)
try:
    while True: os.write(w, b"x" * 65536)
except BlockingIOError: pass
os.set_blocking(w, True)
for number in numbers: os.dup2(w, number)
signal.pthread_kill(worker.ident, signal.SIGUSR1)
while not writes & set(open(f"/proc/self/task/{tid}/syscall").read().split()[1:2]): pass
pid = os.fork() or os._exit(0)
deadline = time.monotonic() + 20
ended = (0, 0)
while ended == (0, 0) and time.monotonic() < deadline:
    ended = os.waitpid(pid, os.WNOHANG)
if ended == (0, 0):
    os.kill(pid, signal.SIGKILL)
print(ended == (pid, 0), flush=True)
os._exit(0)
""") == "True\n"


@pytest.mark.parametrize("fork", FORKS)
def test_after_the_loop_was_destroyed(fork):
    assert run(CHECK + f"""
get_hub().loop.destroy()
pid = {fork}() or os._exit(0)
assert ended(pid) == 0
get_hub().destroy()
pid = child_of({fork})
assert ended(pid) == 0
check()
print("fine")
""") == "fine\n"


def test_signals_that_another_thread_watches_are_nobodys():
    assert run("""
def work():
    watcher = get_hub().loop.signal(signal.SIGTERM)
    watcher.start(lambda: None)
    ready.release()
    gevent.sleep(60)

ready = threading.Semaphore(0)
threading.Thread(target=work, daemon=True).start()
ready.acquire()
pid = os.fork()
if not pid:
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM, flush=True)
os._exit(0)
""") == "True\n"

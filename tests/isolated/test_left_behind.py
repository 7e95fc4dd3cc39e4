"""In a forked child only the greenlet that forked goes on: all that was under way for another comes to nothing."""

import pytest

from isolated.process import run

BEGIN = """
from gevent import Timeout
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore, RLock, Semaphore
from gevent.pool import Pool
from gevent.queue import Channel, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def park(function, *args):
    # A greenlet that must not be seen in the child, not even by its `finally`.
    def body():
        try:
            function(*args)
        except BaseException as error:
            say(error)
        finally:
            say("was here")
    return gevent.spawn(body)

def in_child(function):
    # Call it in a child, where the parked are left behind; the parent then leaves without a word.
    pid = gevent.fork()
    if pid:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    leave(lambda: gevent.with_timeout(20, function), lambda: gevent.sleep(0.002))
"""

# What a greenlet waits for, and what then must work in the child, and print "fine".
WAITS = {
    "Queue.get": ("q = Queue(); park(q.get)", "q.put(1); gevent.sleep(0); q.get(timeout=1)"),
    "Queue.put": ("q = Queue(1); q.put(1); park(q.put, 2)", "q.get(); gevent.sleep(0); q.put(3, timeout=1); assert q.get() == 3"),
    "LifoQueue.get": ("q = LifoQueue(); park(q.get)", "q.put(1); gevent.sleep(0); q.get(timeout=1)"),
    "PriorityQueue.get": ("q = PriorityQueue(); park(q.get)", "q.put(1); gevent.sleep(0); q.get(timeout=1)"),
    "SimpleQueue.get": ("q = SimpleQueue(); park(q.get)", "q.put(1); gevent.sleep(0); q.get(timeout=1)"),
    "JoinableQueue.join": ("q = JoinableQueue(); q.put(1); park(q.join)", "q.get(); q.task_done(); q.join()"),
    "Queue.shutdown": (
        "q = Queue(1); park(q.get) if hasattr(q, 'shutdown') else None",
        "q.shutdown() if hasattr(q, 'shutdown') else None; gevent.sleep(0)",
    ),
    "Channel.get": ("c = Channel(); park(c.get)", "g = gevent.spawn(c.get); c.put(1, timeout=1); g.get()"),
    "Channel.put": ("c = Channel(); park(c.put, 0)", "g = gevent.spawn(c.put, 1); assert c.get(timeout=1) == 1"),
    "Semaphore": ("s = Semaphore(0); park(s.acquire)", "s.release(); gevent.sleep(0); assert s.acquire(timeout=1)"),
    "BoundedSemaphore": (
        "s = BoundedSemaphore(1); s.acquire(); park(s.acquire)",
        "s.release(); gevent.sleep(0); assert s.acquire(timeout=1)",
    ),
    "RLock": (
        "r = RLock(); r.acquire(); park(r.acquire)",
        "r.release(); assert gevent.spawn(r.acquire, timeout=1).get()",
    ),
    "Lock": (
        "from gevent.thread import LockType; k = LockType(); k.acquire(); park(k.acquire)",
        "k.release(); gevent.sleep(0); assert k.acquire(timeout=1)",
    ),
    "Event": ("e = Event(); park(e.wait)", "e.set(); gevent.sleep(0)"),
    "AsyncResult": ("a = AsyncResult(); park(a.get)", "a.set(1); gevent.sleep(0)"),
    "wait": ("e = Event(); park(gevent.wait, [e])", "e.set(); gevent.sleep(0)"),
    "iwait": ("e = Event(); park(list, gevent.iwait([e]))", "e.set(); gevent.sleep(0)"),
    "join": ("g = gevent.spawn_later(0.01, int); park(g.join)", "gevent.sleep(0.02)"),
    "sleep": ("park(gevent.sleep, 0.005)", "gevent.sleep(0.02)"),
    "sleep(0)": ("park(lambda: [gevent.sleep(0) for _ in range(9)])", "gevent.sleep(0)"),
    "a Waiter": ("from gevent.hub import Waiter; w = Waiter(); park(w.get)", "get_hub().loop.run_callback(w.switch, 1); gevent.sleep(0)"),
    "idle": ("park(lambda: [gevent.idle() for _ in range(9)])", "gevent.sleep(0.002)"),
    "a Timeout": ("park(gevent.with_timeout, 0.005, Event().wait)", "gevent.sleep(0.02)"),
    "a Timeout of another kind": (
        "class Mine(Timeout):\\n    def _on_expiration(self, *args): say('expired')\\n"
        "park(lambda: (Mine(0.005).start(), Event().wait()))",
        "gevent.sleep(0.02)",
    ),
    "its start": ("gevent.spawn(say, 'started')", ""),
    "its start, later": ("gevent.spawn_later(0.005, say, 'started')", "gevent.sleep(0.02)"),
    "its kill": ("g = park(Event().wait); gevent.sleep(0); g.kill(block=False)", ""),
    "the kill of a function": ("g = park(Event().wait); gevent.sleep(0); gevent.kill(g)", ""),
    "room in a pool": ("p = Pool(1); p.spawn(gevent.sleep, 0.005); park(p.spawn, say, 'spawned')", "gevent.sleep(0.02)"),
    "a socket": ("x, y = gevent.socket.socketpair(); park(x.recv, 1)", "y.send(b'a'); assert x.recv(1) == b'a'"),
    "the threadpool": ("park(get_hub().threadpool.apply, time.sleep, (0.005,))", "gevent.sleep(0.02)"),
}


@pytest.mark.parametrize("wait", WAITS)
def test_who_waited_for(wait):
    before, after = WAITS[wait]
    assert run(BEGIN + before.replace("\\n", "\n") + f"""
if {"kill" not in wait and "start" not in wait}:
    gevent.sleep(0)
def child():
    {after or "pass"}
    say("fine")
in_child(child)
""") == "fine\n"


@pytest.mark.parametrize("due", ["gevent.sleep, 0.001", "gevent.with_timeout, 0.001, Event().wait"])
def test_whose_turn_was_next(due):
    """The poll has found it due as well, just after the one who forks."""
    assert run(BEGIN + f"""
park({due})
gevent.spawn(time.sleep, 0.02)  # all of the thread's: both are due then
gevent.sleep(0.0005)
in_child(lambda: (gevent.sleep(0.01), say("fine")))
""") == "fine\n"


def test_time_outs_of_who_forks_stay():
    assert run(BEGIN + """
def child():
    try:
        gevent.sleep(10)
    except Timeout as error:
        say(error is timeout)
timeout = Timeout(0.02)
timeout.start()
in_child(child)
""") == "True\n"


def test_nothing_of_others_keeps_the_child():
    assert run(BEGIN + """
from gevent.exceptions import LoopExit
park(gevent.sleep, 1000)
park(gevent.with_timeout, 1000, Event().wait)
gevent.spawn_later(1000, int)
gevent.sleep(0)
pid = gevent.fork()
if pid:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
try:
    Event().wait()
except LoopExit:
    say("nothing is left")
os._exit(0)
""") == "nothing is left\n"


def test_a_kill_that_the_child_asks_for():
    assert run(BEGIN + """
victim = park(Event().wait)
gevent.sleep(0)
in_child(victim.kill)
""") == "GreenletExit\nwas here\n".replace("GreenletExit\n", "\n")


ENDS = {
    "its end": ("pass", 0, ""),
    "its error": ("raise ValueError", 0, "ValueError"),
    "sys.exit": ("sys.exit(3)", 3, ""),
    "sys.exit with words": ("sys.exit('words')", 1, "words"),
    "Ctrl-C": ("os.kill(os.getpid(), signal.SIGINT); gevent.sleep(1)", 1, "KeyboardInterrupt"),
    "gevent.kill()": ("gevent.kill()", 0, ""),
}


@pytest.mark.parametrize("wait", ["greenlet.join()", "gevent.sleep(0.2)", "get_hub().join()", "spin()"])
@pytest.mark.parametrize("end", ENDS)
def test_the_parents_main_greenlet_does_not_end_the_child(end, wait):
    code, status, error = ENDS[end]
    printed = run(BEGIN + f"""
import atexit
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(lambda: say("at exit", os.getpid() == parent))
parent = os.getpid()
read, write = os.pipe()
ended = []
def body():
    pid = os.fork()
    if pid:
        ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return
    os.dup2(write, 2)
    print("unflushed")
    {code}
def spin():
    while not greenlet.ready():
        gevent.sleep(0)
from gevent import monkey
monkey.patch_os()
greenlet = gevent.spawn(body)
try:
    {wait}
except BaseException as caught:
    say("caught", repr(caught))
finally:
    say("finally", os.getpid() == parent)
os.close(write)
errors = os.read(read, 10000).decode()
say(ended, {error!r} in errors)
""")
    assert printed.splitlines()[-3:] == ["finally True", f"[{status}] True", "at exit True"]
    assert sorted(printed.splitlines()) == sorted(["unflushed", "finally True", f"[{status}] True", "at exit True"])


def test_the_main_greenlet_goes_on_when_a_handler_of_a_signal_forks():
    assert run(BEGIN + """
from gevent import monkey
monkey.patch_os()
def handler(*_):
    global pid
    pid = os.fork()
    event.set()
event = Event()
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.01)
with Timeout(10):
    event.wait()
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    say("parent")
else:
    gevent.sleep(0.001)
    say("child")
""") == "child\nparent\n"

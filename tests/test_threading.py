"""`threading` and `_thread`, patched."""

from isolated.run import check_code, run_code


def test_threads_are_greenlets_of_one_native_thread():
    check_code(
        """
        import threading, time
        native = monkey.get_original("_thread", "get_ident")
        order = []
        def body(number):
            order.append(number)
            time.sleep(0.001)
            order.append((number, native() == here, threading.current_thread().name))
        here = native()
        threads = [threading.Thread(target=body, args=(n,), name=f"t{n}") for n in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(order)
        print(threading.enumerate() == [threading.main_thread()] == [threading.current_thread()])
        """,
        """
        [0, 1, (0, True, 't0'), (1, True, 't1')]
        True
        """,
    )


def test_main_thread_has_its_greenlets_identity():
    check_code(
        """
        import threading, gevent
        main = threading.main_thread()
        print(main.ident == threading.get_ident() == id(gevent.getcurrent()), main.is_alive())
        """,
        "True True",
    )


def test_greenlets_get_dummy_threads_that_leave():
    check_code(
        """
        import threading, gevent
        def body():
            thread = threading.current_thread()
            assert thread is threading.current_thread() and thread.is_alive() and thread.daemon
            return type(thread).__name__, len(threading.enumerate())
        print(gevent.spawn(body).get())
        gevent.sleep(0)
        print(len(threading.enumerate()))
        """,
        """
        ('_DummyThread', 2)
        1
        """,
    )


def test_a_dummy_thread_made_by_hand_in_the_main_thread():
    for patched in (False, True):
        check_code(
            """
            import threading
            import gevent.threading
            made = gevent.threading._DummyThread()
            main = threading.main_thread()
            print(type(made) is gevent.threading._DummyThread, made is main, type(main).__name__, main.is_alive())
            """,
            "True False _MainThread True",
            patched,
        )


def test_locals_are_each_greenlets():
    check_code(
        """
        import threading, gevent
        data = threading.local()
        data.x = 1
        def body():
            data.x = 2
            gevent.sleep(0)
            return data.x
        print(gevent.spawn(body).get(), data.x)
        """,
        "2 1",
    )


def test_lock():
    check_code(
        """
        import threading, gevent
        lock = threading.Lock()
        assert lock.acquire() and lock.locked() and not lock.acquire(False) and not lock.acquire(timeout=0.001)
        for args in ((False, 1), (True, -2)):
            try: lock.acquire(*args)
            except ValueError: pass
            else: raise AssertionError(args)
        served = []
        def body(n):
            with lock: served.append(n)
        greenlets = [gevent.spawn(body, n) for n in range(5)]
        gevent.sleep(0)
        print(served)
        lock.release()
        gevent.joinall(greenlets)
        print(served)
        try: lock.release()
        except RuntimeError as error: print(error)
        try: type("Sub", (threading.Lock().__class__,), {})
        except TypeError: print("final")
        """,
        """
        []
        [0, 1, 2, 3, 4]
        release unlocked lock
        final
        """,
    )


def test_a_spinning_program_goes_on():
    check_code(
        """
        import threading, gevent
        lock = threading.Lock()
        lock.acquire()
        gevent.spawn(lock.release)
        while not lock.acquire(False): pass
        print("taken")
        """,
        "taken",
    )


def test_a_worker_that_never_waits_lets_others_run():
    """Its queue always has more: each task submits the next."""
    check_code(
        """
        import threading, gevent
        from concurrent.futures import ThreadPoolExecutor
        stop = threading.Event()

        def again(pool):
            if not stop.is_set():
                pool.submit(again, pool)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(again, pool)
            gevent.sleep(0.001)
            stop.set()
        print("stopped")
        """,
        "stopped",
    )


def test_an_rlock_takes_the_arguments_that_the_native_one_takes():
    check_code(
        """
        import threading, warnings
        warnings.simplefilter("ignore")
        native = monkey.get_original("_thread", "RLock")

        def refused(make, *args, **kwargs):
            try:
                make(*args, **kwargs)
            except TypeError:
                return True

        for args, kwargs in ((), {}), ((1,), {}), ((), {"x": 1}):
            assert refused(native, *args, **kwargs) is refused(threading.RLock, *args, **kwargs), (args, kwargs)
        """,
        "",
    )


def test_identifiers_for_the_system():
    """The system's functions get the native thread's, whichever thread's greenlet is meant."""
    check_code(
        """
        import gevent, signal, threading, time
        from gevent.threadpool import ThreadPool
        real = monkey.get_original("_thread", "get_ident")
        signal.signal(signal.SIGUSR1, lambda *args: print("signal"))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        thread = threading.Thread(target=time.sleep, args=(0.01,))
        thread.start()
        signal.pthread_kill(thread.ident, signal.SIGUSR1)
        signal.pthread_kill(real(), signal.SIGUSR1)
        clock = monkey.get_original("time", "pthread_getcpuclockid")
        assert time.pthread_getcpuclockid(thread.ident) == clock(real())

        def elsewhere():
            gevent.sleep(0)
            idents.append((threading.get_ident(), real()))
            done.wait()

        from gevent.event import Event
        from greencore.thread import native_ident
        idents, done, pool = [], Event(), ThreadPool(1)
        job = pool.spawn(elsewhere)
        while not idents:
            gevent.sleep(0.001)
        print(native_ident(idents[0][0]) == idents[0][1])
        done.set()
        job.get()
        """,
        "signal\nsignal\nsignal\nTrue",
    )


def test_a_killed_waiter_leaves_the_lock_to_the_next():
    check_code(
        """
        import threading, gevent
        lock = threading.Lock()
        lock.acquire()
        first, second = gevent.spawn(lock.acquire), gevent.spawn(lock.acquire)
        gevent.sleep(0)
        first.kill(block=False)
        lock.release()
        print(second.get(timeout=5), lock.locked())
        """,
        "True True",
    )


def test_rlock_belongs_to_a_greenlet():
    check_code(
        """
        import threading, gevent
        lock = threading.RLock()
        with lock, lock:
            print(gevent.spawn(lock.acquire, False).get(), lock._is_owned())
        print(gevent.spawn(lock.acquire, timeout=1).get())
        """,
        """
        False True
        True
        """,
    )


def test_condition_semaphore_barrier_timer():
    check_code(
        """
        import threading
        condition, ready = threading.Condition(), []
        def waiter():
            with condition:
                condition.wait_for(lambda: ready)
                ready.append(2)
        thread = threading.Thread(target=waiter)
        thread.start()
        with condition:
            ready.append(1)
            condition.notify_all()
        thread.join()
        barrier = threading.Barrier(2)
        other = threading.Thread(target=barrier.wait)
        other.start()
        barrier.wait()
        fired = threading.Event()
        timer = threading.Timer(0.001, fired.set)
        timer.start()
        print(ready, fired.wait(5), threading.Semaphore(2).acquire())
        """,
        "[1, 2] True True",
    )


def test_excepthook():
    check_code(
        """
        import threading
        threading.excepthook = lambda args: print(args.exc_type.__name__, args.thread.name)
        def fail(): raise KeyError
        thread = threading.Thread(target=fail, name="unlucky")
        thread.start(); thread.join()
        """,
        "KeyError unlucky",
    )


def test_raw_threads():
    check_code(
        """
        import _thread, sys, time
        sys.unraisablehook = lambda args: print(type(args.exc_value).__name__)
        def fail(*args, **kwargs):
            print(args, kwargs, _thread._count())
            raise KeyError
        _thread.start_new_thread(fail, (1,), {"a": 2})
        _thread.start_new_thread(_thread.exit, ())
        time.sleep(0.001)
        print(_thread._count())
        for args in ((1, ()), (print, []), (print, (), 3)):
            try: _thread.start_new_thread(*args)
            except TypeError: pass
            else: raise AssertionError(args)
        """,
        """
        (1,) {'a': 2} 1
        KeyError
        0
        """,
    )


def test_locks_and_events_between_native_threads():
    check_code(
        """
        import threading, gevent
        start = monkey.get_original("_thread", "start_new_thread")
        lock, event, count = threading.Lock(), threading.Event(), [0]
        def native():
            for _ in range(200):
                with lock: count[0] += 1
            event.set()
        def green():
            for _ in range(200):
                with lock:
                    count[0] += 1
                    gevent.sleep(0)
        greenlets = [gevent.spawn(green) for _ in range(3)]
        start(native, ())
        gevent.joinall(greenlets)
        print(event.wait(10), count)
        """,
        "True [800]",
    )


def test_interrupt_main():
    status, output = run_code(
        """
        import _thread, threading, time
        thread = threading.Thread(target=_thread.interrupt_main)
        try:
            thread.start()
            time.sleep(10)
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert (status, output) == (0, "interrupted\n")


def test_concurrent_futures():
    check_code(
        """
        import time
        from concurrent.futures import ThreadPoolExecutor, as_completed, wait
        def square(x):
            time.sleep(0.001)
            return x * x
        with ThreadPoolExecutor(3) as pool:
            print(list(pool.map(square, range(5))))
            futures = [pool.submit(square, x) for x in range(3)]
            print(sorted(future.result() for future in as_completed(futures)), len(wait(futures).done))
        """,
        """
        [0, 1, 4, 9, 16]
        [0, 1, 4] 3
        """,
    )


def test_native_threads_import_the_same_modules_at_once():
    check_code(
        """
        import sys, time
        from gevent import monkey
        start, sleep = monkey.get_original("_thread", "start_new_thread"), monkey.get_original("time", "sleep")
        sys.setswitchinterval(1e-6)
        class Slow:
            # Modules whose import takes a while.
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name.startswith("slow"):
                    from importlib.machinery import ModuleSpec
                    return ModuleSpec(name, Slow)
            @staticmethod
            def create_module(spec):
                sleep(0.001)
            @staticmethod
            def exec_module(module):
                sleep(0.001)
        sys.meta_path.insert(0, Slow)
        done = []
        def body():
            for n in range(20):
                __import__(f"slow{n}")
            done.append(1)
        for _ in range(4):
            start(body, ())
        body()
        while len(done) < 5:
            time.sleep(0.001)
        print(len(done))
        """,
        "5",
    )


def test_waiting_for_an_import_imports_nothing():
    check_code(
        """
        import _frozen_importlib, sys
        from gevent import monkey
        start, sleep = monkey.get_original("_thread", "start_new_thread"), monkey.get_original("time", "sleep")
        allocate = monkey.get_original("_thread", "allocate_lock")
        class Slow:
            # A module whose import ends when another thread waits for it.
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "slow":
                    from importlib.machinery import ModuleSpec
                    return ModuleSpec(name, Slow)
            @staticmethod
            def create_module(spec):
                pass
            @staticmethod
            def exec_module(module):
                begun.release()
                while not _frozen_importlib._module_locks["slow"]().waiters:
                    sleep(0.001)
        sys.meta_path.insert(0, Slow)
        begun, ended = allocate(), allocate()
        begun.acquire(), ended.acquire()
        def body():
            import slow
            ended.release()
        start(body, ())
        begun.acquire()
        import slow  # makes the hub, to wait in
        ended.acquire()
        print("imported")
        """,
        "imported",
    )


def test_native_threads_of_before_end_in_order():
    check_code(
        """
        import os, threading
        read, write = os.pipe()
        def body():
            os.read(read, 1)
            print(threading.current_thread() is thread)
        thread = threading.Thread(target=body)
        thread.start()
        from gevent import monkey
        monkey.patch_all()
        assert threading.enumerate() == [thread, threading.current_thread()]
        os.write(write, b"x")
        thread.join()
        print(threading.enumerate() == [threading.current_thread()], thread.is_alive())
        """,
        "True\nTrue False",
        patched=False,
    )


THREADS = """
import threading
from concurrent.futures import Future
from queue import Queue, SimpleQueue
from gevent import monkey
from gevent.exceptions import LoopExit
start, sleep = monkey.get_original("_thread", "start_new_thread"), monkey.get_original("time", "sleep")

def tell(wait):
    try:
        print(wait())
    except LoopExit:
        print("LoopExit")

def native(function, *args):
    started = monkey.get_original("threading", "Lock")()
    started.acquire()
    start(lambda: (started.release(), sleep(0.03), function(*args)), ())
    started.acquire()
"""


def test_the_main_greenlet_waits_for_native_threads_that_have_not_touched_the_object():
    check_code(
        THREADS
        + """
for queue in (Queue(), SimpleQueue()):
    native(queue.put, "item")
    tell(queue.get)
event, future, lock, condition = threading.Event(), Future(), threading.Lock(), threading.Condition()
native(event.set)
tell(event.wait)
native(future.set_result, "result")
tell(future.result)
lock.acquire()
native(lock.release)
tell(lock.acquire)
def notify():
    with condition:
        condition.notify()
native(notify)
with condition:
    tell(condition.wait)
""",
        "item\nitem\nTrue\nresult\nTrue\nTrue",
    )


def test_no_native_thread_that_could_end_the_wait():
    check_code(
        THREADS
        + """
import gevent
gevent.get_hub().threadpool.apply(len, ("",))  # its thread idles from now on
tell(threading.Event().wait)
native(len, "")  # ends, and has woken nobody
tell(threading.Event().wait)
native(sleep, 1000)
print(gevent.get_hub().join())
""",
        "LoopExit\nLoopExit\nTrue",
    )

"""The end of patched programs: whatever waits or runs, they end, and quietly."""

import sys

import pytest
from isolated.run import run_code

PROGRAMS = {
    "a parked greenlet": ("gevent.spawn(gevent.sleep, 1000); gevent.sleep(0)", ""),
    "a daemon that waits": (
        "threading.Thread(target=gevent.sleep, args=(1000,), daemon=True).start()",
        "",
    ),
    "a thread that goes on": (
        "def body():\n    time.sleep(0.01)\n    print('thread')\nthreading.Thread(target=body).start()\nprint('main')",
        "main\nthread\n",
    ),
    "a thread that joins the main one": (
        "def body():\n    threading.main_thread().join()\n    print('joined')\nthreading.Thread(target=body).start()",
        "joined\n",
    ),
    "threads that wait for each other": (
        "lock = threading.Lock()\nlock.acquire()\nthreading.Thread(target=lock.acquire).start()",
        "",
    ),
    "threads that wait for each other, and a native one that sleeps": (
        "monkey.get_original('_thread', 'start_new_thread')(monkey.get_original('time', 'sleep'), (1000,))\n"
        "lock = threading.Lock()\nlock.acquire()\nthreading.Thread(target=lock.acquire).start()",
        "",
    ),
    "a native thread that sleeps": (
        "monkey.get_original('_thread', 'start_new_thread')(monkey.get_original('time', 'sleep'), (1000,))",
        "",
    ),
    "an exit handler that waits": (
        "import atexit\natexit.register(lambda: (time.sleep(0.001), print('waited')))",
        "waited\n",
    ),
    "an executor whose workers idle": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\n"
        "print(pool.submit(len, 'ab').result())",
        "2\n",
    ),
    "a function registered with threading": (
        "done = threading.Event()\nthreading._register_atexit(done.set)\n"
        "def body():\n    done.wait()\n    print('told')\nthreading.Thread(target=body).start()",
        "told\n",
    ),
    "a greenlet that is ready": ("gevent.spawn(print, 'ready')", "ready\n"),
    "a greenlet that is ready, after sys.exit": ("import sys\ngevent.spawn(print, 'ready')\nsys.exit()", "ready\n"),
    "a link": (
        "g = gevent.spawn(len, 'ab')\ng.join()\ng.link(lambda g: print('linked', g.value))\n"
        "gevent.spawn(print, 'ready').link(print)",
        "linked 2\nready\n",
    ),
    "a callback": ("gevent.get_hub().loop.run_callback(print, 'called')", "called\n"),
    "what a ready greenlet makes ready": ("gevent.spawn(gevent.spawn, print, 'again')", ""),
    "a greenlet that is ready before a function of atexit": (
        "import atexit\natexit.register(print, 'exit')\ngevent.spawn(print, 'ready')",
        "ready\nexit\n",
    ),
    "an event set at last": (
        "from gevent.event import Event\nevent = Event()\n"
        "gevent.spawn(lambda: (event.wait(), print('woken')))\ngevent.sleep(0)\nevent.set()",
        "woken\n",
    ),
    "a wait that nothing ends": ("from gevent.event import Event\ngevent.spawn(Event().wait)", ""),
    "sys.exit in a greenlet": ("import sys\ngevent.spawn(sys.exit, 0)\ngevent.sleep(1000)", ""),
}

if sys.version_info[:2] != (3, 12):  # it starts no thread any more
    PROGRAMS["an exit handler that uses the pool"] = (
        "import atexit\natexit.register(lambda: print(gevent.get_hub().threadpool.apply(len, ('ab',))))",
        "2\n",
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_ends(name):
    code, expected = PROGRAMS[name]
    assert run_code(f"import gevent, threading, time\n{code}\n") == (0, expected)


def test_what_is_thrown_into_the_ended_program_is_reported():
    """And threads are waited for nevertheless."""
    status, output = run_code(
        """
        import gevent, sys, threading, time
        threading.Thread(target=lambda: (time.sleep(0.001), print("thread"))).start()
        gevent.spawn(gevent.getcurrent().throw, KeyError("late"))
        """
    )
    assert status == 0 and "KeyError: 'late'" in output and "thread\n" in output, output


def test_ends_though_another_thread_patched():
    assert run_code(
        """
        import threading, warnings
        warnings.simplefilter("ignore")
        def patch():
            from gevent import monkey
            monkey.patch_all()
        patching = threading.Thread(target=patch)
        patching.start()
        patching.join()
        import gevent, time
        threading.Thread(target=lambda: (time.sleep(0.001), print("thread"))).start()
        print("main", threading.main_thread().is_alive())
        """,
        patched=False,
    ) == (0, "main True\nthread\n")

"""Destructors that run when the interpreter has emptied `sys.modules`: what they call still works, for nothing needs an import then."""

import textwrap

from isolated.run import run_code

# An expression, and what it gives or raises. All names are those of the program below.
CASES = {
    "queue.get_nowait()": "Empty()",
    "queue.get(timeout=0.001)": "Empty()",
    "full.put_nowait(2)": "Full()",
    "Queue().qsize()": "0",
    "PriorityQueue(2, [2, 1]).get()": "1",
    "closed.get()": "ShutDown()",
    "waitpid(pid, 0)[1]": "768",
    "sleep(0.001)": "None",
    "spawn(len, 'ab').get()": "2",
    "spawn(len, 'ab').link(str)": "None",
    "spawn(int, 'x').get()": "ValueError(\"invalid literal for int() with base 10: 'x'\")",
    "pool.map(len, ['ab'])": "[2]",
    "list(pool.imap(len, ['ab']))": "[2]",
    "Pool(2).free_count()": "2",
    "no_place.add(Greenlet(), blocking=False)": "PoolFull()",
    "event.wait(0.001)": "False",
    "Semaphore(0).acquire(timeout=0.001)": "False",
    "with_timeout(0.001, sleep, 1, timeout_value=5)": "5",
    "select([], [], [], 0.001)": "([], [], [])",
    "socket().connect(('127.0.0.1', port))": "ConnectionRefusedError(111, 'Connection refused')",
    "loop.timer(1).active": "False",
    "loop.stat('/').active": "False",
    "kill(parked)": "None",
    "signal_handler(10, len).cancel()": "None",
    "signal.pthread_kill(get_ident(), 0)": "None",
    "BaseServer(('127.0.0.1', 0), len, 5).pool.size": "5",
    "FileObjectThread(os.pipe()[0], threadpool=pool).lock.counter": "1",
    "hub.switch()": "LoopExit",
}
PROGRAM = """
    import builtins, os, sys
    from gevent import Greenlet, get_hub, kill, signal, signal_handler, sleep, spawn, with_timeout
    from gevent.baseserver import BaseServer
    from gevent.event import Event
    from gevent.fileobject import FileObjectThread
    from gevent.lock import Semaphore
    from gevent.os import waitpid
    from gevent.pool import Pool
    from gevent.queue import PriorityQueue, Queue
    from gevent.select import select
    from gevent.socket import create_server, socket
    from gevent.thread import get_ident

    class Late:
        def __init__(self, names):
            self.names = names
        def __del__(self):
            print(sys.meta_path)
            for code in cases:
                try:
                    print(eval(code, self.names))
                except BaseException as error:
                    print("LoopExit" if type(error).__name__ == "LoopExit" else repr(error))

    pid = os.fork() or os._exit(3)
    with create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    names = dict(globals(), __builtins__=dict(vars(builtins)), queue=Queue(), full=Queue(1, [1]), closed=Queue(), pool=Pool(1),
                 no_place=Pool(0), event=Event(), hub=get_hub(), loop=get_hub().loop, parked=spawn(sleep, 100))
    names["closed"].shutdown()
    names["hub"].exception_stream = None
    sleep(0)
    Late.__del__.__globals__.update(print=print, eval=eval, repr=repr, type=type, BaseException=BaseException)
    builtins.late = Late(names)
"""


def test_nothing_is_imported_at_the_end():
    code, out = run_code(f"cases = {list(CASES)!r}\n" + textwrap.dedent(PROGRAM), patched=False)
    assert code == 0, out
    assert dict(zip(["sys.meta_path", *CASES], out.splitlines())) == {"sys.meta_path": "None", **CASES}


def test_an_error_at_the_end_is_shown():
    code, out = run_code(
        """
        import builtins, sys, gevent
        class Late:
            def __del__(self, hub=gevent.get_hub(), error=ValueError("too late"), sys=sys, print=print):
                print(sys.meta_path)
                hub.handle_error("what failed", ValueError, error, None)
        builtins.late = Late()
        """
    )
    lines = out.splitlines()
    assert (code, lines[:2]) == (0, ["None", "ValueError: too late"])
    assert lines[2].endswith(" what failed failed with ValueError") and lines[3:] in ([], [""])

"""Run a script of spawns over and over, failing one request for memory in each: the first, the second and so on, until a run
asks for no more. Prints whether runs failed, and whether one had nothing left to fail.
"""

import io

import _testcapi
import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.queue import Queue

hub = gevent.get_hub()
hub.exception_stream = io.StringIO()


def consume(queue, event):
    queue.get()
    event.wait(1)


# Without closures: 3.12 and 3.13 themselves crash where there is no memory to make one.
def script():
    queue, event = Queue(), Event()
    greenlets = [gevent.spawn(consume, queue, event) for _ in range(4)]
    gevent.sleep(0)
    for item in range(4):
        queue.put(item)
    event.set()
    gevent.joinall(greenlets, timeout=2)
    pool = Pool(2)
    assert pool.map(str, range(3)) == ["0", "1", "2"]
    g = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)
    g.kill()


gevent.spawn(script).get()  # what is made once is there
failed = fine = n = 0
while fine < 20:  # in a row: one that counts on may come out well
    n += 1
    _testcapi.set_nomemory(n, n + 1)
    try:
        script()
    except (MemoryError, AssertionError):
        _testcapi.remove_mem_hooks()
        fine = 0
    else:
        _testcapi.remove_mem_hooks()
        fine = 0 if hub.exception_stream.tell() else fine + 1
    failed += fine == 0
    hub.exception_stream.seek(0)
    hub.exception_stream.truncate()
    # Nothing is broken: greenlets and time-outs go on.
    assert gevent.spawn(lambda: 42).get(timeout=5) == 42
    with gevent.Timeout(0.001, False):
        Event().wait()
print("some failed" if failed > 20 else "too few failed")

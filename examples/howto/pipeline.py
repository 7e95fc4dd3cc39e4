"""pipeline.py: three workers take what a producer makes; a bounded queue keeps the producer from running ahead."""

import gevent
from gevent.queue import Queue, ShutDown

WORKERS = 3

jobs = Queue(maxsize=5)
results = Queue()


def produce():
    for number in range(20):
        jobs.put(number)  # waits while five are there
    jobs.shutdown()  # nothing more comes


def work():
    while True:
        try:
            number = jobs.get()
        except ShutDown:
            return
        gevent.sleep(0.005)  # in the place of a request, say
        results.put((number, number * number))


workers = [gevent.spawn(work) for _ in range(WORKERS)]
gevent.joinall([gevent.spawn(produce), *workers], raise_error=True)
squares = dict(results.get() for _ in range(results.qsize()))
print(f"{len(squares)} results, the last one {squares[19]}")

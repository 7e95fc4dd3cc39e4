"""A bounded queue: who makes waits for who takes, and Empty tells that nothing more comes."""

import gevent
from gevent.queue import Empty, Queue

loaves = Queue(maxsize=2)


def baker():
    for number in range(1, 6):
        loaves.put(number)
        print("baked", number, "with", loaves.qsize(), "on the shelf")


def shop(name):
    try:
        while True:
            print(name, "sells", loaves.get(timeout=0.05))
            gevent.sleep(0.01)
    except Empty:
        print(name, "closes")


gevent.joinall([gevent.spawn(baker), gevent.spawn(shop, "north"), gevent.spawn(shop, "south")])

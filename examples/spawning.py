"""Four ways to start a function in a greenlet."""

import gevent
from gevent import Greenlet


def greet(word, seconds=0):
    gevent.sleep(seconds)
    return f"{word}!"


class Greeter(Greenlet):
    """A greenlet class of one's own says in _run what it does."""

    def __init__(self, word):
        super().__init__()
        self.word = word

    def _run(self):
        return greet(self.word, 0.01)


greeter = Greeter("a class")
greeter.start()
greenlets = [
    Greenlet.spawn(greet, "Greenlet.spawn"),
    gevent.spawn(greet, "gevent.spawn", seconds=0.02),
    gevent.spawn_later(0.01, greet, "gevent.spawn_later"),
    greeter,
]
gevent.joinall(greenlets)
for greenlet in greenlets:
    print(greenlet.value)

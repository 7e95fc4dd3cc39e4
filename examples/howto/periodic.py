"""periodic.py: call functions again and again, at times that do not drift, until they are stopped."""

import time
import traceback

import gevent
from gevent.event import Event


def every(seconds, function, *args):
    """Call function(*args) now and every `seconds` from now on; times that a long call has missed are left out."""
    due = time.monotonic()
    while True:
        try:
            function(*args)
        except Exception:
            traceback.print_exc()
        late = time.monotonic() - due
        due += seconds * (1 + late // seconds)
        gevent.sleep(due - time.monotonic())


if __name__ == "__main__":
    enough = Event()
    count = 0

    def tick(name):
        global count
        count += 1
        print(name, count)
        if count == 2:
            raise ValueError("this call fails, and the next one comes all the same")
        if count == 5:
            enough.set()

    ticking = gevent.spawn(every, 0.02, tick, "tick")
    enough.wait()
    ticking.kill()
    print("stopped")

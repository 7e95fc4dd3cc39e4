"""A signal ends the program in order: greenlets run their finally clauses."""

import os
import signal

import gevent


def serve(name):
    try:
        print(name, "serves")
        gevent.sleep(1000)
    finally:
        print(name, "tidies up")


gevent.signal_handler(signal.SIGTERM, gevent.shutdown)
gevent.spawn_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
gevent.joinall([gevent.spawn(serve, "one"), gevent.spawn(serve, "two")])

"""A signal while a greenlet waits for a socket: the handler runs, the wait goes on; an exception of it ends the wait."""

import os
import signal

import greencore.alias

greencore.alias.install()

import gevent
from gevent import socket

a, b = socket.socketpair()


def handler(signum, frame):
    print("handler")
    gevent.spawn(b.send, b"x")


signal.signal(signal.SIGUSR1, handler)
gevent.spawn_later(0.001, os.kill, os.getpid(), signal.SIGUSR1)
assert a.recv(1) == b"x"
print("data")
gevent.spawn_later(0.001, os.kill, os.getpid(), signal.SIGINT)
try:
    a.recv(1)
except KeyboardInterrupt:
    print("interrupted")

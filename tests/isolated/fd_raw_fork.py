"""A fork that the package hears nothing of: what the child does to its descriptors, the parent must not feel."""

import os
import posix
import sys

import greencore.alias

greencore.alias.install()

import gevent
from gevent import socket

a, b = socket.socketpair()
other = socket.socketpair()
waiting = gevent.spawn(a.recv, 1)
selecting = gevent.spawn(socket.wait_read, other[0].fileno())
gevent.sleep(0.001)  # registered by now
pid = posix.fork()
if not pid:
    how = sys.argv[1]
    if how == "close":
        a.close()
        other[0].close()
    elif how == "stop":
        waiting.kill()
        selecting.kill()
    elif how == "wait":
        gevent.spawn_later(0.001, b.send, b"")
        socket.wait_write(b.fileno())
    else:
        gevent.get_hub().destroy(True)
    os._exit(0)
while posix.waitpid(pid, os.WNOHANG) == (0, 0):
    pass
b.send(b"x")
other[1].send(b"y")
assert waiting.get(timeout=5) == b"x"
selecting.get(timeout=5)
print("parent")

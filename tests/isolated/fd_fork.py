"""A fork while descriptors are registered: both processes go on with their own."""

import os
import sys

import greencore.alias

greencore.alias.install()

import gevent
from gevent import socket

a, b = socket.socketpair()
idle, idle_peer = socket.socketpair()
for left, right in ((a, b), (idle, idle_peer)):
    gevent.spawn_later(0.001, right.send, b"1")
    assert left.recv(1) == b"1"  # registered from now on
parked = gevent.spawn(a.recv, 1)
gevent.sleep(0)
pid = gevent.fork()
if not pid:
    idle.close()  # must not take the parent's registration along
    c, d = socket.socketpair()
    gevent.spawn_later(0.001, d.send, b"2")
    c.settimeout(5)
    assert c.recv(1) == b"2"
    print("child", flush=True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
gevent.spawn_later(0.001, idle_peer.send, b"3")
idle.settimeout(5)
assert idle.recv(1) == b"3"
b.send(b"4")
assert parked.get(timeout=5) == b"4"
print("parent")
sys.exit(0)

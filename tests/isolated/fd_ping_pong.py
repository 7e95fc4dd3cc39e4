"""Two greenlets that send each other a byte, for strace to watch: between the marks all is steady."""

import os

import greencore.alias

greencore.alias.install()

import gevent
from gevent import socket

a, b = socket.socketpair()


def answer():
    while data := b.recv(10):
        b.sendall(data)


def ask(times):
    for _ in range(times):
        a.sendall(b"x")
        assert a.recv(10) == b"x"


gevent.spawn(answer)
ask(10)
os.write(2, b"BEGIN")
ask(100)
os.write(2, b"END")

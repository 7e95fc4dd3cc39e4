"""Short programs, one for each part of gevent: what each_fault.py lets fail. A module for each layer."""

import contextlib
import os
import socket as standard

from gevent import socket

SOON = 0.1  # seconds to wait for what is there at once, unless a call has failed

SCENARIOS = {}  # of each layer


def scenario(function):
    """Note the function as one of its module's."""
    SCENARIOS.setdefault(function.__module__.rpartition(".")[2], []).append(function)
    return function


def closed(number):
    """Close the descriptor; return whether it was open."""
    try:
        os.close(number)
    except OSError:
        return False
    return True


def remade(sock, *kind):
    """A socket made of the descriptor of another one. Where that fails, the descriptor is still the caller's."""
    number = sock.detach()
    try:
        return socket.socket(*kind, fileno=number)
    except (MemoryError, OSError):
        assert closed(number)
        raise


def socketpair():
    """As the standard function, which leaves descriptors open where it fails."""
    ours, theirs = standard.socketpair()
    with ours, theirs, contextlib.ExitStack() as stack:
        made = [stack.enter_context(remade(each)) for each in (ours, theirs)]
        stack.pop_all()
    return made


def note(event, args):
    """Heed what tracers, and watchers with events, are called with."""

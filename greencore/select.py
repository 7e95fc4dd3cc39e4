"""The standard `select` module, whose waits let other greenlets run: `select`, `poll`, and `epoll`.

All wait for descriptors in the hub and then ask the kernel, so they are level-triggered and return exactly what the
standard ones would. Only if nothing is ready any more, because another greenlet was quicker, do `select` and `poll`
return what the hub saw, since libraries count on being told. Each lets other greenlets run once even if something is
ready, or with a time-out of 0.
"""

import select as __select__
from select import POLLIN, POLLOUT, POLLPRI, POLLRDBAND, POLLRDHUP, POLLRDNORM, POLLWRNORM
from time import monotonic

from greencore._base.tools import _NONE, copy_globals
from greencore._core import PollSet, get_hub, sleep, wait_any

__implements__ = ["select", "poll"]
__extra__ = ["epoll"]
__all__ = ["error", *__implements__]

_original_select = __select__.select
_original_poll = __select__.poll
_original_epoll = __select__.epoll

error = __select__.error
__imports__ = copy_globals(__select__, globals(), names_to_ignore=[*__all__, *__extra__], dunder_names_to_keep=())

_MOST_MILLISECONDS = 2**31 - 1  # of poll(2)
_READ, _WRITE, _PRIORITY, _CLOSED = 1, 2, 4, 8  # wait_any's


def get_fileno(fileobj):
    """Return the number of a descriptor: a number, or an object with fileno(). Raises ValueError for anything else."""
    if isinstance(fileobj, int):
        number = fileobj
    else:
        try:
            number = int(fileobj.fileno())
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"Invalid file object: {fileobj!r}") from None
    if number < 0:
        raise ValueError(f"Invalid file descriptor: {number}")
    return number


def _deadline(timeout):
    return None if timeout is None else monotonic() + timeout


def _remaining(deadline):
    return None if deadline is None else max(deadline - monotonic(), 0)


def _wait_for(look, wanted, timeout, *args, gone=None, kept=None):
    """Return look(*args) once that is true, or when `timeout` seconds have passed.

    wanted: {descriptor: events} to wait for. gone: called with {descriptor: events that were seen} where look(*args) then
    finds nothing; what it returns is returned if that is true. kept: the PollSet of earlier waits.
    """
    sleep(0)
    found = look(*args)
    deadline = _deadline(timeout)
    rest = timeout
    while not found and rest != 0:
        seen = wait_any(wanted, rest, kept)
        found = look(*args)
        if gone is not None and not found and seen:
            found = gone(seen)
        rest = 0 if seen is None else _remaining(deadline)
    return found


def _number(file):
    if isinstance(file, int):
        return file
    if not hasattr(file, "fileno"):
        raise TypeError("argument must be an int, or have a fileno() method.")
    return file.fileno()


def _gone(rows):
    """Return those of the files that were closed: they have another number by now, or none."""

    def is_gone(file, number):
        try:
            return _number(file) != number
        except ValueError:  # as files of the io module say it
            return True

    return tuple([file for file, number in row if is_gone(file, number)] for row in rows)


def select(rlist, wlist, xlist, timeout=None):
    """Wait until one of the descriptors can be read, written to, or has out-of-band data.

    rlist, wlist, xlist: iterables of numbers or objects with fileno(). timeout: in seconds, or None.
    Returns three lists: those that are ready; empty ones after the time-out. A descriptor that another greenlet closes
    meanwhile counts as ready. Raises as the standard function does: TypeError for what is no file, ValueError for a
    negative number or time-out, OSError (EBADF) for a number that is not open.
    """
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    # A list may change while its files are asked for their numbers.
    rows = [[(file, _number(file)) for file in files] for files in (rlist, wlist, xlist)]
    numbers = [[number for _, number in row] for row in rows]
    wanted = {}
    for event, row in zip((_READ, _WRITE, _PRIORITY), numbers):
        for number in row:
            wanted[number] = wanted.get(number, 0) | event

    def look():
        try:
            ready = _original_select(numbers[0], numbers[1], numbers[2], 0)
        except OSError:
            gone = _gone(rows)
            if any(gone):
                return gone
            raise
        return tuple([file for file, number in row if number in found] for row, found in zip(rows, ready))

    found = look()
    if timeout == 0 or any(found):
        sleep(0)
        found = look()
    deadline = _deadline(timeout)
    rest = timeout
    while not any(found) and rest != 0:
        seen = wait_any(wanted, rest)
        if seen is None:
            return look()
        closed = {number for number, events in seen.items() if events & _CLOSED}
        if closed:
            return tuple([file for file, number in row if number in closed] for row in rows)
        found = look()
        if not any(found):
            found = tuple(
                [file for file, number in row if seen.get(number, 0) & event]
                for event, row in zip((_READ, _WRITE, _PRIORITY), rows)
            )
        rest = _remaining(deadline)
    return found


class poll:
    """`select.poll`, whose poll() lets other greenlets run."""

    def __init__(self):
        self._poll = _original_poll()
        self.fds = {}  # {descriptor: events for wait_any}
        self.loop = get_hub().loop
        self._set = PollSet()

    def register(self, fd, eventmask=_NONE):
        """Watch `fd`, a number or an object with fileno(), for the events of `eventmask` (by default POLLIN, POLLPRI
        and POLLOUT)."""
        if eventmask is _NONE:
            eventmask = POLLIN | POLLPRI | POLLOUT
        self._poll.register(fd, eventmask)
        self._note(_number(fd), eventmask)

    def _note(self, number, eventmask):
        self.fds[number] = (
            (_READ if eventmask & (POLLIN | POLLRDNORM | POLLRDHUP) else 0)
            | (_WRITE if eventmask & (POLLOUT | POLLWRNORM) else 0)
            | (_PRIORITY if eventmask & (POLLPRI | POLLRDBAND) else 0)
        )

    def modify(self, fd, eventmask):
        """Change what a registered `fd` is watched for. Raises OSError (ENOENT) if it isn't registered."""
        self._poll.modify(fd, eventmask)
        self._note(_number(fd), eventmask)

    def unregister(self, fd):
        """Watch `fd` no longer. Raises KeyError if it isn't registered."""
        self._poll.unregister(fd)
        number = _number(fd)
        del self.fds[number]
        self._set.forget(number)

    def poll(self, timeout=None):
        """Return the [(descriptor, events)] that are ready, waiting `timeout` milliseconds at most (None or negative:
        for ever). A descriptor that isn't open has POLLNVAL."""
        seconds = None if timeout is None or timeout < 0 else timeout / 1000
        if seconds is not None and timeout > _MOST_MILLISECONDS:
            raise OverflowError("timeout is too large")
        return _wait_for(self._poll.poll, self.fds, seconds, 0, gone=self._gone, kept=self._set)

    @staticmethod
    def _gone(seen):
        names = [(_READ, POLLIN), (_WRITE, POLLOUT), (_PRIORITY, POLLPRI)]
        told = [(number, sum(name for event, name in names if events & event)) for number, events in seen.items()]
        return [(number, events) for number, events in told if events]


class epoll:
    """`select.epoll`, whose poll() lets other greenlets run."""

    def __init__(self, sizehint=-1, flags=0):
        self._epoll = _original_epoll(sizehint, flags)

    @classmethod
    def fromfd(cls, fd):
        """Return the object of an epoll descriptor that is open already."""
        self = cls.__new__(cls)
        self._epoll = _original_epoll.fromfd(fd)
        return self

    def poll(self, timeout=None, maxevents=-1):
        """Return the [(descriptor, events)] that are ready, `maxevents` at most, waiting `timeout` seconds at most (None
        or negative: for ever)."""
        if timeout is not None and timeout < 0:
            timeout = None
        return _wait_for(self._epoll.poll, {self._epoll.fileno(): _READ}, timeout, 0, maxevents)

    def __getattr__(self, name):
        return getattr(self._epoll, name)

    def __enter__(self):
        self._epoll.__enter__()
        return self

    def __exit__(self, *args):
        return self._epoll.__exit__(*args)


def _gevent_do_monkey_patch(patch_request):
    patch_request.default_patch_items()
    if patch_request.patch_kwargs["aggressive"]:
        # What blocks is removed, so that programs choose what doesn't.
        patch_request.remove_item("epoll", "kqueue", "kevent", "devpoll")

"""What the servers have in common: an address, a loop of accepting, and who runs the handler."""

import _socket
import errno
import sys

from greencore._core import lookup
from greencore.event import Event
from greencore.greenlet import Greenlet
from greencore.hub import get_hub

__all__ = ["BaseServer"]


def _handle_and_close_when_done(handle, close, args):
    try:
        return handle(*args)
    finally:
        close(*args)


def _call(function, *args):
    function(*args)


class BaseServer:
    """A server: accepts, and has each request handled by `handle`.

    listener: an address, as parse_address() takes it, or a socket that is bound (and listens, if it is for TCP).
    handle: the function to call for each request, unless the class has a method of that name. Its socket is closed when
    it returns.
    spawn: who runs the handler: "default": `Greenlet.spawn`; a pool: its spawn(), and while it is full nothing is accepted;
    a number: a new pool of that size; a function, such as `gevent.spawn_raw`: it is called with the handler and its
    arguments; None: the handler runs in the hub, and must not block.

    As a context manager it calls stop() at the end. Raises TypeError without a handler, ValueError for an address that
    can't be parsed.
    """

    #: Seconds to wait after accepting or spawning failed; they double with each failure in a row, up to `max_delay`.
    min_delay = 0.01

    #: The most seconds of such a wait.
    max_delay = 1

    #: How many requests to accept in a row, before others get their turn. Processes that share a listening socket
    #: share the load better with a small number.
    max_accept = 100

    #: Seconds that stop() waits for the handlers in the pool.
    stop_timeout = 1

    #: Errors of accepting that end the server.
    fatal_errors = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)

    _spawn = Greenlet.spawn
    _handle = None
    _watcher = None
    _timer = None
    pool = None

    def __init__(self, listener, handle=None, spawn="default"):
        self.loop = get_hub().loop
        self.delay = self.min_delay
        self._stop_event = Event()
        self._stop_event.set()
        try:
            self.set_listener(listener)
            self.set_spawn(spawn)
            self.set_handle(handle)
            if self.max_accept < 1:
                raise ValueError(f"max_accept must be positive int: {self.max_accept!r}")
        except BaseException:
            self.close()
            raise

    # ---- what is set before start() ----

    def set_listener(self, listener):
        """Set where to listen: an address or a socket. Raises TypeError for a TLS socket."""
        if not hasattr(listener, "accept"):
            self.family, self.address = parse_address(listener)
            return
        if hasattr(listener, "do_handshake"):
            raise TypeError(f"Expected a regular socket, not SSLSocket: {listener!r}")
        self.family = listener.family
        self.address = listener.getsockname()
        self.socket = listener

    def set_spawn(self, spawn):
        """Set who runs the handlers: the argument `spawn` of the class."""
        self.pool = None
        if isinstance(spawn, int):
            spawn = lookup("greencore.pool", "Pool")(spawn)
        if hasattr(spawn, "spawn"):
            self.pool = spawn
            self._spawn = spawn.spawn
        elif spawn == "default":
            self._spawn = self._spawn  # the class's may be replaced later
        else:
            self._spawn = spawn
        if hasattr(self.pool, "full"):
            self.full = self.pool.full
        self._watch_places()

    def set_handle(self, handle):
        """Set the handler, a callable. Raises TypeError when there is none, here or as a method."""
        if handle is not None:
            self.handle = handle
        if not hasattr(self, "handle"):
            raise TypeError("'handle' must be provided")
        self._handle = self.handle

    # ---- accepting ----

    def _watch_places(self):
        """Accept again when the pool, if there is one, has a place."""
        if self.pool is not None:
            self.pool._semaphore.rawlink(self._start_accepting_if_started)

    def _start_accepting_if_started(self, _event=None):
        if self.started:
            self.start_accepting()

    def start_accepting(self):
        """Take requests from now on, in the hub. start() calls it."""
        if self._watcher is None:
            self._watcher = self.loop.io(self.socket.fileno(), 1)
            self._watcher.start(self._do_read)

    def stop_accepting(self):
        """Take no more requests; those that come wait in the kernel."""
        for name in ("_watcher", "_timer"):
            watcher = getattr(self, name)
            if watcher is not None:
                watcher.stop()
                watcher.close()
                setattr(self, name, None)

    def _pause(self):
        """Accept nothing for `delay` seconds, and twice as many the next time; if they are negative, do nothing."""
        if self.delay < 0:
            return
        self.stop_accepting()
        self._timer = self.loop.timer(self.delay)
        self._timer.start(self._start_accepting_if_started)
        self.delay = min(self.max_delay, self.delay * 2)

    def _do_read(self):
        for _ in range(self.max_accept):
            if self.full():
                self.stop_accepting()
                self._watch_places()
                return
            try:
                args = self.do_read()
            except BaseException as error:
                self.loop.handle_error(self, *sys.exc_info())
                if self.is_fatal_error(error):
                    self.close()
                    sys.stderr.write(f"ERROR: {self} failed with {str(error) or repr(error)}\n")
                else:
                    self._pause()
                return
            self.delay = self.min_delay
            if not args:
                return
            try:
                self.do_handle(*args)
            except BaseException:
                self.loop.handle_error((args[1:], self), *sys.exc_info())
                self._pause()
                return

    def do_read(self):
        """Take one request without blocking. Return the handler's arguments, or None if there is no request."""
        raise NotImplementedError

    def do_handle(self, *args):
        """Have `spawn` run the handler of a request, and do_close() after that. args: what do_read() returned."""
        close = self.do_close
        run = _call if self._spawn is None else self._spawn
        try:
            run(_handle_and_close_when_done, self._handle, close, args)
        except BaseException:
            close(*args)
            raise

    def do_close(self, *args):
        """Close what a request has open. args: what do_read() returned."""

    def full(self):
        """Whether nothing more can be handled now. If there is a pool, its full() takes the place of this."""
        return False

    def is_fatal_error(self, ex):
        """Whether an exception of accepting ends the server."""
        return isinstance(ex, _socket.error) and ex.args[0] in self.fatal_errors

    # ---- life ----

    def init_socket(self):
        """Make the socket, if there is only an address; start() calls it. Raises OSError."""

    @property
    def started(self):
        """Whether the server runs."""
        return not self._stop_event.is_set()

    @property
    def closed(self):
        """Whether the server has no socket, not yet or no more."""
        return not hasattr(self, "socket")

    def start(self):
        """Make the socket where an address was given, and accept from now on. Raises OSError."""
        self.init_socket()
        self._stop_event.clear()
        try:
            self.start_accepting()
        except BaseException:
            self.close()
            raise

    def close(self):
        """Accept no more, and close the socket. Harmless when that was done before."""
        self._stop_event.set()
        try:
            self.stop_accepting()
        finally:
            listeners = [self.__dict__.pop(name, None) for name in ("socket", "_listener")]
            for name in ("handle", "_handle", "_spawn", "full"):
                self.__dict__.pop(name, None)
            if self.pool is not None:
                self.pool._semaphore.unlink(self._start_accepting_if_started)
            for listener in filter(None, listeners):
                try:
                    listener.close()
                except OSError:
                    pass  # somebody else has closed the descriptor

    def stop(self, timeout=None):
        """Close the server. If there is a pool, wait `timeout` seconds for its handlers (None: `stop_timeout`), and kill
        those that still run then. Without a pool, handlers run on."""
        self.close()
        if self.pool:
            self.pool.join(timeout=self.stop_timeout if timeout is None else timeout)
            self.pool.kill(block=True, timeout=1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def serve_forever(self, stop_timeout=None):
        """Start the server, unless it runs already, wait until somebody stops or closes it, and call stop(stop_timeout)."""
        stopped = self._stop_event
        if stopped.is_set():
            self.start()
        try:
            stopped.wait()
        finally:  # stop() has a greenlet of its own, since what ended the wait may be thrown into this one again
            stopping = Greenlet.spawn(self.stop, stop_timeout)
            stopping.join()

    # ---- what it says of itself ----

    @property
    def server_host(self):
        """The address's host, or None."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self):
        """The address's port, or None."""
        return self.address[1] if isinstance(self.address, tuple) else None

    def __repr__(self):
        return f"<{type(self).__name__} at {id(self):#x} {self._formatinfo()}>"

    def __str__(self):
        return f"<{type(self).__name__} {self._formatinfo()}>"

    def _formatinfo(self):
        parts = []
        listener = self.__dict__.get("socket")
        if listener is not None:
            parts.append(f"fileno={listener.fileno()}")
        address = getattr(self, "address", None)
        if isinstance(address, tuple) and len(address) == 2:
            parts.append("address={}:{}".format(*address))
        else:
            parts.append(f"address={address}")
        handle = self.__dict__.get("handle")
        if handle is not None:
            # The repr() of a method of this server would have this very text in it.
            of_self = getattr(handle, "__self__", None) is self
            name = f"<bound method {type(self).__name__}.{handle.__name__} of self>" if of_self else repr(handle)
            parts.append(f"handle={name}")
        return " ".join(parts)


def _parse_address(address):
    if isinstance(address, tuple):
        host = address[0]
        return (_socket.AF_INET6 if not host or ":" in host else _socket.AF_INET), address
    if isinstance(address, int) or (isinstance(address, str) and ":" not in address):
        return _socket.AF_INET6, ("", int(address))
    if not isinstance(address, str):
        raise TypeError(f"Expected tuple or string, got {type(address)}")
    host, port = address.rsplit(":", 1)
    family = _socket.AF_INET
    if host.startswith("[") and host.endswith("]"):
        family, host = _socket.AF_INET6, host[1:-1]
    return family, ("" if host == "*" else host, int(port))


def parse_address(address):
    """Return (family, (host, port)) of a (host, port), a port, "host:port", "*:port" or "[host]:port".

    An empty host, or only a port, is IPv6, and so is a host with colons. Raises ValueError for anything else.
    """
    try:
        return _parse_address(address)
    except ValueError as error:
        raise ValueError(f"Failed to parse address {address!r}: {error}") from None

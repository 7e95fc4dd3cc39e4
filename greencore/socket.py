"""The standard `socket` module, whose blocking calls let other greenlets run.

Functions, classes and constants are those of the standard module, and mean the same; what could block is made again
here. Host names are looked up by the hub's resolver. `wait_read`, `wait_write`, `wait_readwrite` and `cancel_wait` are
for descriptors that others read and write.
"""

import _socket
import io
import os
import socket as __socket__
import sys
from errno import EAGAIN, EALREADY, EBADF, ECONNREFUSED, EHOSTUNREACH, EINPROGRESS, EINVAL, EISCONN, EWOULDBLOCK
from socket import AI_NUMERICHOST, SOCK_STREAM, AddressFamily, SocketKind, error, gaierror, gethostname

from _greencore_alias import name_of
from greencore import _core
from greencore._base.originals import is_object_patched
from greencore._base.tools import _NONE, rebind as _rebind
from greencore._core import (
    ConcurrentObjectUseError,
    Timeout,
    cancel_wait_ex,
    get_hub,
    wait_read,
    wait_readwrite,
    wait_write,
)

_implements = ["create_connection", "socket", "SocketType", "fromfd", "socketpair"]

__dns__ = ["getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "getfqdn"]

__implements__ = _implements + __dns__

__extensions__ = ["cancel_wait", "wait_read", "wait_write", "wait_readwrite"]

# These call what is made again, so they are rebound to that here. The patched standard module's own find it there.
_rebound = ["create_server", "has_dualstack_ipv6", "recv_fds", "send_fds"]

_own_names = {*__implements__, *_rebound, "_fallback_socketpair"}
_seen = {name: value for name, value in vars(__socket__).items() if not name.startswith("__")}
globals().update((name, value) for name, value in _seen.items() if name not in _own_names and name not in globals())
__imports__ = [name for name in __socket__.__all__ if name not in __implements__]
__imports__ += [name for name in ("error", "timeout", "AddressFamily", "SocketKind") if name not in __imports__]
del _seen

_standard = __socket__.socket
_intenum_converter = __socket__._intenum_converter
_GLOBAL_DEFAULT_TIMEOUT = __socket__._GLOBAL_DEFAULT_TIMEOUT
_GiveupOnSendfile = __socket__._GiveupOnSendfile
SocketIO = __socket__.SocketIO
SocketMixin = _core.Socket
_wrefsocket = _core.RawSocket
_SENDFILE_MOST = 2**30  # bytes a system call is asked for


class SocketEvent:
    """What a socket's `_read_event` and `_write_event` are: the readiness of one direction, for `_wait` and
    `cancel_wait`."""

    __slots__ = ("socket", "events")

    def __init__(self, sock, events):
        self.socket = sock
        self.events = events

    @property
    def fd(self):
        """The descriptor's number, -1 once closed."""
        return self.socket.fileno()

    @property
    def ref(self):
        """Whether waits keep the loop running; both directions have it in common."""
        return self.socket.ref

    @ref.setter
    def ref(self, value):
        self.socket.ref = value

    def wait(self, timeout=None, timeout_exc=_NONE):
        """Wait for readiness, `timeout` seconds at most (None: for ever); then raise `timeout_exc`, TimeoutError unless given.

        Raises ConcurrentObjectUseError while another greenlet waits for it.
        """
        call = self.socket._wait_write if self.events == 2 else self.socket._wait_read
        call(None if timeout_exc is _NONE else timeout_exc, timeout)

    def cancel(self, error=cancel_wait_ex):
        """Raise `error`, an exception or a class of them, in the greenlet that waits for it, if there is one."""
        self.socket._cancel_wait(self.events, error)


class _closedsocket:
    """What `_sock` of a closed socket is: it is false, knows what kind of socket that was, and every use raises EBADF."""

    __slots__ = ("family", "type", "proto")

    def __init__(self, sock):
        self.family, self.type, self.proto = sock.family, sock.type, sock.proto

    def __bool__(self):
        return False

    def __repr__(self):
        return f"<socket object [closed proxy at {id(self):#x}]>"

    def __getattr__(self, name):
        raise OSError(EBADF, os.strerror(EBADF))

    def close(self):
        """Do nothing: it is closed."""

    def fileno(self):
        """Return -1: it has no descriptor."""
        return -1

    detach = fileno


class socket(_core.Socket):
    """A socket: the standard class, except that what blocks lets other greenlets run.

    Its descriptor never blocks, whatever the time-out is; only one greenlet at a time can wait to receive from it and
    one to send (`ConcurrentObjectUseError`), and one that waits while another closes it gets `cancel_wait_ex`.
    """

    __slots__ = ("__weakref__",)
    __module__ = name_of("greencore.compat._socket3")  # where programs expect it

    # These methods of the standard class use only what every socket has.
    __enter__ = _standard.__enter__
    __exit__ = _standard.__exit__
    __getstate__ = _standard.__getstate__
    dup = _standard.dup
    makefile = _standard.makefile
    get_inheritable = _standard.get_inheritable
    set_inheritable = _standard.set_inheritable
    _check_sendfile_params = _standard._check_sendfile_params
    _sendfile_use_send = _standard._sendfile_use_send

    def __repr__(self):
        head, _, facts = _standard.__repr__(self).partition(" fd=")
        return f"{head} at {id(self):#x} object, fd={facts}"

    @property
    def family(self):
        """The address family, an AddressFamily where it has a name."""
        return _intenum_converter(super().family, AddressFamily)

    @property
    def type(self):
        """The socket type, a SocketKind where it has a name."""
        return _intenum_converter(super().type, SocketKind)

    @property
    def hub(self):
        """The hub of the calling thread, in which waits would be."""
        return get_hub()

    @property
    def _sock(self):
        """The interpreter's own socket on the same descriptor, which never waits; false once closed."""
        return self._raw() or _closedsocket(self)

    @property
    def _read_event(self):
        return SocketEvent(self, 1) if self.fileno() >= 0 else None

    @property
    def _write_event(self):
        return SocketEvent(self, 2) if self.fileno() >= 0 else None

    def _wait(self, watcher, timeout_exc=None):
        """Wait for `_read_event` or `_write_event`; after the socket's time-out raise `timeout_exc`."""
        if watcher is not None and watcher.events == 2:
            self._wait_write(timeout_exc)
        else:
            self._wait_read(timeout_exc)

    def _drop_events_and_close(self, closefd=True):
        self._cancel_wait(3, cancel_wait_ex)
        if closefd:
            self._real_close()

    def _sendfile_zerocopy(self, zerocopy_func, giveup_exc_type, file, offset=0, count=None):
        """Send by `zerocopy_func(descriptor, offset, size)`; raise `giveup_exc_type` where nothing can be sent so."""
        self._check_sendfile_params(file, offset, count)
        if self.gettimeout() == 0:
            raise ValueError("non-blocking sockets are not supported")
        try:
            source = file.fileno()
            size = os.fstat(source).st_size
        except (AttributeError, io.UnsupportedOperation, OSError) as error:
            raise giveup_exc_type(error) from None
        if not size:
            return 0
        sent = 0
        try:
            while count is None or sent < count:
                most = _SENDFILE_MOST if count is None else min(count - sent, _SENDFILE_MOST)
                try:
                    step = zerocopy_func(source, offset + sent, most)
                except BlockingIOError:
                    self._wait_write()
                    continue
                except TimeoutError:
                    raise
                except OSError as error:
                    if not sent and error.errno != EBADF:
                        raise giveup_exc_type(error) from None
                    raise
                if not step:
                    break
                sent += step
            return sent
        finally:
            if sent and hasattr(file, "seek"):
                file.seek(offset + sent)

    def _sendfile_use_sendfile(self, file, offset=0, count=None):
        def copy(source, offset, size):
            return os.sendfile(self.fileno(), source, offset, size)

        return self._sendfile_zerocopy(copy, _GiveupOnSendfile, file, offset, count)

    def sendfile(self, file, offset=0, count=None):
        """Send the regular `file` from `offset` on, `count` bytes or all; return the number of bytes sent.

        The kernel copies where it can (os.sendfile), otherwise send() does; the file's position is after what was
        sent, also when there is an exception.
        """
        try:
            return self._sendfile_use_sendfile(file, offset, count)
        except _GiveupOnSendfile:
            return self._sendfile_use_send(file, offset, count)


_core.set_socket_class(socket)
SocketType = socket


for _name in ("fromfd", "socketpair", *_rebound):
    globals()[_name] = _rebind(getattr(__socket__, _name), globals())
if hasattr(__socket__, "_fallback_socketpair"):
    _fallback_socketpair = _rebind(__socket__._fallback_socketpair, globals())
    __implements__.append("_fallback_socketpair")
del _name

__all__ = [*__implements__, *__extensions__, *__imports__]
if "_fallback_socketpair" in __all__:
    __all__.remove("_fallback_socketpair")


def cancel_wait(watcher, error=cancel_wait_ex):
    """Raise `error` in the greenlet that waits for `watcher`: an io watcher, or a socket's `_read_event` or
    `_write_event`."""
    get_hub().cancel_wait(watcher, error)


def wait(watcher, timeout=None, timeout_exc=_NONE, hub=None):
    """Wait for a watcher, or a socket's `_read_event` or `_write_event`, for `timeout` seconds at most (None: for
    ever); then raise `timeout_exc`, TimeoutError unless given.

    hub: the hub to wait in, by default this thread's. Raises ConcurrentObjectUseError if somebody waits for it already.
    """
    if isinstance(watcher, SocketEvent):
        return watcher.wait(timeout, timeout_exc)
    if watcher.callback is not None:
        raise ConcurrentObjectUseError(f"This socket is already used by another greenlet: {watcher.callback!r}")
    hub = get_hub() if hub is None else hub
    if timeout is None:
        return hub.wait(watcher)
    with Timeout._start_new_or_dummy(timeout, TimeoutError("timed out") if timeout_exc is _NONE else timeout_exc):
        return hub.wait(watcher)


def wait_on_socket(sock, watcher, timeout_exc=None):
    """Wait for the socket's `_read_event` or `_write_event`, for the socket's time-out at most."""
    sock._wait(watcher, timeout_exc)


# ---- names and addresses ----


def _is_number(host):
    """Whether the standard function finds `host` without asking anybody."""
    if host is None:
        return True
    return isinstance(host, str) and (host[-1:].isdigit() or ":" in host)


def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    """Look up `host` and `port` by the hub's resolver, as `socket.getaddrinfo` with the same arguments.

    Returns a list of (family, type, proto, canonname, address). Raises gaierror when there is no such name or service,
    or nobody answers.
    """
    found = None
    if _is_number(host):
        try:
            found = _socket.getaddrinfo(host, port, family, type, proto, flags | AI_NUMERICHOST)
        except gaierror:
            pass  # it only looked like one, or is of another family: the resolver knows it or raises
    if found is None:
        found = get_hub().resolver.getaddrinfo(host, port, family, type, proto, flags)
    return [
        (_intenum_converter(af, AddressFamily), _intenum_converter(kind, SocketKind), proto, name, address)
        for af, kind, proto, name, address in found
    ]


def gethostbyname(hostname):
    """Return the IPv4 address of `hostname`, a string. Raises gaierror when there is none."""
    return get_hub().resolver.gethostbyname(hostname)


def gethostbyname_ex(hostname):
    """Return (name, aliases, IPv4 addresses) of `hostname`. Raises gaierror when there is no such name."""
    return get_hub().resolver.gethostbyname_ex(hostname)


def gethostbyaddr(ip_address):
    """Return (name, aliases, addresses) of the host that has `ip_address`. Raises herror when it has no name."""
    return get_hub().resolver.gethostbyaddr(ip_address)


def getnameinfo(sockaddr, flags):
    """Return (host, port) of the address `sockaddr`, as names where `flags` (of NI_*) let it. Raises gaierror."""
    return get_hub().resolver.getnameinfo(sockaddr, flags)


def getfqdn(name=""):
    """Return the first of a host's names that has a dot, or else its name. An empty `name`, or a wildcard, is this host."""
    name = name.strip()
    if not name or name in ("0.0.0.0", "::"):
        name = gethostname()
    try:
        hostname, aliases, _ = gethostbyaddr(name)
    except OSError:
        return name
    for known in (hostname, *aliases):
        if (b"." if isinstance(known, bytes) else ".") in known:
            return known
    return hostname


def _resolve_addr(sock, address):
    """Return the address with a number in place of the host's name. The port is left out of the look-up, as the standard
    library does: some systems want to know more of the socket before they look at a port."""
    if not 2 <= len(address) <= 4 or not isinstance(address[0], (str, bytes, bytearray)):
        return address  # the call that gets it will raise
    host, port, *rest = address
    if isinstance(host, bytearray):
        host = bytes(host)
    if isinstance(host, bytes) and b"\0" in host:
        return address  # likewise
    found = getaddrinfo(host, None, sock.family)[0][4]
    return address if found[0] == host else (found[0], port, *(rest or found[2:]))


def _replaced(name):
    """Return what a program has put in the place of a patched name of the standard module; else our own.

    Proxies do that to `socket`, and programs that want one family of addresses to `getaddrinfo`.
    """
    now = getattr(__socket__, name)
    return now if is_object_patched("socket", name) and now is not _at_first[name] else globals()[name]


_at_first = {"socket": socket, "getaddrinfo": getaddrinfo}


def create_connection(address, timeout=_GLOBAL_DEFAULT_TIMEOUT, source_address=None, *, all_errors=False):
    """Connect to (host, port), trying each of the host's addresses, and return the socket.

    timeout: of the socket, in seconds; the default time-out unless given. source_address: (host, port) to bind to.
    When none can be connected to, the last error is raised; with `all_errors`, and from Python 3.11 on, an
    ExceptionGroup of all.
    """
    host, port = address
    errors = []
    try:
        for family, kind, proto, _, peer in list(_replaced("getaddrinfo")(host, port, 0, SOCK_STREAM)):
            sock = None
            try:
                sock = _replaced("socket")(family, kind, proto)
                if timeout is not _GLOBAL_DEFAULT_TIMEOUT:
                    sock.settimeout(timeout)
                if source_address:
                    sock.bind(source_address)
                sock.connect(peer)
                return sock
            except BaseException as ex:
                if sock is not None:
                    sock.close()
                if not isinstance(ex, error):
                    raise
                errors.append(ex)
        if not errors:
            raise OSError("getaddrinfo returns an empty list")
        if all_errors and sys.version_info >= (3, 11):
            raise ExceptionGroup("create_connection failed", errors)  # noqa: F821
        raise errors[-1]
    finally:
        errors.clear()  # they refer to this frame
        sock = None

"""TCP, TLS and UDP servers."""

import os
from _socket import AF_INET, MSG_DONTWAIT, SO_REUSEADDR, SOCK_DGRAM, SOL_SOCKET

from greencore.baseserver import BaseServer
from greencore.lock import Semaphore
from greencore.socket import socket

__all__ = ["DatagramServer", "StreamServer"]

DEFAULT_REUSE_ADDR = 1
_DATAGRAM_MOST = 65535  # bytes


class StreamServer(BaseServer):
    """A TCP server: calls handle(socket, address) in a greenlet of its own for each connection.

    listener, handle, spawn: see `BaseServer`. backlog: of listen(), where an address is given. Any other argument makes
    it a TLS server: `ssl_context` and what its wrap_socket() takes, or what `greencore.ssl.wrap_socket` takes (keyfile,
    certfile and so on). The handshake is made in the handler's greenlet.

    When accept() fails (no descriptors left, say), or the handler can't be spawned, the error is reported, and the server
    pauses for `min_delay` seconds, then twice that, and so on up to `max_delay`, until it works again.
    """

    backlog = 128
    reuse_addr = DEFAULT_REUSE_ADDR
    ssl_args: dict[str, object]

    def __init__(self, listener, handle=None, backlog=None, spawn="default", **ssl_args):
        super().__init__(listener, handle=handle, spawn=spawn)
        try:
            self.ssl_args = None
            if ssl_args:
                ssl_args.setdefault("server_side", True)
                if "ssl_context" in ssl_args:
                    self.wrap_socket = ssl_args.pop("ssl_context").wrap_socket
                else:
                    from greencore.ssl import wrap_socket

                    self.wrap_socket = wrap_socket
                self.ssl_args = ssl_args
            if backlog is not None:
                if hasattr(self, "socket"):
                    raise TypeError("backlog must be None when a socket instance is passed")
                self.backlog = backlog
        except BaseException:
            self.close()
            raise

    @property
    def ssl_enabled(self):
        """Whether connections are wrapped in TLS."""
        return self.ssl_args is not None

    def init_socket(self):
        if not hasattr(self, "socket"):
            self.socket = self.get_listener(self.address, self.backlog, self.family)
            self.address = self.socket.getsockname()
        self._handle = self.wrap_socket_and_handle if self.ssl_args else self.handle
        if not isinstance(self.socket, socket):
            # For a socket of the standard library there is another one, which never blocks, on the same listener. close() closes both.
            self._listener = self.socket
            fileno = os.dup(self._listener.fileno())
            self.socket = socket(self._listener.family, self._listener.type, self._listener.proto, fileno=fileno)

    @classmethod
    def get_listener(cls, address, backlog=None, family=None):
        """Return a socket that listens at `address`. backlog: how many connections the kernel lets wait. Raises OSError."""
        return _tcp_listener(address, cls.backlog if backlog is None else backlog, cls.reuse_addr, family)

    def do_read(self):
        return self.socket._accept_now()

    def do_close(self, sock, *args):
        sock.close()

    def wrap_socket_and_handle(self, client_socket, address):
        """The handler of a TLS server: perform the handshake, and call the handler with the SSLSocket."""
        with self.wrap_socket(client_socket, **self.ssl_args) as ssl_socket:
            return self.handle(ssl_socket, address)


class DatagramServer(BaseServer):
    """A UDP server: calls handle(data, address) for each datagram. listener, handle, spawn: see `BaseServer`."""

    reuse_addr = DEFAULT_REUSE_ADDR

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._writelock = Semaphore()

    def init_socket(self):
        if not hasattr(self, "socket"):
            self.socket = self.get_listener(self.address, self.family)
            self.address = self.socket.getsockname()

    @property
    def _socket(self):
        return getattr(self, "socket", None)

    @classmethod
    def get_listener(cls, address, family=None):
        """Return a datagram socket bound to `address`. Raises OSError."""
        return _udp_socket(address, reuse_addr=cls.reuse_addr, family=family)

    def do_read(self):
        try:
            return self.socket.recvfrom(_DATAGRAM_MOST, MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def sendto(self, *args):
        """Send a datagram with the arguments of socket.sendto(), one greenlet at a time. Raises OSError."""
        with self._writelock:
            return self.socket.sendto(*args)


def _bind(sock, address, reuse_addr):
    try:
        if reuse_addr is not None:
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, reuse_addr)
        sock.bind(address)
    except OSError as error:
        sock.close()
        if error.strerror is not None:
            error.strerror += f": {address!r}"
        raise
    except BaseException:
        sock.close()
        raise
    return sock


def _tcp_listener(address, backlog=50, reuse_addr=None, family=AF_INET):
    sock = _bind(socket(family=family), address, reuse_addr)
    sock.listen(backlog)
    sock.setblocking(False)
    return sock


def _udp_socket(address, backlog=50, reuse_addr=None, family=AF_INET):
    return _bind(socket(family=family, type=SOCK_DGRAM), address, reuse_addr)

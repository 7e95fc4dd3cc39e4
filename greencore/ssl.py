"""The standard `ssl` module, whose sockets let other greenlets run.

`SSLContext` and `SSLSocket` are those of the standard module but for that; `create_default_context` and the like make such
contexts. All else is the standard module's own.
"""

import ssl as __ssl__
import types
from errno import EINVAL, ENOTCONN
from time import monotonic

from greencore._base.tools import rebind as _rebind
from greencore._core import shed_stack
from greencore.socket import AF_INET, SO_TYPE, SOCK_STREAM, SOL_SOCKET, _GiveupOnSendfile, create_connection, socket  # noqa: F401 - what is rebound uses it

_ssl = __ssl__._ssl
orig_SSLContext = __ssl__.SSLContext
_standard = __ssl__.SSLSocket

__implements__ = ["SSLContext", "SSLSocket", "get_server_certificate"]
if hasattr(__ssl__, "wrap_socket"):
    __implements__.append("wrap_socket")

# These call what is made again, so they are rebound to that here. The patched standard module's own find it there.
_rebound = ["create_default_context", "_create_unverified_context"]

_own_names = {*__implements__, *_rebound, "_create_stdlib_context", "wrap_socket"}
_seen = {name: value for name, value in vars(__ssl__).items() if not name.startswith("__")}
__imports__ = [
    name
    for name, value in _seen.items()
    if not name.startswith("_") and name not in _own_names and not isinstance(value, types.ModuleType)
]
globals().update((name, value) for name, value in _seen.items() if name not in _own_names and name not in globals())
del _seen

__all__ = [*__implements__, "create_default_context", *__imports__]  # noqa: F822 - see _rebound
if "wrap_socket" not in __all__:
    __all__.append("wrap_socket")
__all__ = [name for name in dict.fromkeys(__all__) if name != "namedtuple"]


class _Bare(orig_SSLContext):
    """Has the interpreter's own attributes of a context. The standard setters look for them behind the class that is named
    `ssl.SSLContext`; once that name is our class's, they would find themselves there without this one."""

    __slots__ = ()


class SSLContext(_Bare):
    """A context whose sockets are green; otherwise the standard class."""

    __slots__ = ()


for _name, _value in vars(orig_SSLContext).items():
    if isinstance(_value, property) and _name in vars(_ssl._SSLContext):
        setattr(_Bare, _name, vars(_ssl._SSLContext)[_name])
        setattr(SSLContext, _name, _value)
del _name, _value


class SSLSocket(socket):
    """A TLS connection: the standard class, except that what blocks lets other greenlets run.

    One greenlet may receive while another one sends.
    """

    __slots__ = (
        "_context",
        "_session",
        "_sslobj",
        "_connected",
        "server_side",
        "server_hostname",
        "do_handshake_on_connect",
        "suppress_ragged_eofs",
        "__dict__",
    )

    def __init__(
        self,
        sock=None,
        keyfile=None,
        certfile=None,
        server_side=False,
        cert_reqs=__ssl__.CERT_NONE,
        ssl_version=__ssl__.PROTOCOL_TLS,
        ca_certs=None,
        do_handshake_on_connect=True,
        family=AF_INET,
        type=SOCK_STREAM,
        proto=0,
        fileno=None,
        suppress_ragged_eofs=True,
        npn_protocols=None,
        ciphers=None,
        server_hostname=None,
        _session=None,
        _context=None,
    ):
        """Take over `sock`, with the context `_context` or one made of the arguments. SSLContext.wrap_socket() is the usual way.

        Family, type, protocol and descriptor are those of `sock`, whatever is given. Raises TypeError without `sock`.
        """
        if sock is None:
            raise TypeError("SSLSocket() needs the socket that it takes over")
        if _context is None:
            _context = _make_context(server_side, keyfile, certfile, cert_reqs, ssl_version, ca_certs, ciphers)
            if npn_protocols:
                _context.set_npn_protocols(npn_protocols)
        self._take_over(
            sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, server_hostname, _context, _session
        )

    @classmethod
    def _create(cls, *args, **kwargs):
        self = cls.__new__(cls)
        self._take_over(*args, **kwargs)
        return self

    def _take_over(
        self,
        sock,
        server_side=False,
        do_handshake_on_connect=True,
        suppress_ragged_eofs=True,
        server_hostname=None,
        context=None,
        session=None,
    ):
        if sock.getsockopt(SOL_SOCKET, SO_TYPE) != SOCK_STREAM:
            raise NotImplementedError("only stream sockets are supported")
        if server_side and server_hostname:
            raise ValueError("server_hostname can only be specified in client mode")
        if server_side and session is not None:
            raise ValueError("session can only be specified in client mode")
        if context.check_hostname and not server_hostname:
            raise ValueError("check_hostname requires server_hostname")
        timeout = sock.gettimeout()
        socket.__init__(self, sock.family, sock.type, sock.proto, sock.fileno())
        sock.detach()  # its descriptor is ours from here on
        self._context = context
        self._session = session
        self._sslobj = None
        self.server_side = server_side
        self.do_handshake_on_connect = do_handshake_on_connect
        self.suppress_ragged_eofs = suppress_ragged_eofs
        try:
            self.server_hostname = context._encode_hostname(server_hostname)
            self._connected = self._is_connected()
            self.settimeout(timeout)
            if self._connected:
                self._start()
                if do_handshake_on_connect:
                    if timeout == 0:
                        raise ValueError("do_handshake_on_connect should not be specified for non-blocking sockets")
                    self.do_handshake()
        except BaseException:
            self.close()
            raise

    def _start(self):
        self._sslobj = self._context._wrap_socket(
            self, self.server_side, self.server_hostname, owner=self, session=self._session
        )

    def _is_connected(self):
        try:
            self.getpeername()
            return True
        except OSError as error:
            if error.errno != ENOTCONN:
                raise
            number = error.errno
        # What was sent by a peer that has left must not pass for something that came by TLS.
        self.settimeout(0)
        try:
            early = socket.recv(self, 1)
        except OSError as error:
            if error.errno not in (ENOTCONN, EINVAL):
                raise
            return False
        if early:
            reason = "Closed before TLS handshake with data in recv buffer."
            error = __ssl__.SSLError(number, reason)
            error.reason = reason
            error.library = None
            try:
                raise error
            finally:
                error = None  # it refers to this frame
        return False

    # Waiting

    def _until_done(self, timeout, what, call, *args):
        """Call a method of the TLS object again after each wait that it asks for; `timeout` covers them all."""
        deadline = None
        while True:
            try:
                return call(*args)
            except __ssl__.SSLWantReadError:
                if timeout == 0:
                    raise
                wait = self._wait_read
            except __ssl__.SSLWantWriteError:
                if timeout == 0:
                    raise
                wait = self._wait_write
            # The wait is outside of the handlers, so that the exception is gone by then.
            if timeout is None:
                wait(None, None)
            elif deadline is None:
                deadline = monotonic() + timeout
                wait(TimeoutError(f"The {what} operation timed out"), timeout)
            else:
                wait(TimeoutError(f"The {what} operation timed out"), max(deadline - monotonic(), 0))

    def _check_flags(self, flags, name):
        if flags:
            raise ValueError(f"non-zero flags not allowed in calls to {name}() on {type(self)}")

    def _refuse(self, name):
        if self._sslobj is not None:
            raise ValueError(f"{name} not allowed on instances of {type(self)}")

    def do_handshake(self, block=False):
        """Perform the handshake. block: wait although the socket is non-blocking.

        Raises SSLError when it fails, TimeoutError after the socket's time-out, OSError when the connection ends.
        """
        self._check_connected()
        timeout = self.gettimeout()
        self._until_done(None if block and timeout == 0 else timeout, "handshake", self._sslobj.do_handshake)
        shed_stack()  # OpenSSL goes deep for this; a connection may be idle for long afterwards

    def read(self, len=1024, buffer=None):
        """Return at most `len` bytes, none at the end; with a `buffer`, how many were put into it.

        Raises SSLError, and TimeoutError after the socket's time-out.
        """
        self._checkClosed()
        if self._sslobj is None:
            raise ValueError("Read on closed or unwrapped SSL socket.")
        args = (len,) if buffer is None else (len, buffer)
        try:
            return self._until_done(self.gettimeout(), "read", self._sslobj.read, *args)
        except __ssl__.SSLError as error:
            if error.args[0] != __ssl__.SSL_ERROR_EOF or not self.suppress_ragged_eofs:
                raise
            return b"" if buffer is None else 0

    def write(self, data):
        """Send `data`, and return how many bytes of it were sent. Raises SSLError, and TimeoutError after the time-out."""
        self._checkClosed()
        if self._sslobj is None:
            raise ValueError("Write on closed or unwrapped SSL socket.")
        return self._until_done(self.gettimeout(), "write", self._sslobj.write, data)

    def unwrap(self):
        """Say goodbye to the peer, wait for its answer, and return the socket without TLS."""
        if self._sslobj is None:
            raise ValueError(f"No SSL wrapper around {self}")
        bare = self._until_done(self.gettimeout(), "shutdown", self._sslobj.shutdown)
        self._sslobj = None
        return bare

    # A socket's methods

    def recv(self, buflen=1024, flags=0):
        if self._sslobj is None:
            return socket.recv(self, buflen, flags)
        self._check_flags(flags, "recv")
        return self.read(buflen)

    def recv_into(self, buffer, nbytes=None, flags=0):
        if nbytes is None:
            with memoryview(buffer) as view:
                nbytes = view.nbytes or 1024
        if self._sslobj is None:
            return socket.recv_into(self, buffer, nbytes, flags)
        self._check_flags(flags, "recv_into")
        return self.read(nbytes, buffer)

    def recvfrom(self, buflen=1024, flags=0):
        self._refuse("recvfrom")
        return socket.recvfrom(self, buflen, flags)

    def recvfrom_into(self, buffer, nbytes=None, flags=0):
        self._refuse("recvfrom_into")
        return socket.recvfrom_into(self, buffer, nbytes or 0, flags)

    def recvmsg(self, *args, **kwargs):
        raise NotImplementedError(f"recvmsg not allowed on instances of {type(self)}")

    def recvmsg_into(self, *args, **kwargs):
        raise NotImplementedError(f"recvmsg_into not allowed on instances of {type(self)}")

    def send(self, data, flags=0, **timeout):  # type: ignore[override]
        if self._sslobj is None:
            return socket.send(self, data, flags, **timeout)
        self._check_flags(flags, "send")
        return self.write(data)

    def sendall(self, data, flags=0):
        if self._sslobj is None:
            socket.sendall(self, data, flags)
            return
        self._check_flags(flags, "sendall")
        with memoryview(data) as view, view.cast("B") as octets:
            sent = 0
            while sent < len(octets):
                sent += self.send(octets[sent:])

    def sendto(self, data, flags_or_addr, addr=None):
        self._refuse("sendto")
        return socket.sendto(self, data, *((flags_or_addr,) if addr is None else (flags_or_addr, addr)))

    def sendmsg(self, *args, **kwargs):
        raise NotImplementedError(f"sendmsg not allowed on instances of {type(self)}")

    def sendfile(self, file, offset=0, count=None):
        if self._sslobj is None:
            return socket.sendfile(self, file, offset, count)
        # Python 3.15 has this, for connections that the kernel encrypts.
        if hasattr(self._sslobj, "sendfile") and self._sslobj.uses_ktls_for_send():

            def copy(source, offset, size):
                return self._until_done(self.gettimeout(), "write", self._sslobj.sendfile, source, offset, size)

            try:
                return self._sendfile_zerocopy(copy, _GiveupOnSendfile, file, offset, count)
            except _GiveupOnSendfile:
                pass
        return self._sendfile_use_send(file, offset, count)

    def shutdown(self, how):
        self._checkClosed()
        self._sslobj = None
        socket.shutdown(self, how)

    def _real_close(self):
        self._sslobj = None
        socket._real_close(self)

    def _real_connect(self, address, connect):
        if self.server_side:
            raise ValueError("can't connect in server-side mode")
        if self._connected or self._sslobj is not None:
            raise ValueError("attempt to connect already-connected SSLSocket!")
        self._start()
        try:
            code = connect(self, address)
            if not code:
                self._connected = True
                if self.do_handshake_on_connect:
                    self.do_handshake()
            return code
        except (OSError, ValueError):
            self._sslobj = None
            raise

    def connect(self, address):
        """Connect to `address`, and perform the handshake. Raises OSError and TimeoutError as sockets do, and SSLError."""
        self._real_connect(address, socket.connect)

    def connect_ex(self, address):
        """As connect(), but return the error's number where connecting fails."""
        return self._real_connect(address, socket.connect_ex)

    def accept(self):
        """Accept a connection: (its SSLSocket, the peer's address), after the handshake."""
        peer, address = socket.accept(self)
        peer = self.context.wrap_socket(
            peer,
            do_handshake_on_connect=self.do_handshake_on_connect,
            suppress_ragged_eofs=self.suppress_ragged_eofs,
            server_side=True,
        )
        return peer, address


# All other methods ask the TLS object; they neither block nor call a base class.
for _name, _value in vars(_standard).items():
    if _name not in vars(SSLSocket) and not _name.startswith("__"):
        setattr(SSLSocket, _name, _value)
del _name, _value

SSLContext.sslsocket_class = SSLSocket


for _name in ("get_server_certificate", *_rebound):
    globals()[_name] = _rebind(getattr(__ssl__, _name), globals())
del _name
_create_stdlib_context = globals()["_create_unverified_context"]


def _make_context(server_side, keyfile, certfile, cert_reqs, ssl_version, ca_certs, ciphers):
    """Return a context made of the arguments that sockets took before there were contexts."""
    if server_side and not certfile:
        raise ValueError("certfile must be specified for server-side operations")
    if keyfile and not certfile:
        raise ValueError("certfile must be specified")
    context = SSLContext(ssl_version)
    context.verify_mode = cert_reqs
    if ca_certs:
        context.load_verify_locations(ca_certs)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


if hasattr(__ssl__, "wrap_socket"):
    wrap_socket = _rebind(__ssl__.wrap_socket, globals())
    wrap_socket.__doc__ = "Wrap `sock` with a context made of the arguments. Returns an SSLSocket."
else:

    def wrap_socket(
        sock,
        keyfile=None,
        certfile=None,
        server_side=False,
        cert_reqs=__ssl__.CERT_NONE,
        ssl_version=__ssl__.PROTOCOL_TLS,
        ca_certs=None,
        do_handshake_on_connect=True,
        suppress_ragged_eofs=True,
        ciphers=None,
    ):
        """Wrap `sock` with a context made of the arguments. Returns an SSLSocket.

        The standard module had this until Python 3.11.
        """
        context = _make_context(server_side, keyfile, certfile, cert_reqs, ssl_version, ca_certs, ciphers)
        return context.wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            suppress_ragged_eofs=suppress_ragged_eofs,
        )


def _gevent_did_monkey_patch(target_module, items, warn):
    """Contexts that exist already, and classes derived from theirs, make green sockets from now on."""
    if "SSLContext" in items:
        orig_SSLContext.sslsocket_class = SSLSocket

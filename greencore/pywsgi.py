"""A WSGI server (PEP 3333, HTTP/1.0 and 1.1): each connection is served by a greenlet of its own, in C.

docs/wsgi.rst tells about settings, security and deployment.
"""

import errno
import io
import resource
import sys
import traceback
import warnings

from greencore._base.version import version_info
from greencore._core import (
    FileWrapper,
    Input as Input,
    InvalidClientInput,
    InvalidClientRequest,
    Service,
    WSGIHandlerBase,
)
from greencore._wsgi.environ import Environ, SecureEnviron, WSGISecureEnviron
from greencore._wsgi.log import LoggingLogAdapter, NoopLog, as_log
from greencore._wsgi.message import OldMessage
from greencore._wsgi.watch import ClientWatch
from greencore.event import Event
from greencore.greenlet import GreenletExit
from greencore.hub import getcurrent
from greencore.server import StreamServer
from greencore.socket import SocketIO, getfqdn, socket
from greencore.timeout import Timeout

__all__ = ["Environ", "LoggingLogAdapter", "SecureEnviron", "WSGIHandler", "WSGISecureEnviron", "WSGIServer"]

MAX_REQUEST_LINE = 8192
_SPARE_DESCRIPTORS = 64  # for what the application opens
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "Request URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_NoopLog = NoopLog
_InvalidClientInput = InvalidClientInput
_InvalidClientRequest = InvalidClientRequest


def _answer(status, body=b""):
    """Return (status line, bytes) of an answer by the server itself."""
    line = f"{status} {_REASONS[status]}"
    kind = "Content-Type: text/plain\r\n" if body else ""
    head = f"HTTP/1.1 {line}\r\n{kind}Connection: close\r\nContent-length: {len(body)}\r\n\r\n"
    return line, head.encode("ascii") + body


_INTERNAL_ERROR = _answer(500, b"Internal Server Error")


def headers_factory(_, lines):
    """Return an `OldMessage` of the lines: the usual `WSGIHandler.MessageClass`."""
    return OldMessage(lines)


def format_date_time(timestamp):
    """Return seconds since the epoch as HTTP writes a date, in bytes."""
    from email.utils import formatdate

    return formatdate(timestamp, usegmt=True).encode("latin-1")


# ---- a connection ----


class _ConnectionIO(SocketIO):
    """The raw file under `WSGIHandler.rfile`: what the handler has received comes first."""

    def __init__(self, handler):
        super().__init__(handler.socket, "r")
        self._handler = handler
        handler.socket._io_refs += 1

    def readinto(self, buffer):
        self._checkClosed()
        return self._handler._read_into(buffer)

    def close(self):
        self._handler = None
        super().close()


class WSGIHandler(WSGIHandlerBase):
    """A connection: WSGIHandler(sock, address, server, rfile=None).handle() serves it.

    Each step of a request is a method. As long as a subclass overrides none of those that the class inherits, a
    request runs without a Python frame of the server's.
    """

    protocol_version = "HTTP/1.1"
    MessageClass = None
    ApplicationError = AssertionError

    #: Errors of sending that only mean that the client has gone.
    ignored_socket_errors = (errno.EPIPE, errno.ECONNRESET)

    def _make_rfile(self):
        from io import BufferedReader

        # The buffer has one byte: what belongs to the next request must not be taken.
        return BufferedReader(_ConnectionIO(self), 1)

    # ---- the request ----

    @property
    def headers(self):
        """The request's header, what `MessageClass` (None: `OldMessage`) makes of its lines."""
        if self._headers is None:
            lines = (self._raw_head or b"").split(b"\r\n")[1:-2]
            self._headers = (self.MessageClass or OldMessage)(lines)
        return self._headers

    @headers.setter
    def headers(self, value):
        self._headers = value

    def _word(self, index):
        words = (self.requestline or "").split()
        return words[index] if len(words) > index else None

    @property
    def command(self):
        """The request's method."""
        return self._word(0)

    @property
    def path(self):
        """The request's target, as the client sent it."""
        return self.__dict__.get("path", (None, None))[1] or self._word(1)

    @path.setter
    def path(self, value):
        self.__dict__["path"] = None, value

    @property
    def request_version(self):
        """The request's version, such as "HTTP/1.1"."""
        return self._word(2)

    def _connection_upgrade_requested(self):
        """Whether the client asks to switch to another protocol."""
        return self.connection_upgraded

    # ---- errors ----

    def log_error(self, msg, *args):
        """Write `msg % args` to the server's error log, with where it happened."""
        try:
            message = msg % args
        except (TypeError, ValueError):
            message = f"{msg!r} {args!r}"
        self.server.error_log.write(f"{self.socket}: (from {self.client_address}) {message}\n")

    def _handle_client_error(self, ex):
        """Log why a request is refused; return (status line, bytes of the answer)."""
        if not isinstance(ex, InvalidClientInput):
            self.log_error("%s", ex)
        return _answer(getattr(ex, "status", 400))

    def _start_was_missed(self):
        """Close the connection of an application that has returned nothing and never called start_response()."""
        self.log_error("The application did not call start_response()")
        self.close_connection = True

    def _send_error_response_if_possible(self, error_code):
        """Answer with `error_code` unless a head was sent, and close the connection."""
        self._send_answer(*_answer(error_code))

    def _log_error(self, t, v, tb):
        """Report an exception of the application to the hub, unless it only ends the greenlet."""
        if not issubclass(t, GreenletExit):
            context = self.environ
            if not isinstance(context, self.server.secure_environ_class):
                context = self.server.secure_environ_class(context or {})
            self.server.loop.handle_error(context, t, v, tb)

    def handle_error(self, t, v, tb):
        """Report an exception of the application, and answer with 500 if that can still be done."""
        self._log_error(t, v, tb)
        self._send_answer(*_INTERNAL_ERROR)

    def _run_guarded(self):
        """Call run_application() with what few servers ask for: a time-out for the request, a watch on the client."""
        server = self.server
        watch = None
        if server.watch_clients and type(self.socket) is socket:
            watch = ClientWatch(self.socket, self.environ, server.watch_clients == "kill")
        timeout = Timeout.start_new(server.request_timeout)
        try:
            self.run_application()
        except Timeout as raised:
            if raised is not timeout:
                raise
            path = self.environ.get("PATH_INFO")
            self.log_error("The application took longer than %s s for %r", server.request_timeout, path)
            self._send_answer(*_answer(503))
        finally:
            timeout.close()
            if watch is not None:
                watch.stop()

    def _print_unexpected_exc(self):
        """Print the current exception."""
        traceback.print_exc()


# ---- the server ----


class WSGIServer(StreamServer):
    """A WSGI server: WSGIServer(("127.0.0.1", 8080), application).serve_forever().

    listener, backlog, spawn, ssl_args: see `StreamServer`. application: called as PEP 3333 has it. log, error_log: where
    requests and errors are logged: "default": stderr; None: nowhere; a file; a logger. handler_class: a subclass of
    `WSGIHandler`. environ: a dict of what each request's environ is to have in it.

    Settings may be given by name, or set as attributes of the class. Seconds, None for ever: header_timeout for a head
    to come, body_timeout and write_timeout for a body or an answer to go on, keepalive_timeout for another request,
    request_timeout for a whole request, linger_timeout for a client that is still sending when the connection is closed.
    min_rate, None for none: bytes a second, below which body_timeout and write_timeout do not begin anew.
    Bytes, None for no bound: max_request_line, max_header_bytes, max_chunk_line, max_trailer_bytes, max_body, and
    max_discard, of a body that the application has not read; max_headers: number of header fields; max_connections.

    What is refused otherwise is let through by: lenient_missing_host (HTTP/1.1 without Host), lenient_folding (header
    lines that continue), lenient_length_beside_chunked (Content-Length beside chunks, and ignored),
    lenient_chunk_extensions (whatever is in them).

    watch_clients: "event": each environ has "greencore.client_gone", an `Event` that is set when the client closes the
    connection, or its half of it, before it has the answer; "kill": the request's greenlet is killed then, too.
    """

    log: io.TextIOBase | None = None
    error_log: io.TextIOBase | None = None
    handler_class = WSGIHandler
    environ_class = dict
    secure_environ_class = WSGISecureEnviron
    header_timeout: float | None

    #: Arguments of `greencore.websocket.WebSocket` for those that applications find in environ["wsgi.websocket"].
    websocket_options = {}

    #: How many connections are open at most; where there are more, idle ones are closed, and others wait in the kernel.
    #: None: as many as there may be descriptors, less some for the application.
    max_connections = None

    #: How a client that goes away is noticed; see above.
    watch_clients = None

    base_env = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "gevent/{}.{} Python/{}.{}".format(*version_info[:2], *sys.version_info[:2]),
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    _settings = (
        "header_timeout",
        "body_timeout",
        "write_timeout",
        "keepalive_timeout",
        "request_timeout",
        "linger_timeout",
        "min_rate",
        "max_request_line",
        "max_header_bytes",
        "max_headers",
        "max_chunk_line",
        "max_trailer_bytes",
        "max_body",
        "max_discard",
        "lenient_missing_host",
        "lenient_folding",
        "lenient_length_beside_chunked",
        "lenient_chunk_extensions",
    )

    _defaults = {}  # a subclass's settings

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = {name: cls.__dict__[name] for name in cls._settings if name in cls.__dict__}
        cls._defaults = {**cls._defaults, **own}
        for name in own:
            delattr(cls, name)

    def __init__(
        self,
        listener,
        application=None,
        backlog=None,
        spawn="default",
        log="default",
        error_log="default",
        handler_class=None,
        environ=None,
        **kwargs,
    ):
        handle = kwargs.pop("handle", None)
        if handle is not None:
            warnings.warn("a WSGI server has its own handle()", DeprecationWarning, stacklevel=2)
        self._service = Service()
        self._accepted = 0
        self._shaking = 0
        self._crowded = False
        self._handling = set()
        self._ended = Event()
        for name in ("max_connections", "watch_clients"):
            if name in kwargs:
                setattr(self, name, kwargs.pop(name))
        self._service.watches = self.watch_clients is not None
        if self.watch_clients not in (None, "event", "kill"):
            raise ValueError(f"watch_clients must be None, 'event' or 'kill', not {self.watch_clients!r}")
        for name in self._settings:
            if name in kwargs:
                setattr(self._service, name, kwargs.pop(name))
            elif name in self._defaults:
                setattr(self._service, name, self._defaults[name])
        super().__init__(listener, backlog=backlog, spawn=spawn, **kwargs)
        if application is not None:
            self.application = application
        if handler_class is not None:
            self.handler_class = handler_class
        self.log = as_log(log, 20)
        self.error_log = as_log(error_log, 40)
        self.set_environ(environ)
        self.set_max_accept()

    @property
    def counters(self):
        """The counters of now: a dict of `requests`, `refused` (requests), `connections`, `active` (connections that are at a
        request), `idle` (those that wait for one)."""
        service = self._service
        return {name: getattr(service, name) for name in ("requests", "refused", "connections", "active", "idle")}

    # ---- the environ ----

    def set_environ(self, environ=None):
        """Set what every environ begins with: `base_env`, and over it the given dict."""
        self.environ = dict(self.base_env)
        self.environ["wsgi.url_scheme"] = "https" if self.ssl_enabled else "http"
        self.environ["wsgi.file_wrapper"] = FileWrapper
        if environ is not None:
            self.environ.update(environ)
        if self.environ.get("wsgi.errors") is None:
            self.environ["wsgi.errors"] = self.error_log

    def set_max_accept(self):
        """Accept one connection at a time where processes share the listener."""
        if self.environ.get("wsgi.multiprocess"):
            self.max_accept = 1

    def upgrade(self, handler, environ):
        """Called for a GET that asks for another protocol, before the application: puts a WebSocket into the environ.

        handler.hand_over() returns (socket, bytes that were read from it already) and leaves the connection to the caller.
        Returns None, or an object whose finish(failed) is called when the application is done with the request.
        """
        from greencore.websocket._server import offer

        return offer(handler, environ)

    def get_environ(self):
        """Return a new environ, which the request's own entries are added to."""
        return self.environ_class(self.environ)

    def update_environ(self):
        """Add the address to the environ, once it is known."""
        address = self.address
        if isinstance(address, tuple):
            if "SERVER_NAME" not in self.environ:
                try:
                    name = getfqdn(address[0])
                except OSError:
                    name = str(address[0])
                self.environ["SERVER_NAME"] = name
            self.environ.setdefault("SERVER_PORT", str(address[1]))
        else:
            self.environ.setdefault("SERVER_NAME", "")
            self.environ.setdefault("SERVER_PORT", "")

    # ---- life ----

    def init_socket(self):
        super().init_socket()
        self.update_environ()

    def start(self):
        self._service.stopping = False
        super().start()

    def _lend(self):
        """Return what a handler needs: (service, environ to copy or None, whether there is a log, the pool's semaphore)."""
        plain = type(self).get_environ is WSGIServer.get_environ and self.environ_class is dict
        return (
            self._service,
            self.environ if plain and type(self.environ) is dict else None,
            not isinstance(self.log, NoopLog),
            getattr(self.pool, "_semaphore", None),
        )

    def handle(self, sock, address):
        """Serve a connection until it ends."""
        self._accepted = max(0, self._accepted - 1)
        greenlet = getcurrent()
        self._handling.add(greenlet)
        try:
            self.handler_class(sock, address, self).handle()
        finally:
            self._handling.discard(greenlet)
            if not self._handling:
                self._ended.set()
            if self._crowded:
                self._crowded = False
                self._start_accepting_if_started()

    def wrap_socket_and_handle(self, client_socket, address):
        """The handler of a TLS server: perform the handshake, as long as a head may take, and call the handler."""
        self._shaking += 1
        try:
            try:
                with Timeout(self.header_timeout, TimeoutError("timed out")):
                    ssl_socket = self.wrap_socket(client_socket, **self.ssl_args)
            except OSError as error:  # SSLError is one
                self.error_log.write(f"{client_socket}: (from {address}) TLS handshake failed: {error}\n")
                return None
        finally:
            self._shaking -= 1
        with ssl_socket:
            return self.handle(ssl_socket, address)

    # ---- how many ----

    def _at_limit(self):
        most = self.max_connections
        if most is None:
            most = self.max_connections = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_DESCRIPTORS
        return self._service.connections + self._accepted + self._shaking >= most

    def _do_read(self):
        self._accepted = 0  # the handlers of all that were accepted before have begun
        if not self._at_limit():
            super()._do_read()
            return
        # A client waits, so an idle connection is closed. When any connection has ended, handle() accepts again.
        self._service.close_idle(1)
        self._crowded = True
        self.stop_accepting()

    def do_read(self):
        if self._at_limit():
            return None
        args = super().do_read()
        self._accepted += args is not None
        return args

    def stop(self, timeout=None):
        """Accept no more, close idle connections, and wait `timeout` seconds for requests that run (None:
        `stop_timeout`). With a pool, those that run on are killed then; without, they run on."""
        service = self._service
        service.stopping = True
        try:
            service.close_idle()
        finally:
            super().stop(timeout)
        if not self.pool and self._handling and getcurrent() not in self._handling:
            self._ended.clear()
            self._ended.wait(self.stop_timeout if timeout is None else timeout)


class _Setting:
    """A setting of the server, kept in its Service, where connections look for it."""

    def __init__(self, name):
        self.name = name
        self.__doc__ = getattr(Service, name).__doc__

    def __get__(self, server, cls=None):
        return self if server is None else getattr(server._service, self.name)

    def __set__(self, server, value):
        setattr(server._service, self.name, value)


for _name in WSGIServer._settings:
    setattr(WSGIServer, _name, _Setting(_name))
del _name


def _main():
    """Serve an application: python -m gevent.pywsgi module:callable -b address."""
    import argparse

    from greencore._wsgi.application import NoApplicationError, load

    parser = argparse.ArgumentParser(prog="python -m gevent.pywsgi", description="Serve a WSGI application.")
    parser.add_argument("app", help="the application: module:callable")
    parser.add_argument("-b", "--bind", default="127.0.0.1:8080", help="where to listen: host:port")
    args = parser.parse_args()
    try:
        application = load(args.app)
    except NoApplicationError as error:
        parser.error(str(error))
    server = WSGIServer(args.bind, application)
    server.start()
    print(f"Serving {args.app} on {args.bind}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _main()

"""A Python console in a running program, reached by network: `python -m greencore.backdoor 5001`, then `telnet 127.0.0.1 5001`."""

import builtins
import socket
import sys
from code import InteractiveConsole

from greencore._core import getcurrent
from greencore.pool import Pool
from greencore.server import StreamServer

__all__ = ["BackdoorServer"]

for _name, _prompt in (("ps1", ">>> "), ("ps2", "... ")):
    if not hasattr(sys, _name):
        setattr(sys, _name, _prompt)


class _Dispatcher:
    """Stands in for one of the standard streams while there are consoles: each console's greenlet has its own, all others
    have the original."""

    def __init__(self, name):
        self._name = name
        self._original = getattr(sys, name)
        self._streams = {}

    def attach(self, greenlet, stream):
        if not self._streams:
            current = getattr(sys, self._name)
            if current is not self:
                self._original = current
                setattr(sys, self._name, self)
        self._streams[greenlet] = stream

    def detach(self, greenlet):
        del self._streams[greenlet]
        if not self._streams and getattr(sys, self._name) is self:
            setattr(sys, self._name, self._original)

    def _stream(self):
        return self._streams.get(getcurrent(), self._original)

    def __getattr__(self, name):
        return getattr(self._stream(), name)

    def __iter__(self):
        return iter(self._stream())


_dispatchers = {name: _Dispatcher(name) for name in ("stdin", "stdout", "stderr")}


class _Stream:
    """A console's standard stream on its connection."""

    encoding = "utf-8"

    def __init__(self, sock, file):
        self._sock = sock
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def fileno(self):
        return self._sock.fileno()  # not a terminal's, so that input() uses readline()

    def close(self):
        pass


class _Output(_Stream):
    def write(self, data):
        # There is no buffer, for nobody would flush a prompt.
        self._sock.sendall(data if isinstance(data, bytes) else data.encode(self.encoding))

    def flush(self):
        pass


class _Input(_Stream):
    def readline(self, *args):
        try:
            return self._file.readline(*args).replace("\r\n", "\n")
        except UnicodeError:
            return ""  # telnet's Ctrl-C: taken as the end


class BackdoorServer(StreamServer):
    """A server that gives each connection a Python console.

    Whoever can connect can do what the program can: bind it to the local host only.

    listener: an address or a socket. locals: a dictionary of names that the consoles begin with; each has its own copy.
    banner: a string to greet with. stop() kills the consoles.
    """

    def __init__(self, listener, locals=None, banner=None, **server_args):
        super().__init__(listener, spawn=Pool(), **server_args)
        self.locals = {"__doc__": None, "__name__": "__console__", **(locals or {})}
        self.banner = banner
        self.stderr = sys.stderr

    def _create_interactive_locals(self):
        # `__builtins__` is the module: its dictionary would fill the screen at each look at locals().
        return {**self.locals, "builtins": builtins, "__builtins__": builtins}

    def handle(self, conn, _address):
        """Run the console of one connection, the socket `conn`, until it ends or the console is left."""
        try:
            conn.setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, True)
        except OSError:
            pass  # a Unix socket
        file = conn.makefile(mode="r")
        output = _Output(conn, file)
        current = getcurrent()
        streams = {"stdin": _Input(conn, file), "stdout": output, "stderr": output}
        for name, stream in streams.items():
            _dispatchers[name].attach(current, stream)
        try:
            InteractiveConsole(self._create_interactive_locals()).interact(banner=self.banner, exitmsg="")
        except SystemExit:
            pass  # quit()
        finally:
            for name in streams:
                _dispatchers[name].detach(current)
            file.close()
            conn.close()


if __name__ == "__main__":
    if not sys.argv[1:]:
        print(f"USAGE: {sys.argv[0]} PORT [banner]")
    else:
        BackdoorServer(("127.0.0.1", int(sys.argv[1])), banner=sys.argv[2] if sys.argv[2:] else None).serve_forever()

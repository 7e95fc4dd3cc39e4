"""The c-ares channel with callbacks, as code written for gevent's own resolver uses it."""

from socket import AF_INET, gaierror

from greencore.greenlet import Greenlet
from greencore.hub import get_hub
from greencore.resolver.ares import Resolver

__all__ = ["channel"]


class InvalidIP(ValueError):
    """What was to be looked up is no address."""


class Result:
    """How a look-up ended: with a `value` or an `exception`, the other one is None."""

    __slots__ = ("exception", "value")

    def __init__(self, value=None, exception=None):
        self.value = value
        self.exception = exception

    def __repr__(self):
        if self.exception is not None:
            return f"Result(exception={self.exception!r})"
        return f"Result({self.value!r})"

    def successful(self):
        """Return whether there was no exception."""
        return self.exception is None

    def get(self):
        """Return the value, or raise the exception."""
        if self.exception is not None:
            raise self.exception
        return self.value


class ares_host_result(tuple):
    """(name, aliases, addresses), with the `family` of the addresses."""

    family = None

    def __new__(cls, family, iterable):
        self = super().__new__(cls, iterable)
        self.family = family
        return self

    def __getnewargs__(self):
        return self.family, tuple(self)


class channel:
    """Look-ups that give a Result to a callback, which is called on the hub.

    `loop` is the running hub's. Keyword arguments are those of `greencore.resolver.ares.Resolver`, which does the work.
    """

    def __init__(self, loop, **options):
        hub = get_hub()
        if loop is not hub.loop:
            raise TypeError(f"the loop of the running hub is needed, not {loop!r}")
        self.loop = loop
        self._resolver = Resolver(hub, use_environ=False, **options)

    def destroy(self):
        """Close the sockets. Look-ups under way fail; asking for one is a gaierror from now on."""
        if self._resolver is not None:
            self._resolver.close()
            self._resolver = None

    def set_servers(self, servers=None):
        """Ask these servers, a list or a text with commas; None: those of the system."""
        self._of("cares").set_servers(servers)

    def _of(self, name):
        if self._resolver is None:
            raise gaierror(-1, "the channel was destroyed")
        return getattr(self._resolver, name)

    def _ask(self, callback, make, name, *args):
        if not callable(callback):
            raise TypeError(f"a callable is needed, not {callback!r}")
        function = self._of(name)

        def look_up():
            try:
                result = Result(make(function(*args)))
            except (OSError, ValueError) as error:
                result = Result(exception=error)
            self.loop.run_callback(callback, result)

        Greenlet.spawn(look_up)

    def gethostbyname(self, callback, name, family=AF_INET):
        """Look up (name, aliases, addresses) of a name."""
        self._ask(callback, lambda found: ares_host_result(family, found), "gethostbyname_ex", name, family)

    def gethostbyaddr(self, callback, addr):
        """Look up (name, aliases, addresses) of an address."""
        self._ask(callback, lambda found: ares_host_result(None, found), "gethostbyaddr", addr)

    def getaddrinfo(self, callback, name, service, family=0, type=0, proto=0, flags=0):
        """Look up what `socket.getaddrinfo` returns."""
        self._ask(callback, list, "getaddrinfo", name, service, family, type, proto, flags)

    def getnameinfo(self, callback, sockaddr, flags):
        """Look up what `socket.getnameinfo` returns."""
        self._ask(callback, tuple, "getnameinfo", sockaddr, flags)

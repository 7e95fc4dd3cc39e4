"""The C library's look-ups, in the hub's thread pool."""

import _socket

from greencore._core import get_hub

__all__ = ["Resolver"]


class Resolver:
    """Calls the standard library's functions in native threads: for name services that only the C library knows.

    hub: whose thread pool; the thread's by default.
    """

    def __init__(self, hub=None):
        hub = get_hub() if hub is None else hub
        self.pool = hub.threadpool
        if _socket.gaierror not in hub.NOT_ERROR:  # names that are not found are nothing to print
            hub.NOT_ERROR += (_socket.gaierror, _socket.herror)

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__qualname__} at {id(self):#x} pool={self.pool!r}>"

    def close(self):
        """Does nothing: the pool is the hub's."""

    def gethostbyname(self, *args):
        """As socket.gethostbyname(), in a thread of the pool."""
        return self.pool.apply(_socket.gethostbyname, args)

    def gethostbyname_ex(self, *args):
        """As socket.gethostbyname_ex(), in a thread of the pool."""
        return self.pool.apply(_socket.gethostbyname_ex, args)

    def getaddrinfo(self, *args, **kwargs):
        """As socket.getaddrinfo(), in a thread of the pool."""
        return self.pool.apply(_socket.getaddrinfo, args, kwargs)

    def gethostbyaddr(self, *args, **kwargs):
        """As socket.gethostbyaddr(), in a thread of the pool."""
        return self.pool.apply(_socket.gethostbyaddr, args, kwargs)

    def getnameinfo(self, *args, **kwargs):
        """As socket.getnameinfo(), in a thread of the pool."""
        return self.pool.apply(_socket.getnameinfo, args, kwargs)

"""The C library's look-ups, called straight away."""

import _socket

__all__ = ["Resolver"]


class Resolver:
    """Calls the standard library's functions. While one looks up, no greenlet runs."""

    def __init__(self, hub=None):
        pass

    def close(self):
        """Does nothing: there is nothing to close."""

    gethostbyname = staticmethod(_socket.gethostbyname)
    gethostbyname_ex = staticmethod(_socket.gethostbyname_ex)
    getaddrinfo = staticmethod(_socket.getaddrinfo)
    gethostbyaddr = staticmethod(_socket.gethostbyaddr)
    getnameinfo = staticmethod(_socket.getnameinfo)

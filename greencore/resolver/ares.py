"""DNS by c-ares, in the hub's loop."""

import os

from greencore._base.config import ares_options
from greencore._core import channel, get_hub
from greencore.resolver import AbstractResolver
from greencore.resolver._files import resolv_options

__all__ = ["Resolver"]


class Resolver(AbstractResolver):
    """Looks names up in the hosts file and, by c-ares, in DNS, in the order that nsswitch.conf has. It uses no threads.

    hub: whose loop sends and receives; the thread's by default. use_environ: take over the settings
    `config.resolver_nameservers`, `resolver_timeout` and `ares_*`. Keyword arguments, which win over those, are for the
    `channel` (`greencore.ares`): servers, timeout, tries, ndots, udp_port, tcp_port, flags, domains.

    It answers as the C library would (the same results, in the same order; the same exceptions), and reads resolv.conf
    again when that changes. Name services other than the hosts file and DNS need the *thread* resolver.
    """

    cares_class = channel

    def __init__(self, hub=None, use_environ=True, **kwargs):
        self.hub = get_hub() if hub is None else hub
        if use_environ:
            kwargs = {**ares_options(), **kwargs}
        self.params = kwargs
        self.pid = os.getpid()
        self._configured = resolv_options.stamp()
        self.cares = self.cares_class(self.hub.loop, **self._options())

    def _options(self):
        return {**resolv_options.get(), **self.params}

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__qualname__} at {id(self):#x} ares={self.cares!r}>"

    def _on_fork(self):
        """Open sockets of its own in a forked child. Queries under way are sent once more."""
        if self.pid != os.getpid() and not self.cares.destroyed:
            self.pid = os.getpid()
            self.cares.reopen()

    def _channel(self):
        self._on_fork()
        configured = resolv_options.stamp()
        if self._configured != configured and not self.cares.destroyed:
            self._configured = configured
            self.cares.reopen(**self._options())
        return self.cares

    def close(self):
        """Close the sockets; look-ups under way raise gaierror or herror."""
        self.cares.destroy()

    def _query(self, name, family):
        return self._channel().getaddrinfo(name, family)

    def _query_address(self, address):
        return self._channel().gethostbyaddr(address)

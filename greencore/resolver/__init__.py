"""Resolvers look names up. A hub has one, of the class that `config.resolver` names.

=============  ========================================================================================
ares           DNS by c-ares in the hub's loop, the hosts file; needs no threads. The default.
thread         The C library's functions in the hub's thread pool, for name services c-ares doesn't know.
dnspython      DNS by the package dnspython, on green sockets.
block          The C library's functions, which stop all greenlets while they look up.
=============  ========================================================================================
"""

import functools
from _socket import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_ADDRCONFIG,
    AI_ALL,
    AI_CANONNAME,
    AI_NUMERICHOST,
    AI_NUMERICSERV,
    AI_PASSIVE,
    AI_V4MAPPED,
    EAI_AGAIN,
    EAI_NONAME,
    EAI_SERVICE,
    NI_NAMEREQD,
    NI_NOFQDN,
    NI_NUMERICHOST,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_TCP,
    error,
    gaierror,
    getaddrinfo as native_getaddrinfo,
    gethostbyaddr as native_gethostbyaddr,
    gethostbyname as native_gethostbyname,
    gethostbyname_ex as native_gethostbyname_ex,
    gethostname,
    getnameinfo as native_getnameinfo,
    herror,
)
from os import fsdecode

from greencore.resolver._addresses import is_ipv6_addr
from greencore.resolver._files import sources
from greencore.resolver._hostsfile import HostsFile
from greencore.resolver._order import in_order

__all__ = []

hostname_types = (str, bytes, bytearray)
integer_types = (int,)
string_types = (str,)

"".encode("idna")  # imports the codec now, rather than in the middle of a look-up

_TRY_AGAIN = 2  # of herror
_BROADCAST = ("<broadcast>", b"<broadcast>")
_LOOPBACK = {AF_INET: "127.0.0.1", AF_INET6: "::1"}


def _is_configured(family):
    """Whether AI_ADDRCONFIG lets addresses of the family be asked for: the C library knows."""
    try:
        native_getaddrinfo(_LOOPBACK[family], None, family, SOCK_STREAM, 0, AI_NUMERICHOST | AI_ADDRCONFIG)
    except gaierror:
        return False
    return True


class AbstractResolver:
    """The standard library's functions, made of two questions that a subclass answers.

    `_query(name, family)` returns (canonical name, aliases, [(family, address)]) or raises gaierror;
    `_query_address(address)` returns a name or raises herror. What is numeric, special or in the hosts file is found
    without them.
    """

    HOSTNAME_ENCODING = "idna"
    EAI_NONAME_MSG = "Name or service not known"
    EAI_FAMILY_MSG = "ai_family not supported"
    EAI_AGAIN_MSG = "Temporary failure in name resolution"

    hosts_file = HostsFile()

    def close(self):
        """Give up what the resolver holds; there is nothing in this class."""

    @staticmethod
    def fixup_gaierror(func):
        """Return a method like `func`, whose gaierror gets the usual text where it has none."""

        @functools.wraps(func)
        def resolve(self, *args, **kwargs):
            try:
                return func(self, *args, **kwargs)
            except gaierror as failure:
                if failure.args == (EAI_NONAME,):
                    failure.args = (EAI_NONAME, self.EAI_NONAME_MSG)
                    failure.errno = EAI_NONAME
                raise

        return resolve

    def _query(self, name, family):
        raise NotImplementedError

    def _query_address(self, address):
        raise NotImplementedError

    def _hostname_to_bytes(self, hostname):
        if isinstance(hostname, str):
            return hostname.encode(self.HOSTNAME_ENCODING)
        if not isinstance(hostname, (bytes, bytearray)):
            raise TypeError(f"Expected str, bytes or bytearray, not {type(hostname).__name__}")
        return bytes(hostname)

    # Sources

    def _find(self, name, family):
        """Ask the sources in turn. The first that knows the name decides; if none does, the last error."""
        failure = gaierror(EAI_NONAME, self.EAI_NONAME_MSG)
        try:
            for source in sources.get():
                if source == "files":
                    found = self.hosts_file.find(fsdecode(name), family)
                    if found:
                        return found
                    continue
                if name.lower().rpartition(b".")[2] == b"localhost":  # RFC 6761: never a question
                    pairs = [(kind, address) for kind, address in _LOOPBACK.items() if family in (0, kind)]
                    return fsdecode(name), [], pairs
                try:
                    return self._query(name, family)
                except gaierror as ex:
                    failure = ex
            raise failure
        finally:
            del failure  # it refers to this frame

    def _find_address(self, address):
        failure = herror(1, "Unknown host")
        try:
            for source in sources.get():
                if source == "files":
                    found = self.hosts_file.find_address(address)
                    if found:
                        return found
                    continue
                try:
                    return self._query_address(address), []
                except herror as ex:
                    failure = ex
            raise failure
        finally:
            del failure

    def _find_mapped(self, name, flags):
        """Return IPv6 addresses; with AI_ALL, or if there are none, also the IPv4 addresses, written as IPv6 ones."""
        found = None
        try:
            found = self._find(name, AF_INET6)
        except gaierror:
            pass
        if found and not flags & AI_ALL:
            return found
        try:
            canonical, aliases, pairs = self._find(name, AF_INET)
        except gaierror:
            if not found:
                raise
            return found
        mapped = [(AF_INET6, "::ffff:" + address) for _, address in pairs]
        return (found[0], found[1], found[2] + mapped) if found else (canonical, aliases, mapped)

    @staticmethod
    def _is_for_the_c_library(hostname):
        """Whether the C library is to tell what is wrong with `hostname`, or what it stands for; it asks nobody for that."""
        if isinstance(hostname, str):
            return not hostname or "\0" in hostname
        return not isinstance(hostname, hostname_types) or not hostname or b"\0" in hostname

    # The functions

    def getaddrinfo(self, host, port, family=0, socktype=0, proto=0, flags=0):
        """As socket.getaddrinfo(), with its arguments, results and errors."""
        if isinstance(host, bytearray):
            host = bytes(host)
        try:
            # This finds numbers and wildcards, and raises for wrong arguments.
            return native_getaddrinfo(host, port, family, socktype, proto, flags | AI_NUMERICHOST)
        except gaierror as ex:
            if ex.errno != EAI_NONAME or flags & AI_NUMERICHOST or self._is_for_the_c_library(host):
                raise
        # The C library tells which types and protocols there are, and in which order, when asked about a number.
        kind = family or AF_INET
        numbers = AI_NUMERICHOST | flags & AI_NUMERICSERV
        kinds = native_getaddrinfo(_LOOPBACK[kind], port, kind, socktype, proto, numbers)
        if flags & AI_ADDRCONFIG:
            wanted = [known for known in ([family] if family else _LOOPBACK) if _is_configured(known)]
            if family and not wanted:
                raise gaierror(EAI_NONAME, self.EAI_NONAME_MSG)
            if len(wanted) == 1:
                family = wanted[0]
        name = self._hostname_to_bytes(host)
        if family == AF_INET6 and flags & AI_V4MAPPED:
            canonical, _, pairs = self._find_mapped(name, flags)
        else:
            canonical, _, pairs = self._find(name, family)
        result = []
        canonical = canonical if flags & AI_CANONNAME else ""
        for kind, address in in_order(pairs):
            for _, socktype, proto, _, (_, port, *_) in kinds:
                end = (address, port) if kind == AF_INET else (address, port, 0, 0)
                result.append((kind, socktype, proto, canonical, end))
                canonical = ""
        return result

    def gethostbyname(self, hostname, family=AF_INET):
        """As socket.gethostbyname(), with its arguments, results and errors."""
        if hostname in _BROADCAST or self._is_for_the_c_library(hostname):
            return native_gethostbyname(hostname)
        return self.getaddrinfo(hostname, None, family, SOCK_STREAM)[0][4][0]

    def gethostbyname_ex(self, hostname, family=AF_INET):
        """As socket.gethostbyname_ex(), with its arguments, results and errors."""
        if hostname in _BROADCAST:
            raise herror(1, "Unknown host")
        if self._is_for_the_c_library(hostname):
            return native_gethostbyname_ex(hostname)
        name = self._hostname_to_bytes(hostname)
        try:
            native_getaddrinfo(name, None, family, SOCK_STREAM, 0, AI_NUMERICHOST)
        except gaierror as ex:
            if ex.errno != EAI_NONAME:
                raise
        else:
            return native_gethostbyname_ex(name)
        canonical, aliases, pairs = self._find(name, family)
        return canonical, aliases, [address for _, address in pairs]

    def gethostbyaddr(self, ip_address):
        """As socket.gethostbyaddr(), with its arguments, results and errors."""
        if self._is_for_the_c_library(ip_address):
            return native_gethostbyaddr(ip_address)
        if ip_address in _BROADCAST:
            ip_address = "255.255.255.255"
        address = self.getaddrinfo(ip_address, None, AF_UNSPEC, SOCK_STREAM)[0][4][0]
        name, aliases = self._find_address(address.partition("%")[0])
        return name, aliases, [address]

    def getnameinfo(self, sockaddr, flags):
        """As socket.getnameinfo(), with its arguments, results and errors."""
        if flags & NI_NUMERICHOST if isinstance(flags, int) else True:
            return native_getnameinfo(sockaddr, flags)
        host, service = native_getnameinfo(sockaddr, flags & ~NI_NAMEREQD | NI_NUMERICHOST)
        try:
            name, _ = self._find_address(host.partition("%")[0])
        except herror as ex:
            if ex.errno == _TRY_AGAIN:
                raise gaierror(EAI_AGAIN, self.EAI_AGAIN_MSG) from None
            if flags & NI_NAMEREQD:
                raise gaierror(EAI_NONAME, self.EAI_NONAME_MSG) from None
            return host, service
        if flags & NI_NOFQDN:
            name = self._without_own_domain(name)
        return name, service

    def _without_own_domain(self, name):
        own = gethostname()
        if "." not in own:
            try:
                own = self._find(own.encode(), AF_UNSPEC)[0]
            except gaierror:
                return name
        domain = "." + own.partition(".")[2].lower()
        return name[: -len(domain)] if len(domain) > 1 and name.lower().endswith(domain) else name

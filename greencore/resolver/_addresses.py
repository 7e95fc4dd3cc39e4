"""Whether a host is a numeric address."""

import _socket


def _is_addr(host, family):
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode("ascii", "replace")
    if not isinstance(host, str):
        return False
    try:
        _socket.inet_pton(family, host.partition("%")[0])
    except (OSError, ValueError):
        return False
    return True


def is_ipv4_addr(host):
    """Whether `host` (string or bytes) is an IPv4 address in dotted form."""
    return _is_addr(host, _socket.AF_INET)


def is_ipv6_addr(host):
    """Whether `host` (string or bytes) is an IPv6 address, with a scope or without."""
    return _is_addr(host, _socket.AF_INET6)

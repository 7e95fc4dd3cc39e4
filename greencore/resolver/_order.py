"""The order in which a host's addresses are to be tried: RFC 6724, with the tables of gai.conf, as in the C library.

Of its rules, those that need to know the system's interfaces are left out (3, 4 and 7, and 9 for IPv4).
"""

import _socket
from _socket import AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM

from greencore.resolver._files import WatchedFile

_LABELS = [
    ("::1/128", 0),
    ("::/0", 1),
    ("2002::/16", 2),
    ("::/96", 3),
    ("::ffff:0:0/96", 4),
    ("fec0::/10", 5),
    ("fc00::/7", 6),
    ("2001:0::/32", 7),
]
_PRECEDENCES = [("::1/128", 50), ("::/0", 40), ("2002::/16", 30), ("::/96", 20), ("::ffff:0:0/96", 10)]
_SCOPES = [("::ffff:169.254.0.0/112", 2), ("::ffff:127.0.0.0/104", 2), ("::ffff:0.0.0.0/96", 14)]
_GLOBAL, _LINK, _SITE = 14, 2, 5


def _number(family, address):
    """Return the address as an integer of 128 bits; IPv4 is mapped into IPv6."""
    packed = _socket.inet_pton(family, address.partition("%")[0])
    number = int.from_bytes(packed, "big")
    return number | 0xFFFF << 32 if family == AF_INET else number


class _Table:
    """Values by prefix: the longest prefix that matches counts."""

    def __init__(self, rows):
        self.rows = []
        for prefix, value in rows:
            address, _, length = prefix.partition("/")
            shift = 128 - int(length or 128)
            self.rows.append((shift, _number(AF_INET6, address) >> shift, value))
        self.rows.sort(key=lambda row: row[0])

    def __getitem__(self, number):
        return next((value for shift, prefix, value in self.rows if number >> shift == prefix), 1)


def _parse(lines):
    """Return the tables (labels, precedences, scopes of IPv4). One line of a kind in gai.conf replaces the kind's defaults."""
    rows = {"label": [], "precedence": [], "scopev4": []}
    for words in lines:
        if words[0] in rows and len(words) == 3:
            rows[words[0]].append((words[1], words[2]))
    tables = []
    for kind, defaults in (("label", _LABELS), ("precedence", _PRECEDENCES), ("scopev4", _SCOPES)):
        try:
            tables.append(_Table([(prefix, int(value)) for prefix, value in rows[kind] or defaults]))
        except (OSError, ValueError):  # a line that makes no sense
            tables.append(_Table(defaults))
    return tables


gai_conf = WatchedFile("/etc/gai.conf", _parse)


def _scope(number, scopes):
    if number >> 32 == 0xFFFF:
        return scopes[number]
    if number >> 120 == 0xFF:
        return number >> 112 & 15
    if number == 1 or number >> 118 == 0xFE80 >> 6:
        return _LINK
    return _SITE if number >> 118 == 0xFEC0 >> 6 else _GLOBAL


def source(family, address):
    """Return the address from which this host would send to `address`, as an integer; None if it can't."""
    try:
        sock = _socket.socket(family, SOCK_DGRAM | SOCK_CLOEXEC)
    except OSError:
        return None
    try:
        sock.connect((address, 53))  # a datagram socket: nothing is sent
        return _number(family, sock.getsockname()[0])
    except OSError:
        return None
    finally:
        sock.close()


def _rank(pair, tables):
    labels, precedences, scopes = tables
    target = _number(*pair)
    own = source(*pair)
    if own is None:
        return 1, 0, 0, -precedences[target], _scope(target, scopes), 0
    scope = _scope(target, scopes)
    is_ipv6 = pair[0] == AF_INET6
    return (
        0,
        scope != _scope(own, scopes),
        labels[target] != labels[own],
        -precedences[target],
        scope,
        (target ^ own).bit_length() if is_ipv6 else 0,
    )


def in_order(pairs):
    """Return the (family, address) pairs, best first; equally good ones keep their order."""
    if len(pairs) < 2:
        return pairs
    tables = gai_conf.get()
    return sorted(pairs, key=lambda pair: _rank(pair, tables))

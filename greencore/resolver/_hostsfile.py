"""The hosts file, looked up as the C library does."""

import _socket
from _socket import AF_INET, AF_INET6, AF_UNSPEC

from greencore.resolver._files import WatchedFile

HOSTS = "/etc/hosts"
_MAPPED = b"\0" * 10 + b"\xff\xff"
_LOOPBACK = b"\0" * 15 + b"\1"


def _parse_address(text):
    """Return (family, address in its shortest form), or None."""
    for family in (AF_INET, AF_INET6):
        try:
            packed = _socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return family, _socket.inet_ntop(family, packed)
    return None


def _as_ipv4(address):
    """Return the IPv4 address that an IPv6 address stands for where only IPv4 will do, or None."""
    packed = _socket.inet_pton(AF_INET6, address)
    if packed == _LOOPBACK:
        return "127.0.0.1"
    return _socket.inet_ntop(AF_INET, packed[12:]) if packed.startswith(_MAPPED) else None


class HostsFile:
    """The hosts file `fname`, the system's by default; it is read again when it has changed."""

    def __init__(self, fname=None):
        self.fname = fname or HOSTS
        self._file = WatchedFile(self.fname, self._parse)

    @staticmethod
    def _parse(lines):
        """Return (entries by name, entries by address); an entry is (family, address, names)."""
        by_name, by_address = {}, {}
        for text, *names in lines:
            address = _parse_address(text)
            if address is None or not names:
                continue
            entry = (*address, names)
            for name in {name.lower() for name in names}:
                by_name.setdefault(name, []).append(entry)
            by_address.setdefault(address[1], entry)
        return by_name, by_address

    def find(self, name, family=AF_UNSPEC):
        """Return (canonical name, aliases, [(family, address)]) of `name`, or None if it has no address of that family.

        Where IPv4 is asked for, an entry of ``::1`` counts as 127.0.0.1.
        """
        found, names = [], []
        for kind, address, entry_names in self._file.get()[0].get(name.lower(), ()):
            if family == AF_INET and kind == AF_INET6:
                kind, address = AF_INET, _as_ipv4(address)
            if address is not None and family in (AF_UNSPEC, kind):
                found.append((kind, address))
                names += entry_names
        if not found:
            return None
        canonical, *others = dict.fromkeys(names)
        return canonical, others, found

    def find_address(self, address):
        """Return (canonical name, aliases) of a numeric address, or None."""
        entry = self._file.get()[1].get(address)
        return (entry[2][0], entry[2][1:]) if entry else None

    def load(self):
        """Read the file now; it is read anyhow when needed."""
        self._file.get()

    def iter_all_host_addr_pairs(self):
        """Yield every pair of a name, in lower case, and an address."""
        for name, entries in self._file.get()[0].items():
            for _, address, _ in entries:
                yield name, address

"""Hosts files of any bytes: what is found is what the lines say, read one by one."""

import socket
import tempfile
from pathlib import Path

from gevent.resolver._hostsfile import HostsFile

GOOD = b"127.0.0.1 localhost\n::1 localhost ip6\n# no line\n10.0.0.7 Host.test host # alias\n\n10.0.0.7 second\n"
folder = tempfile.TemporaryDirectory()  # gone when the interpreter ends
path = Path(folder.name, "hosts")


def seeds():
    yield GOOD
    yield GOOD.replace(b"\n", b"\r\n")
    yield b"::ffff:10.0.0.1 mapped\nfe80::1%lo scoped\n1.2.3 short\n10.0.0.8\n\xff\xfe 10.0.0.9\n10.0.0.9 \xff\n"


def fuzz_one(data):
    path.write_bytes(data)
    hosts = HostsFile(str(path))
    for name, address in list(hosts.iter_all_host_addr_pairs()):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        assert socket.inet_ntop(family, socket.inet_pton(family, address)) == address
        assert name and name == name.strip() and "#" not in name
        canonical, aliases, found = hosts.find(name)
        assert (family, address) in found
        assert name in {known.lower() for known in (canonical, *aliases)}
        assert len({canonical, *aliases}) == 1 + len(aliases)
        assert hosts.find_address(address) is not None
        if family == socket.AF_INET:
            assert (family, address) in hosts.find(name, family)[2]

"""Ask the C library and the resolver the same, with configuration files of our own. Run in a mount namespace of its own,
as root. Prints how many answers were compared, and those that differ."""

import _socket
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import gevent
from gevent.resolver.ares import Resolver

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from nameserver import A, AAAA, CNAME, PTR, SERVFAIL, NameServer  # noqa: E402

# Where nobody else serves port 53.
ADDRESS = "127.87.65.43"
OTHER_ADDRESS = "127.87.65.44"

ZONE = {
    "one.test": {A: ["10.0.0.1"]},
    "six.test": {AAAA: ["fd00::6"]},
    "both.test": {A: ["10.0.0.2", "10.0.0.3"], AAAA: ["fd00::2"]},
    "alias.test": {CNAME: ["middle.test"]},
    "middle.test": {CNAME: ["both.test"]},
    "empty.test": {},
    "a.b.c": lambda query: [query.reply(code=SERVFAIL)],
    "a.b.c.search.test": lambda query: [query.reply(code=SERVFAIL)],
    "short.search.test": {A: ["10.0.1.1"]},
    "1.0.0.10.in-addr.arpa": {PTR: ["one.test"]},
    "2.0.0.10.in-addr.arpa": {PTR: ["b1.test", "b2.test"]},
    "4.0.0.10.in-addr.arpa": lambda query: [query.reply(code=SERVFAIL)],
    "5.0.0.10.in-addr.arpa": {},
}

HOSTS = """127.0.0.1 localhost
::1 localhost ip6-localhost
10.1.1.1 multi.hosts al1 al2
10.1.1.2 multi.hosts al3
fd00::77 multi.hosts
::1 v6loop
10.1.1.3 X.hosts xx
192.168.7.7 rev1 rev2
192.168.7.7 rev3
"""

NAMES = (
    "one.test six.test both.test alias.test empty.test none.test a.b.c short 1.2.3.400 one.test. x.hosts. "
    "localhost multi.hosts al2 v6loop XX bücher.test 10.0.0.1 ::1 127.1 255.255.255.255"
).split()
ADDRESSES = "10.0.0.1 10.0.0.2 10.0.0.4 10.0.0.5 10.0.0.7 127.0.0.1 ::1 fd00::99 192.168.7.7".split()


def mount(text, target):
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(text)
    subprocess.run(["mount", "--bind", file.name, target], check=True)
    return file.name


def questions():
    for name in NAMES:
        yield "gethostbyname", name
        yield "gethostbyname_ex", name
        yield "gethostbyaddr", name
        for flags in (0, socket.AI_CANONNAME, socket.AI_V4MAPPED, socket.AI_V4MAPPED | socket.AI_ALL, socket.AI_ADDRCONFIG):
            for family in (0, socket.AF_INET, socket.AF_INET6):
                yield "getaddrinfo", name, 80, family, 0, 0, flags
    yield "getaddrinfo", "both.test", "http"
    yield "getaddrinfo", "both.test", "domain"
    yield "getaddrinfo", "", 80
    for address in ADDRESSES:
        yield "gethostbyaddr", address
        for flags in (0, socket.NI_NAMEREQD, socket.NI_NUMERICHOST, socket.NI_NUMERICSERV, socket.NI_DGRAM):
            yield "getnameinfo", (address, 53), flags
    yield "getnameinfo", ("one.test", 80), 0


def answer(source, function, arguments):
    try:
        return getattr(source, function)(*arguments)
    except (OSError, UnicodeError) as error:
        return type(error), error.args


def serve():
    """Two name servers in a process of their own: some Pythons keep the interpreter lock while the C library asks."""
    ready, leave = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(leave[1])
        with NameServer(ZONE, ADDRESS, 53), NameServer({"one.test": {A: ["10.7.7.7"]}}, OTHER_ADDRESS, 53):
            os.write(ready[1], b"x")
            os.read(leave[0], 1)  # until the parent has ended
            os._exit(0)
    os.read(ready[0], 1)


def own_namespace():
    """Whether the mounts below are this process's alone: without that they would be the machine's."""
    mine, parents = (os.readlink(f"/proc/{pid}/ns/mnt") for pid in ("self", os.getppid()))
    return mine != parents


if not own_namespace():
    sys.exit("run this with: unshare -m")
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
serve()

conf = mount(f"nameserver {ADDRESS}\nsearch search.test\noptions timeout:30 attempts:2\n", "/etc/resolv.conf")
mount(HOSTS, "/etc/hosts")
mount("hosts: files dns\n", "/etc/nsswitch.conf")

resolver = Resolver(use_environ=False)
compared, different = 0, []
for function, *arguments in questions():
    expected, found = (answer(source, function, arguments) for source in (_socket, resolver))
    # For one family the C library takes a failure of the last domain for its answer, for both families the first.
    if expected != found and "a.b.c" not in arguments:
        different.append(f"{function}{tuple(arguments)}:\n  {expected}\n  {found}")
    compared += 1

# Another server, while the resolver is in use.
Path(conf).write_text(f"nameserver {OTHER_ADDRESS}\n")
if resolver.gethostbyname("one.test") != "10.7.7.7":
    different.append("resolv.conf")
resolver.close()
gevent.get_hub().destroy(destroy_loop=True)
print(compared, *different, sep="\n")
sys.exit(bool(different))

"""Try an installed greencore as its first user would; run inside a bare Debian folder, in a copy of the sdist without the package.

usage: tryout.py [quick]     quick: without the part of the suite, for an emulated machine
"""

import re
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path.cwd()
SUITE = [
    "greenlet",
    "raw_greenlet",
    "event",
    "queue",
    "lock",
    "timeout",
    "pool",
    "socket",
    "select",
    "threading",
    "subprocess",
]


def readme_example():
    """Run the program in README.rst: it prints something, and ends well."""
    block = re.search(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", (HERE / "README.rst").read_text())[1]
    program = re.sub(r"^    ", "", block, flags=re.MULTILINE)
    said = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said, "it printed nothing"


def tour():
    subprocess.run([sys.executable, str(HERE / "examples" / "tour.py")], check=True, stdout=subprocess.DEVNULL)


def tls_fetch():
    """Fetch a page through TLS, from a server in another greenlet."""
    import gevent
    from gevent import server, socket
    from gevent.ssl import create_default_context

    from tests.certificates import make_certificate

    def answer(connection, address):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")

    with tempfile.TemporaryDirectory() as folder:
        made = make_certificate(Path(folder), "tryout")
        inside = create_default_context(ssl.Purpose.CLIENT_AUTH)
        inside.load_cert_chain(made.cert, made.key)
        site = server.StreamServer(("127.0.0.1", 0), answer, ssl_context=inside)
        site.start()
        with gevent.Timeout(60):
            plain = socket.create_connection(site.address)
            client = create_default_context(cafile=made.cert).wrap_socket(plain, server_hostname="localhost")
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"hello")
        site.stop()


def dns_lookup():
    """Look a name up by c-ares, from a server on loopback."""
    from tests.nameserver import A, NameServer
    from tests.resolvers import make_resolver

    with NameServer({"www.tryout.test": {A: ["192.0.2.7"]}}) as names:
        assert make_resolver(names).gethostbyname("www.tryout.test") == "192.0.2.7"


def part_of_the_suite():
    files = [str(HERE / "tests" / f"test_{noun}.py") for noun in SUITE]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-m",
        "not slow and not service",
        "-p",
        "no:cacheprovider",
        *files,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=HERE)
    assert done.returncode == 0, done.stdout[-3000:]


def main(quick):
    import greencore
    from greencore import _core

    assert HERE not in Path(greencore.__file__).parents, "the package of the sources, not the installed one"
    linked = subprocess.run(["/usr/bin/env", "ldd", _core.__file__], stdout=subprocess.PIPE, text=True).stdout
    assert not re.search("libuv|libcares|llhttp", linked), linked
    for step in (readme_example, tour, tls_fetch, dns_lookup, *(() if quick else (part_of_the_suite,))):
        step()
        print("ok", step.__name__.replace("_", " "), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main("quick" in sys.argv)

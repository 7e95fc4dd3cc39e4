"""Sockets, select, threads and names."""

import errno
import os
import sys
from pathlib import Path

import gevent
from gevent import select, selectors, socket
from gevent.resolver.ares import Resolver

from scenarios import SOON, remade, scenario, socketpair

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import nameserver  # noqa: E402


@scenario
def sockets():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        accepting = gevent.spawn(listener.accept)
        with socket.create_connection(address, timeout=SOON) as client:
            server, _ = accepting.get(timeout=SOON)
            with server:
                server.settimeout(SOON)
                reading = gevent.spawn(server.recv, 100)
                gevent.sleep(0)
                client.sendall(b"text")
                assert reading.get(timeout=SOON) == b"text"
                buffer = bytearray(10)
                client.send(b"text")
                assert server.recv_into(buffer) == 4
                client.sendmsg([b"te", b"xt"])
                assert server.recvfrom(10)[0] == b"text"
                client.sendall(b"text")
                assert server.recvfrom_into(buffer)[0] == 4
                client.sendall(b"text")
                assert server.recvmsg(10)[0] == b"text"
                server.shutdown(socket.SHUT_WR)
                assert client.recv(10) == b""
                repr(client), client.family, client.type


@scenario
def sockets_of_other_families():
    """The standard library's socket accepts, where the family is not known here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with remade(listener, socket.AF_VSOCK, socket.SOCK_STREAM, 0) as odd:
            odd.settimeout(SOON)
            with socket.create_connection(odd.getsockname(), timeout=SOON):
                odd.accept()[0].close()


@scenario
def sockets_filled():
    """More than fits."""
    ours, theirs = socketpair()
    with ours, theirs:
        ours.settimeout(SOON)
        theirs.settimeout(SOON)
        data = b"x" * 1_000_000
        sending = gevent.spawn(ours.sendall, data)
        got = 0
        while got < len(data):
            got += len(theirs.recv(1 << 20) or data)
        sending.get(timeout=SOON)


@scenario
def datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        one.bind(("127.0.0.1", 0))
        one.settimeout(SOON)
        receiving = gevent.spawn(one.recvfrom, 100)
        gevent.sleep(0)
        two.sendto(b"text", one.getsockname())
        assert receiving.get(timeout=SOON)[0] == b"text"
        two.connect(one.getsockname())
        two.send(b"text")
        assert one.recv(10) == b"text"


@scenario
def selects():
    ours, theirs = socketpair()
    with ours, theirs:
        select.select([ours], [theirs], [], 0)
        waiting = gevent.spawn(select.select, [ours], [], [], SOON)
        gevent.sleep(0)
        theirs.send(b"text")
        assert waiting.get(timeout=SOON)[0] == [ours]
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        assert poll.poll(0) and poll.poll(SOON)
        poll.modify(ours, select.POLLIN)
        poll.unregister(ours)
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ)
            assert selector.select(SOON)
        socket.wait_read(ours.fileno(), SOON)
        socket.wait_write(ours.fileno(), SOON)
        socket.wait_readwrite(ours.fileno(), SOON)


@scenario
def threadpools():
    pool = gevent.get_hub().threadpool
    assert pool.apply(int, ("5",)) == 5
    assert pool.map(int, ["1", "2"]) == [1, 2]
    result = pool.spawn(int, "text")
    result.wait(SOON)
    assert isinstance(result.exception, ValueError)


@scenario
def resolvers():
    resolver = Resolver(hub=gevent.get_hub(), servers="127.0.0.1:9", timeout=0.001, tries=1)
    try:
        resolver.getaddrinfo("localhost", 80)
        resolver.getaddrinfo("127.0.0.1", 80, socket.AF_INET)
        resolver.gethostbyname("127.0.0.1")
        try:
            resolver.gethostbyname("nowhere.example")
        except socket.gaierror:
            pass
        try:
            resolver.gethostbyaddr("192.0.2.1")
        except (socket.herror, socket.gaierror):
            pass
        resolver.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    finally:
        resolver.close()


@scenario
def more_sockets():
    """Flags, time-outs, other families, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.001)
        try:
            listener.accept()
        except TimeoutError:
            pass
        client = socket.socket()
        client.settimeout(SOON)
        assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        listener.settimeout(SOON)
        server, _ = listener.accept()
        with client, server:
            client.sendall(b"text")
            assert server.recv(2, socket.MSG_PEEK) == b"te"
            assert server.recv(4, socket.MSG_WAITALL) == b"text"
            server.settimeout(0.001)
            for receive in server.recv, server.recvfrom, server.recvmsg:
                try:
                    receive(1)
                except TimeoutError:
                    pass
            server.setblocking(False)
            try:
                server.recv(1)
            except BlockingIOError:
                pass
            client.sendmsg([b"te", b"xt"])
            server.settimeout(SOON)
            assert server.recvmsg_into([bytearray(2), bytearray(5)])[0] == 4
            with server.dup() as other, server.makefile("rwb") as file:
                file.write(b"line\n")
                file.flush()
                other.send(b"x")
            assert client.recv(5, socket.MSG_WAITALL) == b"line\n"
            server.shutdown(socket.SHUT_RDWR)
            server.timeout, server.gettimeout(), server.proto, repr(server)
            os.close(server.detach())
    with socket.socket() as client:
        try:
            client.connect(("127.0.0.1", 1))
        except ConnectionRefusedError:
            pass
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind("")  # a name that the system makes up
        listener.listen()
        client.connect(listener.getsockname())
        listener.accept()[0].close()


@scenario
def closed_meanwhile():
    ours, theirs = socketpair()
    with theirs:
        reading = gevent.spawn(ours.recv, 1)
        gevent.sleep(0)
        ours.close()
        reading.join(SOON)
        assert isinstance(reading.exception, OSError)


@scenario
def more_selects():
    ours, theirs = socketpair()
    with ours, theirs:
        select.select([], [], [], 0.001)
        select.select([ours], [], [], 0.001)
        try:
            select.select([-1], [], [], 0)
        except ValueError:
            pass
        poll = select.poll()
        for thing in ours, theirs.fileno():
            poll.register(thing)
        poll.unregister(theirs)
        poll.poll()
        try:
            socket.wait_read(ours.fileno(), 0.001)
        except TimeoutError:
            pass
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ)
            selector.select(0.001)
            selector.modify(ours, selectors.EVENT_WRITE)
            selector.select(SOON)
            selector.unregister(ours)


@scenario
def more_threadpools():
    pool = gevent.get_hub().threadpool
    assert pool.spawn(int, "11", base=2).get(timeout=SOON) == 3
    seen = []
    pool.apply_async(int, ("5",), callback=seen.append).get(timeout=SOON)
    assert list(pool.imap(int, ["1", "2"])) == [1, 2]
    try:
        pool.apply(int, ("text",))
    except ValueError:
        pass
    pool.join()


SERVER = []


def nowhere(query):
    return [query.reply(code=nameserver.SERVFAIL)]


def serve_names():
    """A name server; it goes with the process."""
    if not SERVER:
        zone = {
            "name.example": {nameserver.A: ["192.0.2.1"], nameserver.AAAA: ["2001:db8::1"]},
            "other.example": {nameserver.CNAME: ["name.example"]},
            "1.2.0.192.in-addr.arpa": {nameserver.PTR: ["name.example"]},
            "failing.example": nowhere,
        }
        SERVER.append(nameserver.NameServer(zone))
    SERVER[0].queries.clear()
    return f"127.0.0.1:{SERVER[0].port}"


@scenario
def names():
    resolver = Resolver(hub=gevent.get_hub(), servers=serve_names(), timeout=SOON, tries=1, use_environ=False)
    try:
        assert len(resolver.getaddrinfo("name.example", 80, 0, socket.SOCK_STREAM)) == 2
        resolver.gethostbyname("other.example")
        resolver.gethostbyname_ex("other.example")
        resolver.gethostbyaddr("192.0.2.1")
        resolver.getnameinfo(("192.0.2.1", 80), 0)
        for name in "missing.example", "failing.example":
            try:
                resolver.getaddrinfo(name, 80, socket.AF_INET)
            except socket.gaierror:
                pass
        resolver.cares.set_servers("127.0.0.1")
        resolver.cares.reopen(servers=["127.0.0.1:9"], domains=["example"])
        asking = gevent.spawn(resolver.gethostbyname, "name.example")
        gevent.sleep(0)
    finally:
        resolver.close()
    asking.join(SOON)

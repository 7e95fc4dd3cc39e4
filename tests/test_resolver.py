"""Resolvers against a DNS server on loopback, one that may be slow, wrong, or a liar."""

import _socket
import gc
import os
import shutil
import socket
import subprocess
import sys
import threading

import gevent
import gevent.ares
import gevent.event
import gevent.resolver
import gevent.resolver.cares
import gevent.resolver_ares
import gevent.resolver_thread
import gevent.socket
import pytest
from gevent.resolver._files import WatchedFile
from gevent.resolver._hostsfile import HostsFile
from gevent.resolver.ares import Resolver
from isolated.run import run_script
from nameserver import A, AAAA, CNAME, NOTIMP, PTR, REFUSED, SERVFAIL, NameServer
from resolvers import make_resolver

V4, V6 = socket.AF_INET, socket.AF_INET6
STREAM = socket.SOCK_STREAM

NONAME = (socket.EAI_NONAME, "Name or service not known")
NODATA = (socket.EAI_NODATA, "No address associated with hostname")
AGAIN = (socket.EAI_AGAIN, "Temporary failure in name resolution")

ZONE = {
    "one.test": {A: ["10.0.0.1"]},
    "six.test": {AAAA: ["fd00::6"]},
    "both.test": {A: ["10.0.0.2", "10.0.0.3"], AAAA: ["fd00::2"]},
    "alias.test": {CNAME: ["middle.test"]},
    "middle.test": {CNAME: ["both.test"]},
    "empty.test": {},
    "host.search.test": {A: ["10.0.1.1"]},
    "xn--bcher-kva.test": {A: ["10.0.0.4"]},
    "servfail.test": lambda query: [query.reply(code=SERVFAIL)],
    "refused.test": lambda query: [query.reply(code=REFUSED)],
    "notimp.test": lambda query: [query.reply(code=NOTIMP)],
    "silent.test": lambda query: [],
    "1.0.0.10.in-addr.arpa": {PTR: ["one.test"]},
    "2.0.0.10.in-addr.arpa": {PTR: ["first.test", "second.test"]},
    "3.0.0.10.in-addr.arpa": {CNAME: ["3.delegated.test"]},
    "3.delegated.test": {PTR: ["three.test"]},
    "4.0.0.10.in-addr.arpa": lambda query: [query.reply(code=SERVFAIL)],
    "5.0.0.10.in-addr.arpa": {},
    "6." + "0." * 27 + "0.d.f.ip6.arpa": {PTR: ["wrong.test"]},
    "6." + "0." * 26 + "0.0.0.d.f.ip6.arpa": {PTR: ["six.test"]},
}


@pytest.fixture
def server():
    with NameServer(ZONE) as server:
        yield server


@pytest.fixture
def resolver(server):
    made = make_resolver(server)
    yield made
    made.close()


def addresses(found):
    return [entry[4][0] for entry in found]


# ---- answers ----


def test_one_address(resolver):
    expected = [(socket.AF_INET, STREAM, socket.IPPROTO_TCP, "", ("10.0.0.1", 80))]
    assert resolver.getaddrinfo("one.test", 80, 0, STREAM) == expected
    assert resolver.getaddrinfo(b"one.test", "80", 0, STREAM) == expected
    assert resolver.getaddrinfo(bytearray(b"ONE.test."), "http", socket.AF_INET, STREAM) == expected


def test_both_families_are_asked(resolver, server):
    assert addresses(resolver.getaddrinfo("six.test", 80, 0, STREAM)) == ["fd00::6"]
    assert sorted(server.asked("six.test")) == [A, AAAA]
    assert resolver.getaddrinfo("six.test", 80, socket.AF_INET6, STREAM)[0][4] == ("fd00::6", 80, 0, 0)
    assert server.asked("six.test")[2:] == [AAAA]


def test_types_and_protocols_come_in_the_c_librarys_order(resolver):
    for arguments in ((None,), (0,), (80,), ("domain",), (80, socket.AF_INET), (80, 0, 0, socket.IPPROTO_UDP)):
        number = _socket.getaddrinfo("10.0.0.1", *arguments)
        assert resolver.getaddrinfo("one.test", *arguments) == number


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        (80, 99),
        (80, 0, 99),
        (80, 0, STREAM, socket.IPPROTO_UDP),
        (80, 0, socket.SOCK_RAW),
        (80, 0, STREAM, 0, 1 << 30),
        ("http", 0, STREAM, 0, socket.AI_NUMERICSERV),
        (-1, 0, STREAM),
    ],
)
def test_wrong_arguments_are_refused_as_by_the_c_library(resolver, server, arguments):
    with pytest.raises(socket.gaierror) as expected:
        _socket.getaddrinfo("127.0.0.1", *arguments)
    with pytest.raises(socket.gaierror) as raised:
        resolver.getaddrinfo("one.test", *arguments)
    assert raised.value.args == expected.value.args
    assert server.queries == []


@pytest.mark.parametrize("host", [5, object(), 1.5])
def test_hosts_of_a_wrong_type(resolver, host):
    for function in (resolver.gethostbyname, resolver.gethostbyname_ex, resolver.gethostbyaddr):
        with pytest.raises(TypeError):
            function(host)
    with pytest.raises(TypeError):
        resolver.getaddrinfo(host, 80)


def test_a_label_too_long(resolver, server):
    with pytest.raises(UnicodeError):
        resolver.getaddrinfo("x" * 64 + ".test", 80)
    with pytest.raises(socket.gaierror) as raised:
        resolver.getaddrinfo(b"x" * 64 + b".test", 80)
    assert raised.value.args == NONAME
    assert server.queries == []


def test_aliases(resolver):
    assert resolver.gethostbyname_ex("alias.test") == ("both.test", ["alias.test", "middle.test"], ["10.0.0.2", "10.0.0.3"])
    assert resolver.gethostbyname_ex("one.test") == ("one.test", [], ["10.0.0.1"])
    assert resolver.gethostbyname("alias.test") == "10.0.0.2"


def test_canonical_name_comes_with_the_first_result_only(resolver):
    found = resolver.getaddrinfo("alias.test", 80, socket.AF_INET, 0, 0, socket.AI_CANONNAME)
    assert [entry[3] for entry in found] == ["both.test"] + [""] * (len(found) - 1)
    assert {entry[3] for entry in resolver.getaddrinfo("alias.test", 80)} == {""}


def test_search_domains(resolver, server):
    assert resolver.gethostbyname_ex("host") == ("host.search.test", [], ["10.0.1.1"])
    with pytest.raises(socket.gaierror):
        resolver.gethostbyname("host.")
    assert [query.name for query in server.queries] == ["host.search.test", "host"]


def test_ndots(server):
    few, many = make_resolver(server, ndots=1), make_resolver(server, ndots=2)
    for resolver, first in ((few, "no.test"), (many, "no.test.search.test")):
        server.queries.clear()
        with pytest.raises(socket.gaierror):
            resolver.gethostbyname("no.test")
        assert server.queries[0].name == first
        resolver.close()


def test_international_names(resolver, server):
    assert resolver.gethostbyname("bücher.test") == "10.0.0.4"
    assert server.queries[0].name == "xn--bcher-kva.test"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.1", "0x7f.1", "fe80::1%lo", "", None, b"10.1.2.3"])
def test_numbers_are_nobodys_business(resolver, server, host):
    try:
        expected = _socket.getaddrinfo(host, 80, 0, STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror as error:
        with pytest.raises(socket.gaierror) as raised:
            resolver.getaddrinfo(host, 80, 0, STREAM)
        assert raised.value.args == error.args
    else:
        assert resolver.getaddrinfo(host, 80, 0, STREAM) == expected
    with pytest.raises(socket.gaierror):
        resolver.getaddrinfo("one.test", 80, 0, STREAM, 0, socket.AI_NUMERICHOST)
    assert server.queries == []


def test_numbers_and_specials_by_the_old_functions(resolver, server):
    for host in ("127.0.0.1", "127.1", "255.255.255.255", "", "<broadcast>"):
        assert resolver.gethostbyname(host) == _socket.gethostbyname(host)
    assert resolver.gethostbyname_ex("10.1.2.3") == ("10.1.2.3", [], ["10.1.2.3"])
    with pytest.raises(socket.gaierror) as raised:
        resolver.gethostbyname("::1")
    assert raised.value.errno == socket.EAI_ADDRFAMILY
    with pytest.raises(OSError, match="wildcard resolved to multiple address"):
        resolver.gethostbyaddr("")
    assert server.queries == []


@pytest.mark.parametrize("make", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize("host", ["a\0b", "\0", "one.test\0"])
def test_a_null_character_in_a_name(resolver, server, host, make):
    """The same errors as the C library's functions have for them, and nobody is asked."""
    host = make(host)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        arguments = (host, 80) if name == "getaddrinfo" else (host,)
        with pytest.raises((TypeError, socket.gaierror)) as expected:
            getattr(_socket, name)(*arguments)
        with pytest.raises(expected.type) as raised:
            getattr(resolver, name)(*arguments)
        assert raised.value.args == expected.value.args
    assert server.queries == []


def test_the_name_of_the_broadcast_address_has_no_host(resolver, server):
    for host in ("<broadcast>", b"<broadcast>"):
        with pytest.raises(socket.herror) as raised:
            resolver.gethostbyname_ex(host)
        assert raised.value.args == (1, "Unknown host")
    assert server.queries == []


def test_v4mapped(resolver):
    flags = socket.AI_V4MAPPED

    def find(host, flags):
        return addresses(resolver.getaddrinfo(host, 80, socket.AF_INET6, STREAM, 0, flags))

    assert find("one.test", flags) == ["::ffff:10.0.0.1"]
    assert find("both.test", flags) == ["fd00::2"]
    assert sorted(find("both.test", flags | socket.AI_ALL)) == ["::ffff:10.0.0.2", "::ffff:10.0.0.3", "fd00::2"]
    with pytest.raises(socket.gaierror) as raised:
        find("one.test", 0)
    assert raised.value.args == NODATA


def test_addrconfig(resolver, server, monkeypatch):
    def find(host, family=0):
        server.queries.clear()
        return addresses(resolver.getaddrinfo(host, 80, family, STREAM, 0, socket.AI_ADDRCONFIG))

    monkeypatch.setattr(gevent.resolver, "_is_configured", lambda family: family == socket.AF_INET)
    assert find("both.test") == ["10.0.0.2", "10.0.0.3"]
    assert server.asked("both.test") == [A]
    with pytest.raises(socket.gaierror) as raised:
        find("both.test", socket.AF_INET6)
    assert raised.value.args == NONAME and server.queries == []
    monkeypatch.setattr(gevent.resolver, "_is_configured", lambda family: True)
    assert len(find("both.test")) == 3


# ---- errors ----


@pytest.mark.parametrize(
    "host, expected",
    [
        ("none.test", NONAME),
        ("empty.test", NODATA),
        ("servfail.test", AGAIN),
        ("refused.test", AGAIN),
        ("notimp.test", AGAIN),
        ("silent.test", AGAIN),
    ],
)
def test_errors(resolver, host, expected):
    for look in (
        lambda: resolver.getaddrinfo(host, 80),
        lambda: resolver.getaddrinfo(host, 80, socket.AF_INET6),
        lambda: resolver.gethostbyname(host),
        lambda: resolver.gethostbyname_ex(host),
        lambda: resolver.gethostbyaddr(host),
    ):
        with pytest.raises(socket.gaierror) as raised:
            look()
        assert (raised.value.errno, raised.value.strerror) == raised.value.args == expected


def test_silence_is_asked_again_as_often_as_told(server):
    resolver = make_resolver(server, timeout=0.02, tries=3)
    with pytest.raises(socket.gaierror):
        resolver.gethostbyname("silent.test")
    assert server.asked("silent.test") == [A] * 3
    resolver.close()


def test_nobody_serves():
    with NameServer({}) as server:
        pass
    resolver = make_resolver(server, timeout=0.05)
    with pytest.raises(socket.gaierror) as raised:
        resolver.gethostbyname("one.test")
    assert raised.value.args == AGAIN
    resolver.close()


def test_the_next_server_is_asked(server):
    with NameServer({}) as dead:
        pass
    resolver = make_resolver(server, servers=[f"{dead.host}:{dead.port}", f"{server.host}:{server.port}"])
    assert resolver.gethostbyname("one.test") == "10.0.0.1"
    resolver.close()


# ---- addresses to names ----


def test_names_of_addresses(resolver, server):
    assert resolver.gethostbyaddr("10.0.0.1") == ("one.test", [], ["10.0.0.1"])
    assert resolver.gethostbyaddr("10.0.0.2") == ("first.test", [], ["10.0.0.2"])
    assert resolver.gethostbyaddr("10.0.0.3") == ("three.test", [], ["10.0.0.3"])
    assert resolver.gethostbyaddr("fd00::6") == ("six.test", [], ["fd00::6"])
    assert resolver.gethostbyaddr("one.test") == ("one.test", [], ["10.0.0.1"])
    assert resolver.gethostbyaddr("::ffff:10.0.0.1")[0] == "one.test"


@pytest.mark.parametrize(
    "address, expected",
    [
        ("10.0.0.4", (2, "Host name lookup failure")),
        ("10.0.0.5", (4, "No address associated with name")),
        ("10.0.0.9", (1, "Unknown host")),
        ("<broadcast>", (1, "Unknown host")),
    ],
)
def test_addresses_without_a_name(resolver, address, expected):
    with pytest.raises(socket.herror) as raised:
        resolver.gethostbyaddr(address)
    assert raised.value.args == expected


def test_getnameinfo(resolver, server):
    assert resolver.getnameinfo(("10.0.0.1", 80), 0) == ("one.test", "http")
    assert resolver.getnameinfo(("10.0.0.1", 80), socket.NI_NUMERICSERV) == ("one.test", "80")
    assert resolver.getnameinfo(("fd00::6", 80, 0, 0), 0) == ("six.test", "http")
    assert resolver.getnameinfo(("10.0.0.9", 80), 0) == ("10.0.0.9", "http")
    with pytest.raises(socket.gaierror) as raised:
        resolver.getnameinfo(("10.0.0.9", 80), socket.NI_NAMEREQD)
    assert raised.value.args == NONAME
    with pytest.raises(socket.gaierror) as raised:
        resolver.getnameinfo(("10.0.0.4", 80), 0)
    assert raised.value.args == AGAIN
    server.queries.clear()
    assert resolver.getnameinfo(("10.0.0.1", 80), socket.NI_NUMERICHOST) == ("10.0.0.1", "http")
    for sockaddr, flags in ((("one.test", 80), 0), (("10.0.0.1", 80), 1 << 30)):
        with pytest.raises(socket.gaierror):
            resolver.getnameinfo(sockaddr, flags)
    for sockaddr, flags in ((("10.0.0.1", "x"), 0), (None, 0), (("10.0.0.1", 80), None)):
        with pytest.raises(TypeError):
            resolver.getnameinfo(sockaddr, flags)
    assert server.queries == []


def test_nofqdn(resolver, monkeypatch):
    monkeypatch.setattr(gevent.resolver, "gethostname", lambda: "me.test")
    assert resolver.getnameinfo(("10.0.0.1", 80), socket.NI_NOFQDN) == ("one", "http")
    monkeypatch.setattr(gevent.resolver, "gethostname", lambda: "me.elsewhere")
    assert resolver.getnameinfo(("10.0.0.1", 80), socket.NI_NOFQDN) == ("one.test", "http")


# ---- the hosts file ----

HOSTS = """
127.0.0.1 localhost  # me
::1 localhost ip6-localhost
10.1.1.1 Multi.hosts al1 al2
10.1.1.2 multi.hosts al3
fd00::77 multi.hosts
::1 v6loop
::ffff:10.1.1.9 mapped
10.1.1.3
nonsense name
192.168.7.7 rev1 rev2
192.168.7.7 rev3
"""


@pytest.fixture
def hosts(resolver, tmp_path):
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    resolver.hosts_file = HostsFile(str(path))
    return path


def test_hosts_file(resolver, hosts, server):
    assert resolver.gethostbyname_ex("localhost") == ("localhost", ["ip6-localhost"], ["127.0.0.1", "127.0.0.1"])
    assert resolver.gethostbyname_ex("AL1") == ("Multi.hosts", ["al1", "al2"], ["10.1.1.1"])
    assert resolver.gethostbyname_ex("multi.hosts") == (
        "Multi.hosts", ["al1", "al2", "multi.hosts", "al3"], ["10.1.1.1", "10.1.1.2"],
    )
    assert resolver.gethostbyname("v6loop") == "127.0.0.1"
    assert resolver.gethostbyname("mapped") == "10.1.1.9"
    assert addresses(resolver.getaddrinfo("v6loop", 80, 0, STREAM)) == ["::1"]
    assert sorted(addresses(resolver.getaddrinfo("multi.hosts", 80, 0, STREAM))) == ["10.1.1.1", "10.1.1.2", "fd00::77"]
    assert resolver.getaddrinfo("al3", 80, 0, STREAM, 0, socket.AI_CANONNAME)[0][3] == "multi.hosts"
    assert resolver.gethostbyaddr("192.168.7.7") == ("rev1", ["rev2"], ["192.168.7.7"])
    assert resolver.gethostbyaddr("al3") == ("multi.hosts", ["al3"], ["10.1.1.2"])
    assert resolver.getnameinfo(("192.168.7.7", 80), 0) == ("rev1", "http")
    assert server.queries == []


def test_what_is_not_in_the_hosts_file_is_asked(resolver, hosts, server):
    assert resolver.gethostbyname("one.test") == "10.0.0.1"
    with pytest.raises(socket.gaierror):
        resolver.getaddrinfo("al1", 80, socket.AF_INET6)
    assert server.asked("al1") == [AAAA]


def test_a_changed_hosts_file_is_read_again(resolver, hosts):
    assert resolver.gethostbyname("al3") == "10.1.1.2"
    hosts.write_text("10.9.9.9 al3 more\n")
    assert resolver.gethostbyname("al3") == "10.9.9.9"
    hosts.unlink()
    with pytest.raises(socket.gaierror):
        resolver.gethostbyname("al3")


def test_localhost_without_a_hosts_file(resolver, server):
    assert resolver.gethostbyname("localhost") == "127.0.0.1"
    assert addresses(resolver.getaddrinfo("some.localhost", 80, socket.AF_INET6, STREAM)) == ["::1"]
    assert server.queries == []


def test_order_of_sources(resolver, hosts, server, monkeypatch):
    server.zone["al3"] = {A: ["10.2.2.2"]}
    order = WatchedFile("/nonexistent", lambda lines: ["dns", "files"])
    monkeypatch.setattr(gevent.resolver, "sources", order)
    assert resolver.gethostbyname("al3") == "10.2.2.2"
    assert resolver.gethostbyname("al2") == "10.1.1.1"
    assert resolver.gethostbyaddr("192.168.7.7")[0] == "rev1"
    with pytest.raises(socket.gaierror) as raised:
        resolver.gethostbyname("servfail.test")
    assert raised.value.args == AGAIN


# ---- greenlets ----


def test_others_run_meanwhile(server):
    gate = threading.Event()

    def late(query):
        gate.wait(60)
        return [query.reply([("late.test", A, "10.0.0.5")])]

    server.zone["late.test"] = late
    resolver = make_resolver(server, timeout=60)
    looking = gevent.spawn(resolver.gethostbyname, "late.test")
    gevent.sleep(0)
    assert not looking.ready()
    gate.set()
    assert looking.get() == "10.0.0.5"
    resolver.close()


def test_a_hundred_at_once(server):
    """The server answers when all have asked, the last one first."""
    pending = []

    def gather(query):
        pending.append(query)
        if len(pending) == 100:
            for each in reversed(pending):
                each.send(each.reply([(each.name, A, "10.0.2." + each.name.split(".")[0][1:])]))
        return []

    for n in range(100):
        server.zone[f"n{n}.test"] = gather
    resolver = make_resolver(server, timeout=60)
    looking = [gevent.spawn(resolver.gethostbyname, f"n{n}.test") for n in range(100)]
    assert [each.get() for each in looking] == [f"10.0.2.{n}" for n in range(100)]
    resolver.close()


def test_time_outs_while_others_are_always_ready(server):
    """The time-out of a question comes again before the turn of the last one: nobody may get lost."""
    resolver = make_resolver(server, timeout=0.01, tries=1)
    looked = []

    def look():
        with pytest.raises(socket.gaierror):
            resolver.gethostbyname("silent.test")
        looked.append(None)

    def work():
        while len(looked) < len(looking):
            sum(range(500))
            gevent.sleep(0)

    def ask():
        while len(looking) < 40:
            looking.append(gevent.spawn(look))
            gevent.sleep(0)

    looking = [gevent.spawn(look)]
    working = [gevent.spawn(work) for _ in range(400)]
    asking = gevent.spawn(ask)
    gevent.joinall([asking, *working], timeout=20)
    assert [g for g in [asking, *looking, *working] if not g.ready()] == []
    resolver.close()


@pytest.mark.parametrize("end", ["kill", "timeout"])
def test_who_leaves_is_not_missed(server, end):
    asked = threading.Event()
    queries = []

    def keep(query):
        queries.append(query)
        asked.set()
        return []

    server.zone["kept.test"] = keep
    resolver = make_resolver(server, timeout=60)
    if end == "kill":
        looking = gevent.spawn(resolver.gethostbyname, "kept.test")
        gevent.sleep(0)
        looking.kill()
        assert isinstance(looking.value, gevent.GreenletExit)
    else:
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.001):
            resolver.gethostbyname("kept.test")
    assert asked.wait(60)
    queries[0].send(queries[0].reply([("kept.test", A, "10.0.0.5")]))  # too late
    assert resolver.gethostbyname("one.test") == "10.0.0.1"
    resolver.close()


def test_closed_while_looking(server):
    resolver = make_resolver(server, timeout=60)
    looking = gevent.spawn(resolver.gethostbyname, "silent.test")
    other = gevent.spawn(resolver.gethostbyaddr, "10.0.0.250")
    server.zone["250.0.0.10.in-addr.arpa"] = lambda query: []
    gevent.sleep(0)
    resolver.close()
    for each, expected in ((looking, (socket.EAI_FAIL, "Non-recoverable failure in name resolution")),):
        with pytest.raises(socket.gaierror) as raised:
            each.get()
        assert raised.value.args == expected
    with pytest.raises(socket.herror) as raised:
        other.get()
    assert raised.value.args == (3, "Unknown server error")
    with pytest.raises(socket.gaierror):
        resolver.gethostbyname("one.test")
    resolver.close()


def test_reopened_while_looking(server):
    """The question is asked once more."""
    first = threading.Event()

    def second_time(query):
        if not first.is_set():
            first.set()
            return []
        return [query.reply([("again.test", A, "10.0.0.6")])]

    server.zone["again.test"] = second_time
    resolver = make_resolver(server, timeout=60)
    looking = gevent.spawn(resolver.gethostbyname, "again.test")
    gevent.sleep(0)
    assert first.wait(60)
    resolver.cares.reopen()
    assert looking.get() == "10.0.0.6"
    resolver.close()


def test_dropped_with_a_question_under_way(server):
    resolver = make_resolver(server, timeout=60)
    looking = gevent.spawn(resolver.gethostbyname, "silent.test")
    gevent.sleep(0)
    looking.kill()
    del resolver, looking
    gc.collect()
    gevent.sleep(0.001)


def test_not_in_the_hub(server):
    resolver = make_resolver(server)
    raised = []

    def look():
        try:
            resolver.gethostbyname("one.test")
        except gevent.exceptions.BlockingSwitchOutError as error:
            raised.append(error)

    gevent.get_hub().loop.run_callback(look)
    gevent.sleep(0.001)
    assert len(raised) == 1 and server.queries == []
    resolver.close()


def test_each_thread_has_its_own(server):
    mine = make_resolver(server)
    results = []

    def run():
        theirs = make_resolver(server)
        results.append(theirs.gethostbyname("one.test"))
        for use in (lambda: mine.cares.getaddrinfo(b"one.test"), mine.cares.destroy, mine.cares.reopen):
            try:
                use()
            except gevent.exceptions.InvalidThreadUseError as error:
                results.append(error)
        theirs.close()
        gevent.get_hub().destroy(destroy_loop=True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert results[0] == "10.0.0.1" and len(results) == 4
    assert mine.gethostbyname("one.test") == "10.0.0.1"
    mine.close()


def test_nothing_is_left_open(server, resolver):
    def look():
        assert resolver.gethostbyname("one.test") == "10.0.0.1"
        for host in ("none.test", "silent.test"):
            with pytest.raises(socket.gaierror):
                resolver.gethostbyname(host)

    look()
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(5):
        look()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_no_reference_is_leaked(server, resolver):
    def look():
        resolver.getaddrinfo("alias.test", 80)
        resolver.gethostbyname_ex("alias.test")
        resolver.gethostbyaddr("10.0.0.3")
        for host in ("none.test", b"x" * 70):
            with pytest.raises(socket.gaierror):
                resolver.gethostbyname(host)
        server.queries.clear()

    for _ in range(5):
        look()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        look()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100


# ---- the channel ----


def test_channel_options(server):
    loop = gevent.get_hub().loop
    channel_class = Resolver.cares_class
    for wrong in ({"timeout": -1}, {"tries": -1}, {"udp_port": 70000}, {"servers": "no.number"}, {"timeout": float("nan")}):
        with pytest.raises(ValueError):
            channel_class(loop, **wrong)
    for wrong in ({"timeout": "x"}, {"nosuch": 1}, {"servers": 5}, {"domains": 5}):
        with pytest.raises(TypeError):
            channel_class(loop, **wrong)
    with pytest.raises(TypeError):
        channel_class(None)
    channel = channel_class(loop, servers=[server.host], udp_port=server.port, tcp_port=server.port, timeout=None)
    assert channel.loop is loop and not channel.destroyed
    assert channel.getaddrinfo(b"both.test", socket.AF_INET) == ("both.test", [], [(V4, "10.0.0.2"), (V4, "10.0.0.3")])
    with pytest.raises(ValueError):
        channel.set_servers("nonsense")
    with pytest.raises(ValueError):
        channel.gethostbyaddr("one.test")
    with pytest.raises(TypeError):
        channel.getaddrinfo("one.test")
    channel.set_servers(f"{server.host}:{server.port}")
    assert channel.gethostbyaddr("10.0.0.1") == "one.test"
    channel.destroy()
    channel.destroy()
    assert channel.destroyed
    with pytest.raises(ValueError):
        channel.set_servers(server.host)


def test_channel_with_callbacks(server):
    assert gevent.ares.channel is gevent.resolver.cares.channel
    channel = gevent.ares.channel(
        gevent.get_hub().loop, servers=[server.host], udp_port=server.port, tcp_port=server.port
    )

    def ask(method, *args):
        found = gevent.event.AsyncResult()
        getattr(channel, method)(found.set, *args)
        return found.get(timeout=10)

    by_name = ask("gethostbyname", b"one.test")
    assert by_name.successful() and by_name.get() == by_name.value == ("one.test", [], ["10.0.0.1"])
    assert by_name.value.family == socket.AF_INET and by_name.exception is None
    assert ask("gethostbyname", "one.test", socket.AF_INET).value == by_name.value
    assert ask("gethostbyaddr", "10.0.0.1").value[0] == "one.test"
    assert ask("getaddrinfo", "one.test", 80, socket.AF_INET, socket.SOCK_STREAM).value == [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("10.0.0.1", 80))
    ]
    assert ask("getnameinfo", ("10.0.0.1", 80), socket.NI_NUMERICSERV).value == ("one.test", "80")
    missing = ask("gethostbyname", "missing.test")
    assert not missing.successful() and missing.value is None and "gaierror" in repr(missing)
    with pytest.raises(socket.gaierror):
        missing.get()
    with pytest.raises(TypeError):
        channel.gethostbyname(5, "one.test")
    channel.set_servers(f"{server.host}:{server.port}")
    assert ask("gethostbyname", "one.test").successful()
    channel.destroy()
    channel.destroy()
    with pytest.raises(socket.gaierror):
        channel.gethostbyname(print, "one.test")
    with pytest.raises(TypeError):
        gevent.ares.channel(None)


# ---- which resolver ----


def test_settings_reach_the_channel(server, monkeypatch):
    monkeypatch.setitem(gevent.config.settings, "resolver_nameservers", type(gevent.config.settings["resolver_nameservers"])())
    monkeypatch.setenv("GEVENT_RESOLVER_NAMESERVERS", f"{server.host}:{server.port}")
    monkeypatch.setitem(gevent.config.settings, "resolver_timeout", type(gevent.config.settings["resolver_timeout"])())
    monkeypatch.setenv("GEVENT_RESOLVER_TIMEOUT", "1.5")
    resolver = Resolver()
    assert resolver.params == {"servers": [f"{server.host}:{server.port}"], "timeout": 1.5}
    assert resolver.gethostbyname("one.test") == "10.0.0.1"
    resolver.close()


def test_environment_reaches_the_channel(server):
    code = (
        "import gevent\n"
        "resolver = gevent.get_hub().resolver\n"
        "print(resolver.gethostbyname('one.test'), resolver.params['tries'], resolver.params['ndots'])"
    )
    numbers = {"FLAGS": "0", "TRIES": "3", "TIMEOUT": "2.5", "NDOTS": "0"}
    numbers |= {"UDP_PORT": str(server.port), "TCP_PORT": str(server.port), "SERVERS": server.host}
    env = {**os.environ, **{f"GEVENTARES_{name}": value for name, value in numbers.items()}}
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) as child:
        assert gevent.get_hub().threadpool.apply(child.stdout.read) == "10.0.0.1 3 0\n"


@pytest.mark.parametrize(
    "choice, module",
    [(None, "ares"), ("ares", "ares"), ("thread", "thread"), ("block", "blocking"), ("thread,ares", "thread")],
)
def test_choice_by_environment(choice, module):
    code = (
        "import gevent, gevent.socket\n"
        "gevent.socket.getaddrinfo('localhost', 80)\n"
        "print(type(gevent.get_hub().resolver).__module__)"
    )
    env = {name: value for name, value in os.environ.items() if name != "GEVENT_RESOLVER"}
    if choice:
        env["GEVENT_RESOLVER"] = choice
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == f"gevent.resolver.{module}", done.stderr


def test_socket_asks_the_hubs_resolver(resolver):
    hub = gevent.get_hub()
    before = hub.resolver
    hub.resolver = resolver
    try:
        found = gevent.socket.getaddrinfo("one.test", 80, 0, STREAM)
        assert found == [(V4, STREAM, 6, "", ("10.0.0.1", 80))]
        assert found[0][0] is socket.AddressFamily.AF_INET
        assert gevent.socket.gethostbyname_ex("one.test")[2] == ["10.0.0.1"]
        assert gevent.socket.getfqdn("10.0.0.1") == "one.test"
        assert gevent.socket.getnameinfo(("10.0.0.1", 80), 0) == ("one.test", "http")
    finally:
        hub.resolver = before


@pytest.mark.parametrize("module", ["thread", "blocking"])
def test_the_c_librarys(module):
    kind = __import__(f"gevent.resolver.{module}", fromlist=["Resolver"]).Resolver
    resolver = kind(hub=gevent.get_hub())
    assert resolver.getaddrinfo("localhost", 80) == _socket.getaddrinfo("localhost", 80)
    assert resolver.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert resolver.gethostbyname_ex("127.0.0.1") == ("127.0.0.1", [], ["127.0.0.1"])
    assert resolver.gethostbyaddr("127.0.0.1") == _socket.gethostbyaddr("127.0.0.1")
    assert resolver.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST) == ("127.0.0.1", "http")
    with pytest.raises(socket.gaierror):
        resolver.getaddrinfo("localhost", 80, 0, 0, 0, socket.AI_NUMERICHOST)
    resolver.close()


def test_old_names():
    assert gevent.resolver_ares.Resolver is Resolver
    assert gevent.resolver_thread.Resolver is __import__("gevent.resolver.thread", fromlist=["Resolver"]).Resolver


def test_dnspython(server, monkeypatch):
    pytest.importorskip("dns")
    from gevent.resolver import dnspython

    import dns

    assert dnspython.dns is not dns
    resolver = dnspython.Resolver()
    resolver.hosts_file = HostsFile("/nonexistent")
    monkeypatch.setattr(resolver.resolver, "nameservers", [server.host])
    monkeypatch.setattr(resolver.resolver, "port", server.port)
    monkeypatch.setattr(resolver.resolver, "search", [])
    monkeypatch.setattr(resolver.resolver, "lifetime", 0.5)
    assert resolver.gethostbyname_ex("alias.test") == ("both.test", ["alias.test", "middle.test"], ["10.0.0.2", "10.0.0.3"])
    assert addresses(resolver.getaddrinfo("six.test", 80, 0, STREAM)) == ["fd00::6"]
    assert resolver.gethostbyaddr("10.0.0.1") == ("one.test", [], ["10.0.0.1"])
    for host, expected in (("none.test", NONAME), ("empty.test", NODATA), ("silent.test", AGAIN)):
        with pytest.raises(socket.gaierror) as raised:
            resolver.gethostbyname(host)
        assert raised.value.args == expected
    with pytest.raises(socket.herror) as raised:
        resolver.gethostbyaddr("10.0.0.5")
    assert raised.value.args == (4, "No address associated with name")


# ---- whole programs ----


def test_after_fork():
    answers = ["10.0.0.1", "10.0.0.6"]
    assert run_script("resolver_fork.py").split() == ["child", *answers, "parent", *answers]


def can_unshare():
    unshare = shutil.which("unshare")
    return unshare and subprocess.run([unshare, "-m", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="needs root and mount namespaces, to give the C library another resolv.conf")
def test_as_the_c_library():
    """The same questions to both; the script says where the answers differ."""
    assert int(run_script("resolver_libc.py", prefix=["unshare", "-m"]).split()[0]) > 100

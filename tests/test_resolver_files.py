"""What resolvers read of the system's configuration, and the order that they bring addresses into."""

import socket

import pytest
from gevent.resolver import _order
from gevent.resolver._addresses import is_ipv4_addr, is_ipv6_addr
from gevent.resolver._files import WatchedFile, _parse_options, _parse_sources

V4, V6 = socket.AF_INET, socket.AF_INET6


def test_configuration_files(monkeypatch):
    assert _parse_sources([]) == ["files", "dns"]
    assert _parse_sources([["passwd:", "x"], ["hosts:", "mdns4", "dns", "[!UNAVAIL=return]", "files"]]) == ["dns", "files"]
    monkeypatch.delenv("RES_OPTIONS", raising=False)
    assert _parse_options([]) == {"timeout": 5, "tries": 2}
    assert _parse_options([["options", "rotate", "timeout:3"], ["options", "attempts:x"]]) == {"timeout": 3, "tries": 2}
    monkeypatch.setenv("RES_OPTIONS", "attempts:4 timeout:0")
    assert _parse_options([["options", "timeout:3"]]) == {"timeout": 1, "tries": 4}


def test_is_addr():
    assert is_ipv6_addr("::1") and is_ipv6_addr(b"fe80::1%eth0") and not is_ipv6_addr("1.2.3.4")
    assert is_ipv4_addr("1.2.3.4") and not is_ipv4_addr("1.2.3") and not is_ipv4_addr(None)


# ---- the order of addresses ----

@pytest.fixture
def routes(monkeypatch):
    """{address: the source address for it}"""
    table = {}

    def source(family, address):
        found = table.get(address)
        return None if found is None else _order._number(V6 if ":" in found else V4, found)

    monkeypatch.setattr(_order, "source", source)
    monkeypatch.setattr(_order, "gai_conf", WatchedFile("/nonexistent", _order._parse))
    return table


@pytest.mark.parametrize(
    "pairs, known",
    [
        # The examples of RFC 6724, section 10.2.
        (["2001:db8:1::1", "198.51.100.121"], {"2001:db8:1::1": "2001:db8:1::2", "198.51.100.121": "169.254.13.78"}),
        (["198.51.100.121", "2001:db8:1::1"], {"2001:db8:1::1": "fe80::1", "198.51.100.121": "198.51.100.117"}),
        (["2001:db8:1::1", "10.1.2.3"], {"2001:db8:1::1": "2001:db8:1::2", "10.1.2.3": "10.1.2.4"}),
        (["fe80::1", "2001:db8:1::1"], {"fe80::1": "fe80::2", "2001:db8:1::1": "2001:db8:1::2"}),
        (["2001:db8:1::1", "2002:c633:6401::1"], {"2001:db8:1::1": "2001:db8:1::2", "2002:c633:6401::1": "2002:c633:6401::2"}),
        # What cannot be reached comes last.
        (["10.1.2.3", "2001:db8:1::1"], {"10.1.2.3": "10.1.2.4"}),
        # A longer prefix in common.
        (["2001:db8:2::1", "2001:db8:3ffe::1"], {"2001:db8:2::1": "2001:db8:2::2", "2001:db8:3ffe::1": "2001:db8:3f44::2"}),
        (["::1", "127.0.0.1"], {"::1": "::1", "127.0.0.1": "127.0.0.1"}),
    ],
)
def test_order(routes, pairs, known):
    routes.update(known)
    ordered = [(V6 if ":" in text else V4, text) for text in pairs]
    assert _order.in_order(ordered) == ordered
    assert _order.in_order(ordered[::-1]) == ordered


def test_equally_good_addresses_keep_their_order(routes):
    pairs = [(V4, f"10.0.0.{n}") for n in (7, 3, 9, 1)]
    routes.update({address: "10.0.0.2" for _, address in pairs})
    assert _order.in_order(pairs) == pairs


def test_gai_conf(routes, monkeypatch, tmp_path):
    conf = tmp_path / "gai.conf"
    monkeypatch.setattr(_order, "gai_conf", WatchedFile(str(conf), _order._parse))
    pairs = [(V6, "2001:db8:1::1"), (V4, "10.1.2.3")]
    routes.update({"2001:db8:1::1": "2001:db8:1::2", "10.1.2.3": "10.1.2.4"})
    assert _order.in_order(pairs) == pairs
    conf.write_text("# IPv4 first\nprecedence ::ffff:0:0/96  100\n")
    assert _order.in_order(pairs) == pairs[::-1]
    conf.write_text("precedence ::ffff:0:0/96 nonsense\n")
    assert _order.in_order(pairs) == pairs


def test_source_of_loopback():
    assert _order.source(V4, "127.0.0.1") == _order._number(V4, "127.0.0.1")
    assert _order.source(99, "127.0.0.1") is None

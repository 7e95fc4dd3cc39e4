"""Packets that a name server may send for the name of an address: a host that c-ares knows how to write, or a status."""

from _fuzzed import parse_pointer
from nameserver import A, CNAME, PTR, Query, pack_name

NAME = "7.0.0.10.in-addr.arpa"
ARES_SUCCESS, ARES_LAST = 0, 26


def seeds():
    question = pack_name(NAME) + PTR.to_bytes(2, "big") + b"\0\1"
    query = Query(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question, "udp", None)
    yield query.reply([(NAME, PTR, "host.test")])
    yield query.reply([(NAME, CNAME, "other.test"), ("else.test", A, "10.0.0.7"), ("other.test", PTR, "host.test")])
    yield query.reply()
    yield query.reply([(NAME, PTR, "host.test")]).replace(b"\4host\4test\0", b"\xc0\x0c")


def fuzz_one(data):
    found = parse_pointer(data)
    if isinstance(found, bytes):
        # Each byte of a name may take four, \255, in text.
        assert len(found) <= 4 * 255, found
        # The rest of the packet is not looked at.
        assert parse_pointer(data + b"\0more") == found
    else:
        assert ARES_SUCCESS < found < ARES_LAST, found

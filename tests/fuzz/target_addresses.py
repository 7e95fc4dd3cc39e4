"""Numeric addresses as text and as the kernel's bytes; the standard library is right."""

import ipaddress
import os
import socket
import struct

from _fuzzed import pointer_name, write_address
from gevent.resolver._addresses import is_ipv4_addr, is_ipv6_addr

TEXTS = ["1.2.3.4", "255.255.255.255", "::", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", "2001:db8::1", "01.2.3.4", "1.2.3"]


def seeds():
    yield from (text.encode() for text in TEXTS)
    yield struct.pack("=HH4s8x", socket.AF_INET, 80, b"\x7f\0\0\1")
    yield struct.pack("=HHI16sI", socket.AF_INET6, 80, 1, b"\xfe\x80" + bytes(13) + b"\1", 2)
    yield struct.pack("=H", socket.AF_UNIX) + b"/tmp/socket\0"
    yield struct.pack("=H", socket.AF_UNIX) + b"\0abstract"


def packed(family, text):
    try:
        return socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


def reverse(text):
    """The name to ask for, as the standard library makes it."""
    data = packed(socket.AF_INET, text) or packed(socket.AF_INET6, text)
    if data is None:
        return None
    address = ipaddress.ip_address(data)
    return (getattr(address, "ipv4_mapped", None) or address).reverse_pointer


def check_text(text):
    assert is_ipv4_addr(text) == (packed(socket.AF_INET, text.partition("%")[0]) is not None)
    assert is_ipv6_addr(text) == (packed(socket.AF_INET6, text.partition("%")[0]) is not None)
    if "\0" not in text:
        assert pointer_name(text) == reverse(text)


def check_bytes(data):
    family = int.from_bytes(data[:2], "little") if len(data) >= 2 else None
    if family == socket.AF_INET and len(data) >= 16:
        host = socket.inet_ntop(family, data[4:8])
        assert write_address(data) == (host, int.from_bytes(data[2:4], "big"))
    elif family == socket.AF_INET6 and len(data) >= 28:
        flow, scope = int.from_bytes(data[4:8], "big"), int.from_bytes(data[24:28], "little")
        host = socket.inet_ntop(family, data[8:24])
        assert write_address(data) == (host, int.from_bytes(data[2:4], "big"), flow, scope)
    elif family == socket.AF_UNIX and len(data) <= 2 + 108:
        path = data[2:]
        assert write_address(data) == (path if path[:1] == b"\0" else os.fsdecode(path.partition(b"\0")[0]))


def fuzz_one(data):
    check_bytes(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    check_text(text)

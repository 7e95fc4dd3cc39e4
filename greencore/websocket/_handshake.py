"""How a WebSocket opens (RFC 6455, section 4): both halves, without any input or output."""

import base64
import binascii
import hashlib
import os
import re
from http import HTTPStatus

from greencore.websocket import _deflate as deflate
from greencore.websocket._errors import HandshakeError

VERSION = "13"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def accept_key(key):
    """Return the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + GUID).digest()).decode()


def tokens(field):
    """Return the words of a field that lists them by commas."""
    return [word.strip() for word in field.split(",") if word.strip()]


def has_token(field, token):
    """Whether a field lists the word `token`, which is in lower case."""
    return token in (word.lower() for word in tokens(field))


def check_field(name, value):
    """Raise ValueError for a field that would break the head it stands in."""
    if not TOKEN.fullmatch(name) or not FIELD_VALUE.fullmatch(value):
        raise ValueError(f"not a header field: {name!r}: {value!r}")


def is_request(environ):
    """Whether a WSGI environ is that of a client which asks for a WebSocket."""
    return (
        environ["REQUEST_METHOD"] == "GET"
        and has_token(environ.get("HTTP_UPGRADE", ""), "websocket")
        and has_token(environ.get("HTTP_CONNECTION", ""), "upgrade")
    )


def check_request(environ, origins=None):
    """Raise HandshakeError for a request that opens no WebSocket. origins: those allowed; None: any."""
    if not is_request(environ) or environ["SERVER_PROTOCOL"] != "HTTP/1.1":
        raise HandshakeError(HTTPStatus.BAD_REQUEST, "not a request for a WebSocket")
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != VERSION:
        raise HandshakeError(HTTPStatus.UPGRADE_REQUIRED, "another version of the protocol")
    try:
        key = base64.b64decode(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 16:
        raise HandshakeError(HTTPStatus.BAD_REQUEST, "no Sec-WebSocket-Key")
    if origins is not None and environ.get("HTTP_ORIGIN") not in origins:
        raise HandshakeError(HTTPStatus.FORBIDDEN, "another origin")


def answer(environ, protocol=None, extensions=None, headers=()):
    """Return the head, bytes, that accepts a checked request.

    protocol: one of those that the client offers. extensions: deflate.Parameters. headers: further (name, value).
    """
    fields = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_key(environ["HTTP_SEC_WEBSOCKET_KEY"])),
    ]
    if protocol is not None:
        if protocol not in tokens(environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "")):
            raise ValueError(f"the client does not offer {protocol!r}")
        fields.append(("Sec-WebSocket-Protocol", protocol))
    if extensions is not None:
        fields.append(("Sec-WebSocket-Extensions", str(extensions)))
    return _head("HTTP/1.1 101 Switching Protocols", [*fields, *headers])


def _head(first_line, fields):
    for name, value in fields:
        check_field(name, value)
    lines = [first_line, *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def request(host, target, protocols=(), compress=True, headers=()):
    """Return a client's request for a WebSocket, (bytes, key).

    host: of the Host field, with the port where it is not the usual one. target: path and query.
    """
    key = base64.b64encode(os.urandom(16)).decode()
    fields = [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", VERSION),
    ]
    if protocols:
        fields.append(("Sec-WebSocket-Protocol", ", ".join(protocols)))
    if compress:
        fields.append(("Sec-WebSocket-Extensions", f"{deflate.NAME}; client_max_window_bits"))
    if not re.fullmatch(r"/[\x21-\x7e]*", target):
        raise ValueError(f"not a request target: {target!r}")
    return _head(f"GET {target} HTTP/1.1", [*fields, *headers]), key


def read_answer(head, key, protocols=()):
    """Check a server's answer to request(). Return (protocol or None, deflate.Parameters or None); else HandshakeError."""
    first_line, *lines = head.decode("latin-1").split("\r\n")
    version, _, status = first_line.partition(" ")
    if version != "HTTP/1.1" or not re.match(r"\d{3}( |$)", status):
        raise HandshakeError(0, f"the server answered {first_line[:100]!r}")
    if not status.startswith("101"):
        raise HandshakeError(int(status[:3]), f"the server answered {status[:100]!r}")
    fields = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    found = {name: ", ".join(values) for name, values in fields.items()}
    if not has_token(found.get("upgrade", ""), "websocket") or not has_token(found.get("connection", ""), "upgrade"):
        raise HandshakeError(101, "the server switched to something else")
    if found.get("sec-websocket-accept") != accept_key(key):
        raise HandshakeError(101, "the server's Sec-WebSocket-Accept is wrong")
    protocol = found.get("sec-websocket-protocol")
    if protocol is not None and protocol not in protocols:
        raise HandshakeError(101, f"the server chose {protocol!r}, which was not offered")
    return protocol, _read_extensions(found.get("sec-websocket-extensions", ""))


def _read_extensions(field):
    chosen = list(deflate.parse(field))
    if not chosen:
        return None
    agreed = None
    if len(chosen) == 1 and chosen[0][0] == deflate.NAME:
        agreed = deflate.read_parameters(chosen[0][1], offer=False)
    if agreed is None or agreed.client_max_window_bits == 8:
        raise HandshakeError(101, f"the server chose extensions that were not offered: {field[:100]!r}")
    return agreed

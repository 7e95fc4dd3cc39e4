"""Frames of WebSockets: bytes to messages and back, whole and cut anywhere."""

import random

import pytest

import gevent
from gevent import socket
from greencore._core import WebSocketConnection, websocket_frame

TEXT, BINARY, CLOSE, PING, PONG, FAILED = 1, 2, 8, 9, 10, -1
MESSAGES = ["", "a", "h\u00e9llo \u20ac \U0001f600", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536]


class Reader(WebSocketConnection):
    """A connection that notes what arrives: over a socket, or without one, when it receives pieces of bytes."""

    def __init__(self, pieces, masked=False, limit=1 << 20, deflate=False, sock=None, received=b""):
        super().__init__(sock or self, not masked, received, limit, 64 if deflate else -1)
        self.pieces = list(pieces)
        self.events = []

    def _recv(self):
        return self.pieces.pop(0) if self.pieces else b""

    def _handle(self, opcode, payload, code):
        self.events.append((opcode, payload, code))

    def _inflate(self, opcode, payload):
        self.events.append((opcode, payload, 1))
        return payload

    def _end(self, code):
        self.closed = True

    def read(self):
        """All that arrives: (opcode, payload, code), a message's code being 1 if it is compressed."""
        while (message := self.receive()) is not None:
            if not self.events or self.events[-1][1] is not message:
                self.events.append((TEXT if isinstance(message, str) else BINARY, message, 0))
        return self.events


def read(data, masked=False, limit=1 << 20, deflate=False, cut=None):
    """What one connection reads, which receives pieces of `cut` bytes."""
    step = cut or max(len(data), 1)
    return Reader((data[at : at + step] for at in range(0, len(data), step)), masked, limit, deflate).read()


def read_socket(data, masked=False, limit=1 << 20, deflate=False, cut=0):
    """The same over a socket; `cut` bytes came before."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = gevent.spawn(lambda: (theirs.sendall(data[cut:]), theirs.shutdown(socket.SHUT_WR)))
        events = Reader((), masked, limit, deflate, ours, data[:cut]).read()
        sender.kill()
        return events


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("message", MESSAGES, ids=len)
def test_round_trip(message, masked):
    text = websocket_frame(TEXT, message, masked=masked)
    data = websocket_frame(BINARY, message.encode(), masked=masked)
    for cut in (None, 1 if len(message) < 1000 else 1000, 7 if len(message) < 1000 else 4093):
        assert read(text + data, masked, cut=cut) == [(TEXT, message, 0), (BINARY, message.encode(), 0)]
        assert read_socket(text + data, masked, cut=cut or 0) == [(TEXT, message, 0), (BINARY, message.encode(), 0)]


def test_known_frames():
    """The examples of RFC 6455, section 5.7."""
    assert websocket_frame(TEXT, "Hello") == bytes.fromhex("810548656c6c6f")
    assert read(bytes.fromhex("818537fa213d7f9f4d5158"), masked=True) == [(TEXT, "Hello", 0)]
    assert read(bytes.fromhex("010348656c80026c6f")) == [(TEXT, "Hello", 0)]
    assert read(bytes.fromhex("8a8537fa213d7f9f4d5158"), masked=True) == [(PONG, b"Hello", 0)]


def test_control_frames_between_fragments():
    data = websocket_frame(TEXT, "one ", fin=False) + websocket_frame(PING, b"?") + websocket_frame(0, "two")
    assert read(data) == read(data, cut=1) == [(PING, b"?", 0), (TEXT, "one two", 0)]


@pytest.mark.parametrize(
    "payload, event",
    [
        (b"", (CLOSE, "", 1005)),
        (b"\x03\xe8", (CLOSE, "", 1000)),
        (b"\x0f\xa0bye", (CLOSE, "bye", 4000)),
    ],
)
def test_close(payload, event):
    data = websocket_frame(CLOSE, payload)
    assert read(data + websocket_frame(TEXT, "dropped")) == [event]
    assert read(data, cut=1) == [event]


def frame(first, second, rest=b""):
    return bytes([first, second]) + rest


WRONG = {
    "rsv1": (frame(0xC1, 0), 1002),
    "rsv2": (frame(0xA1, 0), 1002),
    "rsv3": (frame(0x91, 0), 1002),
    "opcode 3": (frame(0x83, 0), 1002),
    "opcode 11": (frame(0x8B, 0), 1002),
    "opcode 15": (frame(0x8F, 0), 1002),
    "masked by a server": (websocket_frame(TEXT, "x", masked=True), 1002),
    "fragmented ping": (frame(0x09, 0), 1002),
    "long ping": (frame(0x89, 126, b"\0\x7e") + bytes(126), 1002),
    "continuation of nothing": (frame(0x80, 0), 1002),
    "message in a message": (websocket_frame(TEXT, "a", fin=False) + websocket_frame(TEXT, "b"), 1002),
    "126 for a short length": (frame(0x81, 126, b"\0\x05hello"), 1002),
    "127 for a short length": (frame(0x81, 127, (65535).to_bytes(8, "big")), 1002),
    "length of 64 bits": (frame(0x82, 127, b"\xff" * 8), 1002),
    "too big": (frame(0x82, 126, (2000).to_bytes(2, "big")), 1009),
    "too big in pieces": (websocket_frame(BINARY, bytes(600), fin=False) + websocket_frame(0, bytes(600)), 1009),
    "not UTF-8": (websocket_frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"), 1007),
    "half a character": (websocket_frame(TEXT, b"\xe2\x82"), 1007),
    "half a character at the end of fragments": (
        websocket_frame(TEXT, b"\xe2", fin=False) + websocket_frame(0, b"\x82"),
        1007,
    ),
    "close of one byte": (websocket_frame(CLOSE, b"\x03"), 1002),
    "close 999": (websocket_frame(CLOSE, (999).to_bytes(2, "big")), 1002),
    "close 1005": (websocket_frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
    "close 2999": (websocket_frame(CLOSE, (2999).to_bytes(2, "big")), 1002),
    "close 5000": (websocket_frame(CLOSE, (5000).to_bytes(2, "big")), 1002),
    "close reason not UTF-8": (websocket_frame(CLOSE, b"\x03\xe8\xff"), 1007),
}


@pytest.mark.parametrize("cut", [None, 1, 3])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_frames(name, cut):
    data, code = WRONG[name]
    events = read(data + websocket_frame(TEXT, "dropped"), limit=1000, cut=cut)
    assert [(opcode, detail) for opcode, _, detail in events] == [(FAILED, code)]


def test_unmasked_by_a_client():
    assert read(websocket_frame(TEXT, "x"), masked=True)[0][::2] == (FAILED, 1002)


def test_wrong_text_is_seen_before_its_end():
    """A character that can't become one ends the message while the rest is still to come."""
    assert read(b"\x81\x7e\x01\x00ok\xe2") == []
    assert read(b"\x81\x7e\x01\x00ok\xe2(")[0][::2] == (FAILED, 1007)


def test_announced_length_reserves_nothing():
    assert read(b"\x82\x7f" + (1 << 61).to_bytes(8, "big") + b"x", limit=1 << 62) == []


def test_compressed_needs_the_extension():
    data = websocket_frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", compressed=True)
    assert read(data)[0][::2] == (FAILED, 1002)
    assert read(data, deflate=True) == [(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", 1)]


def test_arguments():
    with pytest.raises(ValueError):
        websocket_frame(16, b"")
    with pytest.raises(UnicodeEncodeError):
        websocket_frame(TEXT, "\ud800")
    with pytest.raises(TypeError):
        websocket_frame(TEXT, 3)
    with pytest.raises(ValueError, match="negative"):
        Reader([], limit=-1)
    with pytest.raises(TypeError):
        Reader(["text"]).receive()
    with pytest.raises(RuntimeError, match="made once"):
        Reader([]).__init__([])


def test_masks_differ():
    assert len({websocket_frame(BINARY, bytes(4), masked=True) for _ in range(20)}) > 1


def test_any_bytes_cut_anywhere_mean_the_same():
    """Random streams of frames, right and wrong, give the same events however they are cut."""
    chance = random.Random(7)
    for _ in range(300):
        data = b""
        for _ in range(chance.randrange(1, 6)):
            opcode = chance.choice([0, 1, 2, 2, 8, 9, 10, 11])
            payload = chance.randbytes(chance.choice([0, 1, 5, 130]))
            data += websocket_frame(
                opcode, payload, chance.random() < 0.8, chance.random() < 0.1, chance.random() < 0.9
            )
        data = data[: chance.randrange(len(data) + 1)]
        whole = read(data, True, 300)
        for cut in (1, 2, 5, 64):
            pieces = read(data, True, 300, cut=cut)
            assert [event[0:3:2] for event in pieces] == [event[0:3:2] for event in whole]
        assert read_socket(data, True, 300, cut=chance.randrange(len(data) + 1)) == whole

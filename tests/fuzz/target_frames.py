"""Frames of WebSockets, read by a connection: the same arrives, over a socket or in pieces, and never an exception."""

from test_websocket_frames import FAILED, MESSAGES, TEXT, WRONG, read, read_socket

from greencore._core import websocket_frame

LIMIT = 1000


def seeds():
    """The first byte has the reader's options, the second says where the rest is cut."""
    for message in MESSAGES:
        if len(message) < LIMIT:
            yield b"\0\0" + websocket_frame(TEXT, message)
            yield b"\1\0" + websocket_frame(TEXT, message, masked=True)
    for data, _ in WRONG.values():
        yield b"\2\3" + data[:LIMIT]


def said(events):
    """What arrives, without the text of an error, which may say how much had come."""
    return [(opcode, None if opcode == FAILED else value, detail) for opcode, value, detail in events]


def fuzz_one(data):
    options, cut, data = data[:1], data[1:2], data[2:]
    if not cut:
        return
    masked, deflate = bool(options[0] & 1), bool(options[0] & 2)
    whole = said(read(data, masked, LIMIT, deflate))
    assert said(read(data, masked, LIMIT, deflate, cut=1)) == whole
    assert said(read(data, masked, LIMIT, deflate, cut=cut[0] % 31 + 2)) == whole
    assert said(read_socket(data, masked, LIMIT, deflate, cut=cut[0])) == whole
    assert all(opcode != FAILED for opcode, _, _ in whole[:-1]), whole
    for opcode, value, _ in whole:
        assert opcode in (FAILED, 1, 2, 8, 9, 10), opcode
        assert value is None or len(value) <= LIMIT

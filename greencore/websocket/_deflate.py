"""The extension permessage-deflate (RFC 7692): its parameters, and a connection's two streams of zlib."""

import zlib
from dataclasses import dataclass

from greencore.websocket._errors import ProtocolError

NAME = "permessage-deflate"
TAIL = b"\0\0\xff\xff"  # ends each message in the stream, and is left out on the wire
TOO_BIG, WRONG_DATA = 1009, 1007
SHORTEST = 64  # bytes: a shorter message grows when it is deflated, or wins nothing
WINDOW_BITS = 12  # of our own stream: 4 KiB instead of 32 for each connection
MEMORY_LEVEL = 5


@dataclass
class Parameters:
    """What both sides have agreed on; bits are the base-two logarithms of windows in bytes."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15

    def __str__(self):
        words = [NAME]
        words += [name for name in ("server_no_context_takeover", "client_no_context_takeover") if getattr(self, name)]
        for name in ("server_max_window_bits", "client_max_window_bits"):
            if getattr(self, name) != 15:
                words.append(f"{name}={getattr(self, name)}")
        return "; ".join(words)


def parse(header):
    """Yield each extension of a Sec-WebSocket-Extensions field as (name, {parameter: text or None})."""
    for entry in header.split(","):
        name, *words = (word.strip() for word in entry.split(";"))
        parameters, fine = {}, True
        for word in words:
            key, given, value = (part.strip() for part in word.partition("="))
            fine = fine and key not in parameters
            parameters[key] = value.strip('"') if given else None
        if name and fine:
            yield name, parameters


def read_parameters(given, offer):
    """Return the Parameters that a dict of parse() says; None if one of them can't be.

    offer: the dict is a client's offer, where client_max_window_bits may stand without a value.
    """
    read = Parameters()
    for key, value in given.items():
        if key in ("server_no_context_takeover", "client_no_context_takeover") and value is None:
            setattr(read, key, True)
        elif key in ("server_max_window_bits", "client_max_window_bits") and value in map(str, range(8, 16)):
            setattr(read, key, int(value))
        elif not (offer and key == "client_max_window_bits" and value is None):
            return None
    return read


def choose(header):
    """Return the Parameters that a server answers a client's offers with; None: no extension."""
    for name, given in parse(header):
        agreed = read_parameters(given, offer=True) if name == NAME else None
        if agreed is None or agreed.server_max_window_bits == 8:
            continue  # zlib makes no window of 256 bytes
        agreed.server_max_window_bits = min(agreed.server_max_window_bits, WINDOW_BITS)
        if "client_max_window_bits" not in given:
            agreed.client_max_window_bits = 15  # a client that does not name it need not know it
        return agreed
    return None


class Deflate:
    """The streams of one connection.

    parameters: what was agreed on. client: whether this side is the client.
    """

    def __init__(self, parameters, client):
        self.parameters = parameters
        ours, theirs = ("client", "server") if client else ("server", "client")
        self.fresh_out = getattr(parameters, f"{ours}_no_context_takeover")
        self.fresh_in = getattr(parameters, f"{theirs}_no_context_takeover")
        self.bits_out = min(max(getattr(parameters, f"{ours}_max_window_bits"), 9), WINDOW_BITS)
        self.bits_in = max(getattr(parameters, f"{theirs}_max_window_bits"), 9)
        self._compressor = self._decompressor = None

    def compress(self, payload):
        """Return a message's bytes deflated."""
        if self._compressor is None or self.fresh_out:
            self._compressor = zlib.compressobj(wbits=-self.bits_out, memLevel=MEMORY_LEVEL)
        return (self._compressor.compress(payload) + self._compressor.flush(zlib.Z_SYNC_FLUSH))[: -len(TAIL)]

    def decompress(self, payload, limit):
        """Return a message's bytes inflated. Raises ProtocolError if they are more than `limit`, or can't be inflated."""
        if self._decompressor is None or self.fresh_in:
            self._decompressor = zlib.decompressobj(wbits=-self.bits_in)
        try:
            whole = self._decompressor.decompress(payload + TAIL, limit + 1)
        except zlib.error as error:
            raise ProtocolError(WRONG_DATA, f"a message that can't be inflated: {error}") from None
        if len(whole) > limit:
            raise ProtocolError(TOO_BIG, "a message that is too big once inflated")
        if self._decompressor.eof:
            self._decompressor = None  # a final block: the next message begins a new stream
        return whole

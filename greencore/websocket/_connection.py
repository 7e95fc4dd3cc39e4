"""A WebSocket that is open: messages over a cooperative socket."""

from greencore._core import WebSocketConnection
from greencore.timeout import Timeout
from greencore.websocket._deflate import SHORTEST
from greencore.websocket._errors import ProtocolError

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
FAILED = -1  # in place of an opcode: the peer broke the protocol
NORMAL, GOING_AWAY, NO_CODE, ABNORMAL, NOT_UTF8 = 1000, 1001, 1005, 1006, 1007
RECV_SIZE = 64 * 1024


def close_payload(code, reason):
    """Return what a close frame has in it; ValueError for a code that may not be sent."""
    if not (1000 <= code <= 1014 and code not in (1004, NO_CODE, ABNORMAL)) and not 3000 <= code <= 4999:
        raise ValueError(f"not a code for a close frame: {code}")
    payload = code.to_bytes(2, "big") + reason.encode()
    if len(payload) > 125:
        raise ValueError("a reason has at most 123 bytes")
    return payload


class WebSocket(WebSocketConnection):
    """One end of a connection. Any greenlet may send; one at a time may receive.

    Messages come and go in C, by receive() and send(); here is what is rare.

    sock: connected, after the handshake; it is closed with the WebSocket. client: this end is the client's.
    received: bytes that came with the handshake. deflate: the streams of permessage-deflate (Deflate), or None.
    max_message: bytes over which a message is refused, inflated or not. ping_interval: seconds of silence in
    receive() after which a ping asks whether the peer is there; None: never. ping_timeout: seconds that it then has.
    close_timeout: seconds that close() waits for the peer's close frame. protocol: the subprotocol agreed on.

    `closed` tells whether it is over; then `close_code` and `close_reason` are what the peer's close frame said (1005: a
    frame without a code, 1006: the connection ended without one).
    """

    def __init__(
        self, sock, *, client=False, received=b"", deflate=None, max_message=1 << 20, ping_interval=None,
        ping_timeout=20.0, close_timeout=5.0, protocol=None,
    ):  # fmt: skip
        super().__init__(sock, client, received, max_message, -1 if deflate is None else SHORTEST)
        self.protocol = protocol
        self.max_message = max_message
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.close_code = None
        self.close_reason = ""
        self._deflate = deflate

    def __repr__(self):
        state = "closed" if self.closed else "open"
        return f"<{type(self).__name__} at {id(self):#x} {state} {'client' if self.client else 'server'}>"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __iter__(self):
        """Yield messages until the peer closes."""
        return iter(self.receive, None)

    def ping(self, payload=b""):
        """Send a ping with up to 125 bytes; receive() sees to the answer."""
        if len(payload) > 125:
            raise ValueError("a ping has at most 125 bytes")
        self._send_control(PING, payload)

    def close(self, code=NORMAL, reason=""):
        """Say that this end is done, wait for the peer to say the same, close the connection. Harmless when it is closed.

        code: 1000 to 1014 or 3000 to 4999. reason: a str of at most 123 bytes in UTF-8.
        """
        payload = close_payload(code, reason)
        with Timeout(self.close_timeout, False):
            if not self.closed:
                self._send_control(CLOSE, payload)
            while not self.closed:
                try:
                    self.receive()  # what was under way is dropped
                except ProtocolError:
                    break
        if not self.closed:
            self._end(ABNORMAL)

    def _recv(self):
        """The slow way to receive. Return what the connection has; b"" when it has ended, or the peer has left a ping unanswered."""
        try:
            if self.ping_interval is None:
                return self.socket.recv(RECV_SIZE)
            with Timeout(self.ping_interval, False):
                return self.socket.recv(RECV_SIZE)
            self._send_control(PING, b"")
            with Timeout(self.ping_timeout, False):
                return self.socket.recv(RECV_SIZE)
        except OSError:
            pass  # reset, or closed by another greenlet
        return b""

    def _send_control(self, opcode, payload):
        try:
            self._send_frame(opcode, payload)
        except OSError:
            pass  # the connection has ended, which whoever receives is told

    def _compress(self, message):
        return self._deflate.compress(message.encode() if isinstance(message, str) else message)

    def _end(self, code, reason=""):
        """End the WebSocket. The first code that is known stays: if our close frame can't be sent, the peer's counts."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        if not self.closed:
            self.closed = self._close_sent = True
            self.socket.close()

    def _handle(self, opcode, payload, code):
        """Deal with what is no message; C code calls this. code: a close frame's, or the one that says what the peer broke."""
        if opcode == PING:
            self._send_control(PONG, payload)
        elif opcode == CLOSE:
            self.close_code, self.close_reason = code, payload
            self._send_control(CLOSE, b"" if code == NO_CODE else close_payload(code, payload))
            self._end(code)
        elif opcode == FAILED:
            self._fail(ProtocolError(code, payload))

    def _inflate(self, opcode, payload):
        try:
            whole = self._deflate.decompress(payload, self.max_message)
            return whole.decode() if opcode == TEXT else whole
        except UnicodeDecodeError:
            self._fail(ProtocolError(NOT_UTF8, "a text that is not UTF-8"))
        except ProtocolError as error:
            self._fail(error)

    def _fail(self, error):
        self._send_control(CLOSE, close_payload(error.code, ""))
        self._end(error.code, error.reason)
        raise error

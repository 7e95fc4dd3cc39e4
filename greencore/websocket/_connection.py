"""A WebSocket that is open: messages over a cooperative socket."""

from greencore._core import WebSocketReader, websocket_frame
from greencore.lock import BoundedSemaphore
from greencore.timeout import Timeout
from greencore.websocket._deflate import SHORTEST
from greencore.websocket._errors import ProtocolError, WebSocketError

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FAILED = -1  # an event of the reader: the peer broke the protocol
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


class WebSocket:
    """One end of a connection. Any greenlet may send; one at a time may receive.

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
        self.socket = sock
        self.client = client
        self.protocol = protocol
        self.max_message = max_message
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.closed = False
        self.close_code = None
        self.close_reason = ""
        self._deflate = deflate
        self._reader = WebSocketReader(not client, max_message, deflate is not None)
        self._events = self._reader.feed(received)[::-1]
        self._sending = BoundedSemaphore(1)
        self._close_sent = False

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

    def receive(self):
        """Return the next message, a str or bytes; None when there will be none: the peer has closed, or is gone.

        Pings are answered meanwhile. Raises ProtocolError when the peer breaks the protocol; the connection is closed then.
        """
        while True:
            while self._events:
                opcode, payload, detail = self._events.pop()
                if TEXT <= opcode <= BINARY:
                    return payload if not detail else self._inflate(opcode, payload)
                self._handle(opcode, payload, detail)
            if self.closed:
                return None
            data = self._recv()
            if data:
                self._events = self._reader.feed(data)[::-1]
            else:
                self._end(ABNORMAL)

    def send(self, message, binary=None):
        """Send a message: a str as text, bytes-like as bytes.

        binary: True or False says which of the two the peer gets, whatever the message's type. Raises WebSocketError when
        the WebSocket is closed, OSError when the connection fails.
        """
        if binary is None:
            binary = not isinstance(message, str)
        opcode = BINARY if binary else TEXT
        with self._sending:
            if self._close_sent:
                raise WebSocketError("the WebSocket is closed")
            compressed = self._deflate is not None and len(message) >= SHORTEST
            if compressed:
                message = self._deflate.compress(message.encode() if isinstance(message, str) else message)
            self._sendall(websocket_frame(opcode, message, True, compressed, self.client))

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
        """Return what the connection has; b"" when it has ended, or the peer has left a ping unanswered."""
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

    def _sendall(self, frame):
        try:
            self.socket.sendall(frame)
        except BaseException:
            # A part of the frame may be out: nothing can follow it.
            self._end(ABNORMAL)
            raise

    def _send_control(self, opcode, payload):
        with self._sending:
            if not self._close_sent:
                self._close_sent = opcode == CLOSE
                try:
                    self._sendall(websocket_frame(opcode, payload, True, False, self.client))
                except OSError:
                    pass  # the connection has ended, which whoever receives is told

    def _end(self, code, reason=""):
        """The first code that is known stays: a goodbye that can't be sent does not undo the peer's."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        if not self.closed:
            self.closed = self._close_sent = True
            self.socket.close()

    def _handle(self, opcode, payload, detail):
        if opcode == PING:
            self._send_control(PONG, payload)
        elif opcode == CLOSE:
            self.close_code, self.close_reason = detail, payload
            self._send_control(CLOSE, b"" if detail == NO_CODE else close_payload(detail, payload))
            self._end(detail)
        elif opcode == FAILED:
            self._fail(ProtocolError(detail, payload))

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

"""WebSockets from end to end, over a pair of sockets and through a server of raw sockets."""

from contextlib import contextmanager

import pytest

import gevent
from gevent import server, socket
from gevent.exceptions import ConcurrentObjectUseError
from gevent.websocket import HandshakeError, ProtocolError, WebSocket, WebSocketError, connect
from gevent.websocket import _deflate as deflate, _handshake as handshake
from greencore._core import websocket_frame

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def request_environ(**changes):
    environ = {
        "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "PATH_INFO": "/chat", "HTTP_UPGRADE": "WebSocket",
        "HTTP_CONNECTION": "keep-alive, Upgrade", "HTTP_SEC_WEBSOCKET_VERSION": "13", "HTTP_SEC_WEBSOCKET_KEY": KEY,
    }  # fmt: skip
    environ.update(changes)
    return {name: value for name, value in environ.items() if value is not None}


@contextmanager
def pair(compress=False, **options):
    """(server's end, client's end), open."""
    ours, theirs = socket.socketpair()
    streams = [None, None]
    if compress:
        streams = [deflate.Deflate(deflate.Parameters(), client) for client in (False, True)]
    with ours, theirs:
        yield (
            WebSocket(ours, deflate=streams[0], **options),
            WebSocket(theirs, client=True, deflate=streams[1], **options),
        )


@pytest.mark.parametrize("compress", [False, True])
def test_messages(compress):
    with pair(compress) as (ours, theirs):
        for message in ("h\u00e9", b"\0\xff", "", b"", "long " * 1000, "long " * 1000, bytes(1 << 16)):
            theirs.send(message)
            got = ours.receive()
            assert got == message and type(got) is type(message)
            ours.send(message)
            assert theirs.receive() == message
        theirs.send("text", binary=True)
        theirs.send(b"bytes", binary=False)
        assert [ours.receive(), ours.receive()] == [b"text", "bytes"]


def test_pings_are_answered():
    with pair() as (ours, theirs):
        theirs.ping(b"?")
        theirs.send("m")
        assert ours.receive() == "m"
        ours.send("n")
        assert theirs.socket.recv(1000) == websocket_frame(10, b"?") + websocket_frame(1, "n")
        with pytest.raises(ValueError):
            ours.ping(bytes(126))


def test_close_from_either_end():
    for first in (0, 1):
        with pair() as ends:
            closing, other = ends[first], ends[1 - first]
            waiting = gevent.spawn(list, other)
            closing.close(4001, "enough")
            assert waiting.get() == []
            assert (other.close_code, other.close_reason) == (4001, "enough")
            assert closing.close_code == 4001
            assert closing.closed and other.closed
            closing.close()
            assert closing.receive() is None
            with pytest.raises(WebSocketError):
                closing.send("late")


def test_close_without_an_answer_is_bounded():
    with pair(close_timeout=0.01) as (ours, theirs):
        ours.close()
        assert ours.closed and ours.close_code == 1006


def test_close_does_not_wait_for_a_stuck_sender():
    with pair(close_timeout=0.01) as (ours, theirs):
        stuck = gevent.spawn(ours.send, bytes(10_000_000))
        gevent.sleep(0)
        assert not stuck.ready()
        ours.close()
        stuck.join()
        assert isinstance(stuck.exception, OSError)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_codes_that_may_not_be_sent(code):
    with pair() as (ours, theirs), pytest.raises(ValueError):
        ours.close(code)


def test_a_reason_that_is_too_long():
    with pair() as (ours, theirs), pytest.raises(ValueError):
        ours.close(1000, "\u00e9" * 62)


def test_an_end_without_goodbye():
    with pair() as (ours, theirs):
        theirs.socket.close()
        assert ours.receive() is None
        assert ours.close_code == 1006


def test_a_broken_protocol_is_told_to_the_peer():
    with pair() as (ours, theirs):
        theirs.socket.sendall(websocket_frame(2, b"unmasked"))
        with pytest.raises(ProtocolError) as caught:
            ours.receive()
        assert caught.value.code == 1002
        assert theirs.receive() is None
        assert theirs.close_code == 1002


@pytest.mark.parametrize("compress", [False, True])
def test_messages_are_bounded(compress):
    with pair(compress, max_message=1000) as (ours, theirs):
        theirs.send(bytes(100_000))
        with pytest.raises(ProtocolError) as caught:
            ours.receive()
        assert caught.value.code == 1009
        assert theirs.receive() is None


def test_silence_is_noticed():
    with pair(ping_interval=0.01, ping_timeout=0.01) as (ours, theirs):
        assert ours.receive() is None
        assert ours.close_code == 1006
        assert theirs.socket.recv(100) == websocket_frame(9, b"")


def test_a_peer_that_answers_pings_is_kept():
    with pair(ping_interval=0.01, ping_timeout=10) as (ours, theirs):
        theirs.ping_interval = None
        answering = gevent.spawn(theirs.receive)
        receiving = gevent.spawn(ours.receive)
        asked = []
        reader = theirs._handle
        theirs._handle = lambda *event: (
            asked.append(event[0]),
            reader(*event),
            len(asked) == 3 and theirs.send("still here"),
        )
        assert receiving.get() == "still here"
        assert asked[:3] == [9, 9, 9]
        answering.kill()


def test_a_send_that_was_cut_ends_the_connection():
    with pair() as (ours, theirs):
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
            ours.send(bytes(10_000_000))
        assert ours.closed
        with pytest.raises(WebSocketError):
            ours.send("more")


def test_senders_do_not_mix_frames():
    with pair() as (ours, theirs):
        messages = [bytes([n]) * 300_000 for n in range(5)]
        senders = [gevent.spawn(ours.send, message) for message in messages]
        assert [theirs.receive() for _ in senders] == messages


def test_a_killed_receiver_loses_nothing():
    with pair() as (ours, theirs):
        waiting = gevent.spawn(ours.receive)
        gevent.sleep(0)
        waiting.kill()
        theirs.send("still")
        assert ours.receive() == "still"


def test_a_killed_sender_that_waits_for_its_turn_ends_nothing():
    with pair() as (ours, theirs):
        first, second = (gevent.spawn(ours.send, bytes([n]) * 1_000_000) for n in range(2))
        gevent.sleep(0)
        second.kill()
        assert theirs.receive() == bytes(1_000_000)
        first.get()
        ours.send("more")
        assert theirs.receive() == "more"


def test_one_receiver_at_a_time():
    with pair() as (ours, theirs):
        first = gevent.spawn(ours.receive)
        gevent.sleep(0)
        with pytest.raises(ConcurrentObjectUseError):
            ours.receive()
        theirs.send("m")
        assert first.get() == "m"


def test_messages_that_came_together_are_read_in_order_by_several_greenlets():
    with pair() as (ours, theirs):
        for n in range(6):
            theirs.send(str(n))
        got = [gevent.spawn(ours.receive) for _ in range(6)]
        assert [one.get() for one in got] == list("012345")


def test_messages_that_came_together_cost_one_receive():
    received = []

    class Counting(socket.socket):
        def recv(self, size):
            received.append(super().recv(size))
            return received[-1]

    ours, theirs = socket.socketpair()
    with ours, theirs, Counting(fileno=ours.detach()) as counting:
        theirs.sendall(b"".join(websocket_frame(1, str(n), masked=True) for n in range(5)))
        ws = WebSocket(counting)
        assert [ws.receive() for _ in range(5)] == list("01234")
        assert len(received) == 1


def test_what_can_not_be_sent_ends_nothing():
    with pair() as (ours, theirs):
        for wrong, error in ((3, TypeError), (None, TypeError), ("\ud800", UnicodeEncodeError)):
            with pytest.raises(error):
                ours.send(wrong)
        with pytest.raises(TypeError):
            ours.send()
        ours.send(message=memoryview(b"fine"), binary=None)
        assert theirs.receive() == b"fine"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 242, 243, 65535, 65536, 3_000_000])
def test_sizes_of_frames(size):
    with pair(max_message=1 << 22) as (ours, theirs):
        for sender, receiver in ((ours, theirs), (theirs, ours)):
            message = bytes(range(256)) * (size // 256) + bytes(size % 256)
            sending = gevent.spawn(sender.send, message)
            assert receiver.receive() == message
            sending.get()


def test_by_the_methods_of_a_socket_of_another_class():
    class Wrapped:
        def __init__(self, sock):
            self.sock = sock

        def __getattr__(self, name):
            return getattr(self.sock, name)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        one, other = WebSocket(Wrapped(ours)), WebSocket(Wrapped(theirs), client=True)
        for message in ("text", bytes(1000)):
            one.send(message)
            other.send(other.receive())
            assert one.receive() == message
        waiting = gevent.spawn(list, other)
        one.close()
        assert waiting.get() == [] and other.close_code == 1000


def test_a_connection_is_not_made_of_nothing():
    made = WebSocket.__new__(WebSocket)
    for use in (made.receive, lambda: made.send("m")):
        with pytest.raises(WebSocketError):
            use()


def test_accept_key():
    assert handshake.accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"REQUEST_METHOD": "POST"}, 400),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, 400),
        ({"HTTP_UPGRADE": "h2c"}, 400),
        ({"HTTP_CONNECTION": "keep-alive"}, 400),
        ({"HTTP_SEC_WEBSOCKET_VERSION": "8"}, 426),
        ({"HTTP_SEC_WEBSOCKET_VERSION": None}, 426),
        ({"HTTP_SEC_WEBSOCKET_KEY": None}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": "short"}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": "c2l4dGVlbiBieXRlcyE="}, 400),
        ({"HTTP_ORIGIN": "http://evil.test"}, 403),
    ],
)
def test_requests_that_open_none(changes, status):
    with pytest.raises(HandshakeError) as caught:
        handshake.check_request(request_environ(**changes), origins=["http://good.test"])
    assert caught.value.status == status


def test_request_that_opens_one():
    handshake.check_request(request_environ())
    handshake.check_request(request_environ(HTTP_ORIGIN="http://good.test"), origins=["http://good.test"])


@pytest.mark.parametrize(
    "offer, answer",
    [
        ("", None),
        ("x-webkit-deflate-frame", None),
        ("permessage-deflate", "permessage-deflate; server_max_window_bits=12"),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=12"),
        (
            "permessage-deflate; client_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=10",
        ),
        ("permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate",
            "permessage-deflate; server_max_window_bits=12",
        ),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        ("permessage-deflate; other", None),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
        ),
    ],
)
def test_offers_of_deflate(offer, answer):
    chosen = deflate.choose(offer)
    assert (chosen and str(chosen)) == answer


@pytest.mark.parametrize("fresh", [False, True])
def test_deflate_streams(fresh):
    agreed = deflate.Parameters(fresh, fresh, 12, 15)
    ours, theirs = deflate.Deflate(agreed, client=False), deflate.Deflate(agreed, client=True)
    lengths = []
    for _ in range(2):
        small = ours.compress(b"the same words " * 9)
        lengths.append(len(small))
        assert theirs.decompress(small, 1000) == b"the same words " * 9
    assert (lengths[0] == lengths[1]) is fresh
    with pytest.raises(ProtocolError) as caught:
        theirs.decompress(b"\xff\xff\xff", 1000)
    assert caught.value.code == 1007


def answering(make_answer):
    """A server of raw sockets: make_answer(request head) is what it says; then it echoes through a WebSocket."""

    def serve(sock, address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1000)
        sock.sendall(make_answer(head.decode()))
        for message in WebSocket(sock):
            sock.sendall(websocket_frame(1, message))

    site = server.StreamServer(("127.0.0.1", 0), serve)
    site.start()
    return site


def key_of(head):
    return next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))


def accepted(head, *lines):
    accept = handshake.accept_key(key_of(head))
    fields = ["HTTP/1.1 101 Yes", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
    return ("\r\n".join([*fields, *lines]) + "\r\n\r\n").encode()


def test_client():
    heads = []

    def answer(head):
        heads.append(head)
        return accepted(head, "Sec-WebSocket-Protocol: b") + websocket_frame(1, "first")

    with answering(answer) as site:
        url = f"ws://127.0.0.1:{site.server_port}/path?query=1"
        with connect(url, protocols=["a", "b"], headers=[("X-More", "yes")], max_message=1000) as ws:
            assert ws.protocol == "b"
            assert ws.receive() == "first"
            ws.send("second")
            assert ws.receive() == "second"
    assert heads[0].startswith(f"GET /path?query=1 HTTP/1.1\r\nHost: 127.0.0.1:{site.server_port}\r\n")
    assert "\r\nSec-WebSocket-Protocol: a, b\r\n" in heads[0] and "\r\nX-More: yes\r\n" in heads[0]


@pytest.mark.parametrize(
    "answer",
    [
        lambda head: b"HTTP/1.1 403 Forbidden\r\n\r\n",
        lambda head: b"HTTP/1.0 101 Yes\r\n\r\n",
        lambda head: b"nonsense\r\n\r\n",
        lambda head: accepted(head).replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        lambda head: accepted(head).replace(b"Connection: Upgrade", b"Connection: close"),
        lambda head: accepted(head).replace(b"Accept: ", b"Accept: x"),
        lambda head: accepted(head, "Sec-WebSocket-Protocol: never offered"),
        lambda head: accepted(head, "Sec-WebSocket-Extensions: never-offered"),
        lambda head: accepted(head, "Sec-WebSocket-Extensions: permessage-deflate; nonsense"),
        lambda head: b"HTTP/1.1 101 " + b"x" * 20_000,
    ],
    ids=range(10),
)
def test_answers_that_open_none(answer):
    with answering(answer) as site, pytest.raises(HandshakeError):
        connect(f"ws://127.0.0.1:{site.server_port}/")


def test_client_gives_up_in_time():
    over = gevent.event.Event()
    with answering(lambda head: over.wait()) as site, pytest.raises(TimeoutError):
        connect(f"ws://127.0.0.1:{site.server_port}/", timeout=0.05)
    over.set()


@pytest.mark.parametrize("url", ["http://a/", "ws:///path", "nonsense"])
def test_wrong_urls(url):
    with pytest.raises(ValueError):
        connect(url)


@pytest.mark.parametrize("header", [("A\r\nB", "x"), ("A", "x\r\nB: y"), ("A", "x\0")])
def test_headers_can_not_split(header):
    with pytest.raises(ValueError):
        handshake.request("host", "/", headers=[header])
    with pytest.raises(ValueError):
        handshake.answer(request_environ(), headers=[header])

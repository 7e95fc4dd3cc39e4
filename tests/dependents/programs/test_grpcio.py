"""grpcio's gevent support: its completion queues are polled in gevent's thread pool."""

from concurrent import futures

import gevent
import grpc
import grpc.experimental.gevent as grpc_gevent
import pytest
from gevent.event import Event
from processes import LIMIT

grpc_gevent.init_gevent()
COUNT = 4  # each call that waits takes a thread of the pool, of which there are ten


class Service(grpc.GenericRpcHandler):
    def __init__(self):
        self.here = 0
        self.all_here = Event()

    def service(self, details):
        name = details.method.rpartition("/")[2]
        if name == "count":
            return grpc.unary_stream_rpc_method_handler(self.count)
        if name == "total":
            return grpc.stream_unary_rpc_method_handler(self.total)
        return grpc.unary_unary_rpc_method_handler(getattr(self, name))

    def reversed(self, request, context):
        return request[::-1]

    def come(self, request, context):
        self.here += 1
        if self.here == COUNT:
            self.all_here.set()
        return b"all" if self.all_here.wait(LIMIT) else b"not all"

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as told")

    def linger(self, request, context):
        while context.is_active():
            gevent.sleep(0.02)
        return b""

    def count(self, request, context):
        for n in range(int(request)):
            yield str(n).encode()

    def total(self, requests, context):
        return str(sum(map(int, requests))).encode()


@pytest.fixture
def channel(tmp_path):
    server = grpc.server(futures.ThreadPoolExecutor(2 * COUNT), handlers=[Service()])
    address = f"unix:{tmp_path}/socket"
    server.add_insecure_port(address)
    server.start()
    with grpc.insecure_channel(address) as channel:
        yield channel
    server.stop(None).wait(LIMIT)


def test_a_call(channel):
    assert channel.unary_unary("/green/reversed")(b"abc" * 100000, timeout=LIMIT) == b"cba" * 100000


def test_calls_at_once(channel):
    callers = [gevent.spawn(channel.unary_unary("/green/come"), b"", timeout=LIMIT) for _ in range(COUNT)]
    assert [caller.get(timeout=LIMIT) for caller in callers] == [b"all"] * COUNT


def test_other_greenlets_run_meanwhile(channel):
    turns = []
    call = channel.unary_unary("/green/linger").future(b"", timeout=2)
    other = gevent.spawn(lambda: [(turns.append(n), gevent.sleep(0.001)) for n in range(100)])
    with pytest.raises(grpc.RpcError) as caught:
        call.result()
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    other.join(LIMIT)
    assert turns == list(range(100))


def test_streams(channel):
    assert [int(n) for n in channel.unary_stream("/green/count")(b"500", timeout=LIMIT)] == list(range(500))
    numbers = (str(n).encode() for n in range(500))
    assert channel.stream_unary("/green/total")(numbers, timeout=LIMIT) == str(sum(range(500))).encode()


def test_an_error(channel):
    with pytest.raises(grpc.RpcError, match="as told"):
        channel.unary_unary("/green/fail")(b"", timeout=LIMIT)


def test_a_call_is_cancelled(channel):
    call = channel.unary_unary("/green/linger").future(b"", timeout=LIMIT)
    gevent.sleep(0.05)
    call.cancel()
    with pytest.raises(grpc.FutureCancelledError):
        call.result()

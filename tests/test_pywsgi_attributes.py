"""What hooks and applications set and ask of a handler and of wsgi.input while a request is served."""

import array
import gc
import io
import sys
from contextlib import closing

import gevent
import pytest
from gevent import pywsgi, socket
from gevent.event import Event
from gevent.exceptions import ConcurrentObjectUseError

from wsgiservers import Answer, Lines, answers, ask, connection, read_all, serving

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"


def hello(environ, start_response):
    start_response("200 OK", [("X-Thing", "one")])
    return [b"hello"]


def handled(application=hello, request=GET, **hooks):
    """The bytes that a server with these hooks answers to the request."""
    with serving(application, handler_class=type("Handler", (pywsgi.WSGIHandler,), hooks)) as server:
        return ask(server, request)


# ---- the answer's head ----


def test_the_code_can_be_set():
    def process_result(self):
        assert self.code == 200
        self.status, self.code = b"204 None", 204
        self.result = []
        with pytest.raises(ValueError, match="three digits"):
            self.code = 1 << 40
        with pytest.raises(TypeError):
            self.code = "204"
        pywsgi.WSGIHandler.process_result(self)

    answer = Answer(handled(process_result=process_result))
    assert (answer.status, "content-length" in answer.headers) == (204, False)


def test_no_code_before_the_answer():
    def run_application(self):
        assert self.code is None and self.status is None
        self.code = None
        pywsgi.WSGIHandler.run_application(self)

    assert Answer(handled(run_application=run_application)).status == 200


@pytest.mark.parametrize("headers", [[(b"X-New", b"two")], iter([(b"X-New", b"two")]), ((b"X-New", b"two"),)])
def test_the_header_can_be_replaced(headers):
    def start_response(self, *args):
        write = pywsgi.WSGIHandler.start_response(self, *args)
        self.response_headers = headers
        return write

    answer = Answer(handled(start_response=start_response))
    assert answer.headers["x-new"] == "two" and "x-thing" not in answer.headers
    assert answer.headers["content-length"] == "5"


@pytest.mark.parametrize("nothing", [None, []])
def test_the_header_can_be_emptied(nothing):
    def finalize_headers(self):
        self.response_headers = nothing
        assert self.response_headers == []

    assert handled(finalize_headers=finalize_headers, request=GET) == b"HTTP/1.1 200 OK\r\n\r\nhello"


def test_a_replaced_header_is_held_to_the_rules(quiet):
    def start_response(self, *args):
        write = pywsgi.WSGIHandler.start_response(self, *args)
        self.response_headers = [(b"X-New", b"two\r\nX-Other: three")]
        return write

    assert Answer(handled(start_response=start_response)).status == 500


def test_the_length_that_the_application_gave():
    seen = []

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]

    def process_result(self):
        seen.append(self.provided_content_length)
        self.provided_content_length = None
        seen.append(self.provided_content_length)
        self.provided_content_length = "5"
        seen.append(self.provided_content_length)
        with pytest.raises(ValueError):
            self.provided_content_length = "many"
        pywsgi.WSGIHandler.process_result(self)

    assert Answer(handled(application, process_result=process_result)).body == b"hello"
    assert seen == ["5", None, "5"]


def test_no_length_is_added_where_a_hook_says_so():
    def process_result(self):
        self.provided_content_length = False
        assert self.provided_content_length is False
        pywsgi.WSGIHandler.process_result(self)

    assert "content-length" not in Answer(handled(process_result=process_result)).headers


# ---- the request ----


def test_the_request_line_can_be_set():
    seen = []

    def run_application(self):
        seen.append((self.requestline, self.command, self.path, self.content_length))
        self.requestline = "PUT /other HTTP/1.0"
        seen.append((self.command, self.path, self.request_version))
        pywsgi.WSGIHandler.run_application(self)

    with serving(hello, handler_class=type("Handler", (pywsgi.WSGIHandler,), {"run_application": run_application})) as s:
        ask(s, POST)
        (line,) = s.log.lines
    assert seen == [("POST /p HTTP/1.1", "POST", "/p", 4), ("PUT", "/other", "HTTP/1.0")]
    assert '"PUT /other HTTP/1.0" 200 ' in line


def test_a_request_without_a_length_has_none():
    seen = []

    def run_application(self):
        seen.append(self.content_length)
        pywsgi.WSGIHandler.run_application(self)

    handled(run_application=run_application)
    handled(
        run_application=run_application,
        request=b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    )
    assert seen == [None, None]


def test_the_bytes_of_the_head_are_only_to_read():
    def run_application(self):
        assert self._raw_head == GET
        with pytest.raises(AttributeError):
            self._raw_head = b""
        pywsgi.WSGIHandler.run_application(self)

    assert Answer(handled(run_application=run_application)).status == 200


def test_the_file_can_be_replaced():
    def read_requestline(self):
        first = self.rfile
        self.rfile = None
        assert self.rfile is not first
        self.rfile = io.BytesIO(b"GET /made-up HTTP/1.1\r\n")
        return self.rfile.readline()

    def application(environ, start_response):
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    request = b"Host: a\r\nConnection: close\r\n\r\n"
    assert Answer(handled(application, request, read_requestline=read_requestline)).body == b"/made-up"


# ---- connections that break ----


@pytest.mark.parametrize("error", [ConnectionResetError(104, "gone"), TimeoutError("slow")], ids=repr)
def test_an_error_that_only_says_that_the_connection_is_gone(error):
    def read_requestline(self):
        raise error

    with serving(hello, handler_class=type("Handler", (pywsgi.WSGIHandler,), {"read_requestline": read_requestline})) as s:
        ours, theirs = socket.socketpair()
        with closing(ours):
            s.handler_class(theirs, "", s).handle()
            assert read_all(ours) == b""


@pytest.mark.parametrize("error", [OSError(5, "not that"), KeyError("neither that")], ids=repr)
def test_other_errors_of_a_hook_are_raised_by_handle(error):
    def read_requestline(self):
        raise error

    with serving(hello, handler_class=type("Handler", (pywsgi.WSGIHandler,), {"read_requestline": read_requestline})) as s:
        ours, theirs = socket.socketpair()
        with closing(ours), pytest.raises(type(error)) as caught:
            s.handler_class(theirs, "", s).handle()
        assert caught.value is error and theirs.fileno() == -1


# ---- start_response after the head ----


def test_what_an_application_gives_up_with_is_raised_again(monkeypatch):
    reported = []
    monkeypatch.setattr(
        gevent.get_hub(), "handle_error", lambda context, type, value, tb: reported.append((value, tb)), raising=False
    )

    def application(environ, start_response):
        start_response("200 OK", [])(b"some")
        try:
            raise KeyError("late")
        except KeyError:
            start_response("500 Late", [], sys.exc_info())
        return []

    assert Answer(ask_of(application)).rest == b"" and len(reported) == 1
    value, traceback = reported[0]
    assert isinstance(value, KeyError)
    names = []
    while traceback:
        names.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    assert application.__code__.co_firstlineno + 3 in names


@pytest.mark.parametrize("exc_info", [(KeyError, KeyError("x"), None), KeyError, (1, 2)], ids=["pair", "class", "short"])
def test_odd_arguments_of_giving_up(exc_info):
    raised = []

    def application(environ, start_response):
        start_response("200 OK", [])(b"some")
        try:
            start_response("500 Late", [], exc_info)
        except (KeyError, TypeError) as error:
            raised.append(type(error))
        return []

    ask_of(application)
    assert raised == [KeyError if isinstance(exc_info, tuple) and len(exc_info) == 3 else TypeError]


def ask_of(application):
    with serving(application) as server:
        data = ask(server, GET.replace(b"1.1", b"1.0"))
        return data


# ---- what is set in the middle ----


class Trap:
    """A part of a body that does something when it is looked at."""

    def __init__(self, act):
        self.act = act

    def __iter__(self):
        self.act()
        return iter([b"from", b"trap"])

    def __len__(self):
        self.act()
        return 1


def test_the_result_can_be_dropped_while_it_is_sent():
    def run_application(self):
        handler.append(self)
        pywsgi.WSGIHandler.run_application(self)
        assert self.result is None

    def drop():
        handler[-1].result = None
        gc.collect()

    handler = []

    def application(environ, start_response):
        start_response("200 OK", [])
        return Trap(drop)

    assert Answer(handled(application, run_application=run_application)).body == b"fromtrap"


def test_the_result_can_drop_itself_when_it_is_closed():
    closed = []

    class Result(list):
        def close(self):
            handler[-1].result = None
            closed.append(len(self))

    def run_application(self):
        handler.append(self)
        pywsgi.WSGIHandler.run_application(self)

    handler = []

    def application(environ, start_response):
        start_response("200 OK", [])
        return Result([b"a", b"b"])

    assert Answer(handled(application, run_application=run_application)).body == b"ab"
    assert closed == [2]


def test_a_result_that_has_another_way_to_go_through_it():
    class Result(list):
        def __iter__(self):
            yield b"its own"

    def application(environ, start_response):
        start_response("200 OK", [])
        return Result([b"a", b"b"])

    assert Answer(handled(application)).body == b"its own"


@pytest.mark.parametrize("hooks", [{}, {"write": lambda self, data: pywsgi.WSGIHandler.write(self, data)}], ids=["C", "hook"])
@pytest.mark.parametrize("count", [1, 2, 100])
def test_the_length_is_that_of_the_bytes(count, hooks):
    def application(environ, start_response):
        start_response("200 OK", [])
        return [array.array("I", [1, 2, 3])] * count

    answer = Answer(handled(application, **hooks))
    assert answer.headers["content-length"] == str(12 * count) and len(answer.body) == 12 * count


def test_two_greenlets_that_write():
    """Whoever has nothing to say about the head doesn't take it away from who sends it."""
    head = [("X-Long", "y" * 60000)]
    data = b"x" * 8_000_000

    def application(environ, start_response):
        write = start_response("200 OK", head)
        first = gevent.spawn(write, data)
        gevent.sleep(0)
        with pytest.raises(ConcurrentObjectUseError):
            write(b"second")
        refused.set()
        first.get()
        return []

    refused = Event()
    with serving(application) as server, connection(server) as sock:
        sock.sendall(GET.replace(b"1.1", b"1.0"))
        assert refused.wait(10)
        answer = read_all(sock)
    assert answer.count(b"y" * 60000) == 1 and answer.endswith(b"\r\n\r\n" + data)


# ---- wsgi.input ----


def test_input_of_a_file():
    for size in (None, -1, 4, 3):
        file = io.BytesIO(b"bodynext")
        body = pywsgi.Input(file, 4)
        assert body.read(size) == b"body"[: size if size == 3 else 4]
        assert body.position == file.tell() == (3 if size == 3 else 4)
    assert pywsgi.Input(io.BytesIO(b"one\ntwo\nthree"), 8).readlines() == [b"one\n", b"two\n"]
    lines = pywsgi.Input(io.BytesIO(b"one\ntwo\nthree"), 8)
    assert (lines.next(), next(lines)) == (b"one\n", b"two\n")
    with pytest.raises(StopIteration):
        lines.next()
    chunked = pywsgi.Input(io.BytesIO(b"3\r\nabc\r\n0\r\n\r\nnext"), None, chunked_input=True)
    assert (chunked.read(2), chunked.read(), chunked.read()) == (b"ab", b"c", b"")


def test_input_of_a_file_that_reads_it_again():
    class File(io.BytesIO):
        def read(self, size):
            with pytest.raises(ConcurrentObjectUseError):
                body.read()
            return super().read(size)

    body = pywsgi.Input(File(b"body"), 4)
    assert body.read() == b"body"


@pytest.mark.parametrize("read", ["read", "readline", "readlines", "_discard"])
def test_one_reader_at_a_time(read):
    def application(environ, start_response):
        body = environ["wsgi.input"]
        first = gevent.spawn(body.read)
        gevent.sleep(0)
        if read == "_discard":
            body._discard()
        else:
            with pytest.raises(ConcurrentObjectUseError):
                getattr(body, read)()
        waiting.set()
        start_response("200 OK", [])
        return [first.get()]

    waiting = Event()
    with serving(application) as server, connection(server) as sock:
        sock.sendall(POST[:-2])
        assert waiting.wait(10)
        sock.sendall(POST[-2:])
        assert Answer(read_all(sock)).body == b"body"


@pytest.mark.parametrize("in_time", [False, True])
@pytest.mark.parametrize("read", ["read", "readline"])
def test_who_still_reads_when_the_request_is_over(read, in_time):
    """The connection ends: what comes next would be lost to that reader."""
    readers = []

    def application(environ, start_response):
        readers.append(gevent.spawn(getattr(environ["wsgi.input"], read)))
        gevent.sleep(0)
        start_response("200 OK", [])
        yield b"done"
        asked.set()
        if in_time:
            go.wait()

    asked, go = Event(), Event()
    with serving(application) as server, connection(server) as sock:
        sock.sendall(POST.replace(b"close", b"x")[:-2])
        assert asked.wait(10)
        go.set()
        sock.sendall(POST[-2:] + GET)
        try:
            data = read_all(sock)
        except ConnectionResetError:
            data = b""
        (reader,) = readers
        gevent.joinall(readers, timeout=10)
        assert reader.ready()
        assert len(answers(data)) <= 1
        assert server.counters["connections"] == 0


def test_an_input_that_is_set_while_the_rest_is_dropped():
    handlers = []

    def handle_one_response(self):
        handlers.append(self)
        pywsgi.WSGIHandler.handle_one_response(self)

    def application(environ, start_response):
        start_response("200 OK", [])
        gevent.spawn(forget)
        return [b"left it"]

    def forget():
        handlers[0].wsgi_input = None
        handlers[0].environ = None
        gc.collect()
        sock.sendall(b"dy" + GET)

    hooks = {"handle_one_response": handle_one_response}
    with serving(application, handler_class=type("Handler", (pywsgi.WSGIHandler,), hooks)) as server:
        with connection(server) as sock:
            sock.sendall(POST.replace(b"close", b"x")[:-2])
            assert [answer.body for answer in answers(read_all(sock))] == [b"left it", b"left it"]


def test_the_file_of_the_input():
    """It is the handler's, while there is one."""
    found = []

    def application(environ, start_response):
        found.extend([environ["wsgi.input"], environ["wsgi.input"].rfile is start_response.__self__.rfile])
        start_response("200 OK", [])
        return []

    with serving(application) as server:
        ask(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert found[1] and found[0].rfile is None


class Generous(io.BytesIO):
    def read1(self, size=-1):
        return b"x" * (size + 1)


def test_a_file_that_returns_more_than_it_was_asked_for():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = pywsgi.WSGIServer(("127.0.0.1", 0), None, log=None, error_log=Lines())
        handler = pywsgi.WSGIHandler(ours, ("192.0.2.1", 1), server, Generous())
        with pytest.raises(ValueError, match="more than it was asked for"):
            handler.read_requestline()


@pytest.mark.parametrize("more", [{"other": 1}, {"status": "200 OK"}])
def test_start_response_refuses_unknown_keywords(more):
    errors = []

    def application(environ, start_response):
        with pytest.raises(TypeError) as caught:
            start_response("200 OK", [], **more)
        errors.append(caught.value)
        start_response(status="200 OK", headers=[], exc_info=None)
        return []

    with serving(application) as server:
        assert Answer(ask(server, b"GET / HTTP/1.0\r\n\r\n")).status == 200
    assert len(errors) == 1


def test_no_body_where_the_status_has_none():
    def application(environ, start_response):
        write = start_response("304 Not Modified", [])
        with pytest.raises(AssertionError):
            write(b"text")
        return []

    with serving(application) as server:
        ask(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")


def test_an_answer_begins_once():
    errors = []

    def application(environ, start_response):
        start_response("200 OK", [])(b"text")
        with pytest.raises(AssertionError) as caught:
            start_response("200 OK", [])
        errors.append(caught.value)
        return []

    with serving(application) as server:
        ask(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert len(errors) == 1

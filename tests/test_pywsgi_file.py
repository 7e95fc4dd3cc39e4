"""wsgi.file_wrapper: files as answers."""

import io
import os

import pytest

from wsgiservers import Answer, ask, serving

GET = b"GET / HTTP/1.0\r\n\r\n"


def sender(make, headers=()):
    def application(environ, start_response):
        start_response("200 OK", list(headers))
        opened.append(make())
        return environ["wsgi.file_wrapper"](opened[-1], 1000)

    opened = []
    application.opened = opened
    return application


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def from_the_middle(path):
    file = path.open("rb")
    file.seek(1000000)
    return file


def test_a_file_goes_from_where_it_is(path):
    application = sender(lambda: from_the_middle(path))
    with serving(application) as server:
        answer = Answer(ask(server, GET))
    assert answer.headers["content-length"] == "24000"
    assert answer.body == path.read_bytes()[1000000:]
    assert application.opened[0].closed


def test_only_as_much_as_the_application_said(path):
    with serving(sender(lambda: path.open("rb"), [("Content-Length", "300000")])) as server:
        answer = Answer(ask(server, GET))
    assert answer.body == path.read_bytes()[:300000]


def test_a_file_that_is_shorter_than_the_application_said(path, quiet):
    with serving(sender(lambda: from_the_middle(path), [("Content-Length", "24001")])) as server:
        answer = Answer(ask(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert len(answer.body) == 24000


@pytest.mark.parametrize("data", [b"", b"x" * 2500], ids=["empty", "some"])
def test_a_file_in_memory_goes_in_blocks(data):
    with serving(sender(lambda: io.BytesIO(data))) as server:
        answer = Answer(ask(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    assert [len(chunk) for chunk in answer.chunks] == ([1000, 1000, 500] if data else [])


def test_a_pipe_goes_in_blocks():
    def make():
        reader, writer = os.pipe()
        os.write(writer, b"some")
        os.close(writer)
        return open(reader, "rb")

    with serving(sender(make)) as server:
        assert Answer(ask(server, GET)).body == b"some"


def test_head_of_a_file(path):
    with serving(sender(lambda: path.open("rb"))) as server:
        answer = Answer(ask(server, b"HEAD / HTTP/1.0\r\n\r\n"), head=True)
    assert answer.headers["content-length"] == str(256 * 4000)
    assert answer.rest == b""


def test_the_wrapper_without_a_server():
    from gevent.pywsgi import FileWrapper

    class File:
        def read(self, size):
            return b""

    wrapper = FileWrapper(io.BytesIO(b"abc"), block_size=2)
    assert list(wrapper) == [b"ab", b"c"]
    wrapper.close()
    assert wrapper.filelike.closed
    FileWrapper(File()).close()
    with pytest.raises(ValueError):
        FileWrapper(File(), 0)

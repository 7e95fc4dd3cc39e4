"""Bottle's own adapter for gevent: `run(server="gevent")`."""

from pathlib import Path

import pytest
import requests
from clients import answers, at_once, free_port
from processes import HERE, LIMIT, running, until

COUNT = 50


@pytest.fixture(scope="module")
def url():
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running("bottle_app.py", str(port), ready="Hit Ctrl-C to quit") as server:
        until(lambda: answers(url), lambda: server.output)
        yield url


def get(url, **options):
    return requests.get(url, timeout=LIMIT, **options)


def test_routes(url):
    answer = get(url + "/hello/J%C3%BCrgen%20%3C?q=%C3%A4")
    assert answer.content.decode() == "<b>Jürgen &lt;</b> ä"
    assert answer.headers["X-Some"].encode("latin-1").decode() == "ä"
    assert get(url + "/nowhere").status_code == 404
    assert requests.post(url + "/hello/x", timeout=LIMIT).status_code == 405


def test_a_form(url):
    answer = requests.post(url + "/form", data={"name": "a & b", "text": "ä<"}, timeout=LIMIT)
    assert answer.json() == {"name": "a & b", "text": "ä<"}


@pytest.mark.parametrize("length", [0, 100, 3_000_000])
def test_a_file_is_sent(url, length):
    content = bytes(n % 251 for n in range(length))
    answer = requests.post(url + "/upload", files={"file": ("some name.bin", content)}, timeout=LIMIT)
    assert answer.json() == {"name": "some name.bin", "length": length, "sum": sum(content)}


def test_requests_at_once(url):
    answers = at_once(lambda n: (n, get(url + "/together", params={"n": n}).text), COUNT)
    assert sorted(answers) == [(n, str(n)) for n in range(COUNT)]


def test_a_stream(url):
    assert get(url + "/stream").text == "".join(f"{n}\n" for n in range(1000))


def test_a_file(url):
    content = Path(HERE, "bottle_app.py").read_bytes()
    answer = get(url + "/file")
    assert answer.content == content and int(answer.headers["Content-Length"]) == len(content)
    part = get(url + "/file", headers={"Range": "bytes=10-99"})
    assert (part.status_code, part.content) == (206, content[10:100])
    unchanged = get(url + "/file", headers={"If-Modified-Since": answer.headers["Last-Modified"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_a_signed_cookie(url):
    with requests.Session() as session:
        assert [session.get(url + "/count", timeout=LIMIT).text for _ in range(3)] == ["1", "2", "3"]


def test_an_error(url):
    with requests.Session() as session:
        assert session.get(url + "/error", timeout=LIMIT).status_code == 500
        assert session.get(url + "/hello/x", timeout=LIMIT).status_code == 200

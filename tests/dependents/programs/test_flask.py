"""Flask on pywsgi: routes, forms, files, streams, sessions, and WebSockets by flask-sock."""

import hashlib
from pathlib import Path

import flask_app
import pytest
import requests
import websocket
from clients import at_once, serving
from flask_app import COUNT
from processes import LIMIT


@pytest.fixture(scope="module")
def url():
    with serving("flask_app:app") as server:
        yield server.url


def get(url, **options):
    return requests.get(url, timeout=LIMIT, **options)


def test_routes(url):
    answer = get(url + "/hello/J%C3%BCrgen%20%2B?a=1&a=2&b=%26")
    assert answer.json() == {"name": "Jürgen +", "arguments": {"a": ["1", "2"], "b": ["&"]}}
    assert answer.headers["Content-Type"] == "application/json"
    assert get(url + "/nowhere").status_code == 404
    assert get(url + "/abort").status_code == 418
    answer = get(url + "/redirect")
    assert answer.json()["name"] == "again" and answer.history[0].status_code == 302


def test_methods(url):
    answer = requests.options(url + "/form", timeout=LIMIT)
    assert sorted(answer.headers["Allow"].split(", ")) == ["OPTIONS", "POST"]
    assert requests.put(url + "/form", timeout=LIMIT).status_code == 405
    answer = requests.head(url + "/hello/x", timeout=LIMIT)
    assert (answer.content, answer.headers["Content-Length"]) == (b"", str(len(get(url + "/hello/x").content)))


def test_a_form(url):
    answer = requests.post(url + "/form", data={"name": "a & b", "text": "ä<"}, timeout=LIMIT)
    assert answer.text == "<p>a &amp; b: ä&lt;</p>"


@pytest.mark.parametrize("length", [0, 100, 3_000_000])
def test_a_file_is_sent(url, length):
    content = bytes(n % 251 for n in range(length))
    files = {"file": ("some name.bin", content, "application/x-some")}
    answer = requests.post(url + "/upload", files=files, data={"more": "x"}, timeout=LIMIT)
    assert answer.json() == ["some name.bin", "application/x-some", length, hashlib.sha256(content).hexdigest()]


def test_too_much_is_refused(url):
    with requests.Session() as session:
        assert session.post(url + "/form", data={"text": "x" * 6_000_000}, timeout=LIMIT).status_code == 413
        assert session.get(url + "/hello/x", timeout=LIMIT).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_read_in_parts(url, chunked):
    content = bytes(n % 251 for n in range(1_000_000))
    data = (content[n : n + 7000] for n in range(0, len(content), 7000)) if chunked else content
    answer = requests.post(url + "/streamed-in", data=data, timeout=LIMIT)
    assert answer.json() == [len(content), hashlib.sha256(content).hexdigest()]


def test_a_session(url):
    with requests.Session() as session, requests.Session() as other:
        assert [session.get(url + "/count", timeout=LIMIT).text for _ in range(3)] == ["1", "2", "3"]
        assert other.get(url + "/count", timeout=LIMIT).text == "1"
        assert session.cookies["second"] == '"a b"' and set(session.cookies.keys()) == {"session", "second"}
        forged = session.cookies["session"].replace(".", "x.", 1)
    assert get(url + "/count", cookies={"session": forged}).text == "1"


def test_requests_at_once(url):
    answers = at_once(lambda n: (n, get(url + "/together", params={"n": n}).text), COUNT)
    assert sorted(answers) == [(n, str(n)) for n in range(COUNT)]


def test_a_part_comes_before_the_next_is_made(url):
    with get(url + "/parts/some", stream=True) as answer:
        lines = answer.iter_lines(chunk_size=None)
        assert next(lines) == b"first of /parts/some"
        assert get(url + "/open/some").status_code == 204
        assert list(lines) == [b"second"]


def test_events(url):
    answer = get(url + "/events")
    assert answer.text == "".join(f"data: {n}\n\n" for n in range(1000))
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"


def test_a_file(url):
    content = Path(flask_app.__file__).read_bytes()
    answer = get(url + "/file")
    assert answer.content == content and int(answer.headers["Content-Length"]) == len(content)
    again = get(url + "/file", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = get(url + "/file", headers={"Range": "bytes=10-99"})
    assert (part.status_code, part.content) == (206, content[10:100])


def test_an_error(url):
    with requests.Session() as session:
        assert session.get(url + "/error", timeout=LIMIT).status_code == 500
        assert session.get(url + "/hello/x", timeout=LIMIT).status_code == 200


def test_sockets(url):
    def talk(n):
        client = websocket.create_connection(url.replace("http", "ws") + "/echo", timeout=LIMIT)
        sent = [str(n) * length for length in (1, 1000, 50_000)]
        heard = []
        for text in sent:
            client.send(text)
            heard.append(client.recv())
        client.send_binary(bytes([n]) * 1000)
        heard.append(client.recv())
        client.send("end")
        assert client.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
        client.shutdown()
        return heard == [*sent, bytes([n]) * 1000]

    assert at_once(talk, COUNT) == [True] * COUNT

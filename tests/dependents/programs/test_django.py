"""Django on pywsgi: views with an ORM, forms, streams, static files and the administrator's pages, on two databases."""

import re
import subprocess
import sys

import pytest
import requests
from clients import at_once, serving
from processes import HERE, LIMIT, unique

COUNT = 20  # of django_app.py


def run(command, environ):
    command = [sys.executable, "-c", f"import django_app; django_app.{command}()"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory):
    environ = {"GREEN_DATABASE": "sqlite", "GREEN_PLACE": str(tmp_path_factory.mktemp("django") / "data")}
    run("make", environ)
    with serving("django_app:application", **environ) as server:
        yield server.url


@pytest.fixture(scope="module")
def on_postgresql():
    environ = {"GREEN_DATABASE": "postgresql", "GREEN_PLACE": unique("schema")}
    run("make", environ)
    with serving("django_app:application", **environ) as server:
        yield server.url
    run("drop", environ)


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def url(request):
    return request.getfixturevalue(f"on_{request.param}")


@pytest.fixture
def session():
    with requests.Session() as session:
        yield session


def get(url, **options):
    return requests.get(url, timeout=LIMIT, **options)


def token_of(page):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]


def post_form(session, url, fields):
    """Post a form with the token that its page has."""
    return session.post(
        url, data=fields | {"csrfmiddlewaretoken": token_of(session.get(url, timeout=LIMIT))}, timeout=LIMIT
    )


def log_in(session, url, password="for tests"):
    fields = {"username": "admin", "password": password, "next": "/admin/"}
    return post_form(session, url + "/admin/login/", fields)


def test_a_form_is_saved(url, session):
    assert post_form(session, url + "/note/", {"title": "ä & b", "number": "7"}).text == "saved ä & b"
    assert ["ä & b", 7] in get(url + "/notes/").json()["notes"]
    again = post_form(session, url + "/note/", {"title": "ä & b", "number": "seven"}).text
    assert "Note with this Title already exists." in again and "Enter a whole number." in again


def test_a_form_without_its_token_is_refused(url):
    answer = requests.post(url + "/note/", data={"title": "forged", "number": "1"}, timeout=LIMIT)
    assert answer.status_code == 403
    assert "forged" not in get(url + "/notes/").text


@pytest.mark.parametrize("length, kept_in", [(100, "InMemoryUploadedFile"), (4_000_000, "TemporaryUploadedFile")])
def test_a_file_is_sent(url, session, length, kept_in):
    content = bytes(n % 251 for n in range(length))
    headers = {"X-CSRFToken": token_of(session.get(url + "/note/", timeout=LIMIT))}
    files = {"file": ("some name.bin", content)}
    answer = session.post(url + "/upload/", data={"name": "x"}, files=files, headers=headers, timeout=LIMIT)
    assert answer.json() == {"name": "some name.bin", "in": kept_in, "length": length, "sum": sum(content)}


def test_requests_at_once_have_connections_of_their_own(url):
    def shared():
        return dict(get(url + "/notes/").json()["notes"])["shared"]

    before = shared()
    answers = at_once(lambda n: (n, get(url + "/add/", params={"n": n}).text), COUNT)
    assert sorted(answers) == [(n, str(n)) for n in range(COUNT)]
    assert shared() == before + sum(range(COUNT))


def test_requests_wait_in_the_database_at_once(on_postgresql):
    """One holds a lock until it sees the others wait for it in the server's list of locks."""
    paths = ["hold", *["wait"] * COUNT]
    answers = at_once(lambda n: get(f"{on_postgresql}/{paths[n]}/").text, 1 + COUNT)
    assert sorted(answers) == sorted([str(COUNT), *["had it"] * COUNT])


def test_a_stream(url):
    answer = get(url + "/stream/", headers={"Accept-Encoding": "identity"})
    assert answer.text == "".join(f"{n}\n" for n in range(1000))
    assert "Content-Length" not in answer.headers
    packed = get(url + "/stream/")
    assert packed.headers["Content-Encoding"] == "gzip" and packed.text == answer.text


def test_rows_are_sent_as_they_are_read(url):
    assert get(url + "/rows/").text == "".join(f"{n}\n" for n in range(100))


def test_a_file(url):
    content = (HERE / "django_app.py").read_bytes()
    answer = get(url + "/file/", headers={"Accept-Encoding": "identity"})
    assert answer.content == content and int(answer.headers["Content-Length"]) == len(content)


def test_the_page_to_log_in(url, session):
    page = get(url + "/admin/", headers={"Accept-Encoding": "identity"})
    assert page.history[0].status_code == 302 and "Django administration" in page.text
    for style in re.findall(r'href="(/static/[^"]+\.css)"', page.text):
        answer = get(url + style)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/css")
        unchanged = get(url + style, headers={"If-Modified-Since": answer.headers["Last-Modified"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert get(url + "/static/../django_app.py").status_code == 404
    assert "Please enter the correct username" in log_in(session, url, "wrong").text


def test_the_administrator(url, session):
    assert "Site administration" in log_in(session, url).text
    added = post_form(session, url + "/admin/django_app/note/add/", {"title": "by hand", "number": "3"})
    assert "was added successfully" in added.text
    assert ["by hand", 3] in get(url + "/notes/").json()["notes"]
    answer = session.post(
        url + "/admin/logout/", data={"csrfmiddlewaretoken": session.cookies["csrftoken"]}, timeout=LIMIT
    )
    assert answer.status_code == 200
    assert session.get(url + "/admin/", timeout=LIMIT).history[0].status_code == 302


def test_an_error(url, session):
    assert session.get(url + "/error/", timeout=LIMIT).status_code == 500
    assert session.get(url + "/notes/", timeout=LIMIT).status_code == 200

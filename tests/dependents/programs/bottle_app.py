"""A program of Bottle, with its own adapter for gevent, for test_bottle.py: bottle_app.py PORT."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import threading  # noqa: E402
from pathlib import Path  # noqa: E402

import bottle  # noqa: E402

COUNT = 50
barrier = threading.Barrier(COUNT)


@bottle.get("/hello/<name>")
def hello(name):
    bottle.response.set_header("X-Some", "ä")
    return bottle.template("<b>{{name}}</b> {{query}}", name=name, query=bottle.request.query.q)


@bottle.post("/form")
def form():
    return {"name": bottle.request.forms.name, "text": bottle.request.forms.getunicode("text")}


@bottle.post("/upload")
def upload():
    file = bottle.request.files.get("file")
    content = file.file.read()
    return {"name": file.raw_filename, "length": len(content), "sum": sum(content)}


@bottle.get("/together")
def together():
    barrier.wait(30)
    return bottle.request.query.n  # of this request, though all were here at once


@bottle.get("/stream")
def stream():
    bottle.response.content_type = "text/plain"
    for n in range(1000):
        yield f"{n}\n"


@bottle.get("/file")
def file():
    here = Path(__file__)
    return bottle.static_file(here.name, root=here.parent, mimetype="text/plain")


@bottle.get("/count")
def count():
    number = bottle.request.get_cookie("count", 0, secret="for tests") + 1
    bottle.response.set_cookie("count", number, secret="for tests")
    return str(number)


@bottle.get("/error")
def error():
    raise ValueError("as told")


if __name__ == "__main__":
    bottle.run(server="gevent", host="127.0.0.1", port=int(sys.argv[1]))

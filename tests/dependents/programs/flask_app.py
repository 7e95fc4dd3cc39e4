"""A Flask application for test_flask.py."""

import hashlib
import threading

import flask
from flask_sock import Sock

COUNT = 50
app = flask.Flask(__name__)
app.secret_key = b"for tests"
app.config["MAX_CONTENT_LENGTH"] = 5_000_000
sock = Sock(app)
barrier = threading.Barrier(COUNT)
gates = {}


@app.get("/hello/<name>")
def hello(name):
    return {"name": name, "arguments": flask.request.args.to_dict(flat=False)}


@app.post("/form")
def form():
    return flask.render_template_string("<p>{{ form.name }}: {{ form.text }}</p>", form=flask.request.form)


@app.post("/upload")
def upload():
    file = flask.request.files["file"]
    content = file.read()
    return [file.filename, file.mimetype, len(content), hashlib.sha256(content).hexdigest()]


@app.post("/streamed-in")
def streamed_in():
    digest, length = hashlib.sha256(), 0
    while part := flask.request.stream.read(10_000):
        digest.update(part)
        length += len(part)
    return [length, digest.hexdigest()]


@app.get("/count")
def count():
    flask.session["count"] = flask.session.get("count", 0) + 1
    answer = flask.make_response(str(flask.session["count"]))
    answer.set_cookie("second", "a b", httponly=True)
    return answer


@app.get("/together")
def together():
    barrier.wait(30)
    return flask.request.args["n"]  # of this request, though all were here at once


@app.get("/parts/<name>")
def parts(name):
    """Send a part; the next one when /open/<name> is asked for."""
    gates[name] = threading.Event()

    @flask.stream_with_context
    def generate():
        yield f"first of {flask.request.path}\n"
        gates[name].wait(30)
        yield "second\n"

    return flask.Response(generate(), mimetype="text/plain")


@app.get("/open/<name>")
def open_gate(name):
    gates[name].set()
    return "", 204


@app.get("/events")
def events():
    return flask.Response((f"data: {n}\n\n" for n in range(1000)), mimetype="text/event-stream")


@app.get("/file")
def file():
    return flask.send_file(__file__, conditional=True)


@app.get("/error")
def error():
    raise ValueError("as told")


@app.get("/abort")
def abort():
    flask.abort(418)


@app.get("/redirect")
def redirect():
    return flask.redirect(flask.url_for("hello", name="again"))


@sock.route("/echo")
def echo(socket):
    while (data := socket.receive()) != "end":
        socket.send(data)

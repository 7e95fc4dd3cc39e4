"""From bytes to environ and body: the same, however the bytes are cut; and never an exception of the server's own."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def load_core():
    """Make greencore._core the extension that is built into this program."""
    spec = importlib.machinery.ModuleSpec("_fuzzed_core", importlib.machinery.BuiltinImporter, origin="built-in")
    core = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(core)
    sys.modules["greencore._core"] = core


if "_fuzzed_core" in sys.builtin_module_names:
    load_core()

import greencore.alias  # noqa: E402

greencore.alias.install()

import gevent  # noqa: E402
from gevent import pywsgi  # noqa: E402

from wsgiservers import feed  # noqa: E402

seen = []
reported = []
gevent.get_hub().handle_error = lambda context, type, value, tb: reported.append(value)


def application(environ, start_response):
    body = environ["wsgi.input"].read() if environ["wsgi.input_terminated"] else b""
    seen.append(({key: value for key, value in environ.items() if isinstance(value, str)}, body))
    start_response("200 OK", [])
    return [body]


server = pywsgi.WSGIServer(
    ("127.0.0.1", 0), application, log=None, error_log=None, linger_timeout=0, max_header_bytes=600
)


def outcome(parts):
    """What the application got, and the answers, without their dates."""
    seen.clear()
    reported.clear()
    answer = feed(server, parts)
    assert all(isinstance(error, OSError) for error in reported), reported
    lines = [line for line in answer.split(b"\r\n") if not line.startswith(b"Date: ")]
    return list(seen), lines


def fuzz_one(data):
    """The first byte says where the rest is cut."""
    cut, data = data[0] if data else 0, data[1:]
    whole = outcome([data])
    size = cut % 7 + 1
    assert outcome([data[i : i + size] for i in range(0, len(data), size)]) == whole
    place = cut * len(data) // 256
    assert outcome([data[:place], data[place:]]) == whole

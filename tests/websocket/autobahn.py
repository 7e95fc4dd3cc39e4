"""Autobahn's test suite with a server and a client of WebSockets: autobahn.py [server | client] [--cases 1.* 2.*].

The suite runs on Python 2.7 alone (--python2 says where that is); it is installed under the cache folder on first use.
Prints a summary, and fails if a case is neither OK nor NON-STRICT nor INFORMATIONAL. Left out by default is most of
what measures speed (9.*, and 12.* and 13.* but for a few). The reports stay in build/autobahn/.
"""

import argparse
import collections
import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from greencore import alias  # noqa: E402

alias.install()

import gevent  # noqa: E402
from gevent import subprocess as green_subprocess  # noqa: E402
from gevent.websocket import WebSocketError, WebSocketServer, connect  # noqa: E402

CACHE = Path(os.environ.get("GREENCORE_CACHE") or ROOT / ".cache") / "autobahn"
REPORTS = ROOT / "build" / "autobahn"
SUITE = "autobahntestsuite==25.10.1"
CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.1.1", "9.2.1", "10.*", "12.1.1", "12.1.2", "12.2.1", "13.1.1"]
FINE = {"OK", "NON-STRICT", "INFORMATIONAL"}
MAX_MESSAGE = 1 << 25
OPTIONS = {"max_message": MAX_MESSAGE}


def installed(python2):
    """Return the suite's program."""
    program = CACHE / "suite" / "bin" / "wstest"
    if program.exists():
        return program
    if shutil.which(python2) is None:
        sys.exit(f"Autobahn's suite needs Python 2.7, and there is no {python2}")
    venv.create(CACHE / "tool", with_pip=True)
    tool = CACHE / "tool" / "bin"
    subprocess.run([tool / "pip", "install", "-q", "--disable-pip-version-check", "virtualenv<20.22"], check=True)
    subprocess.run([tool / "virtualenv", "-q", "-p", python2, CACHE / "suite"], check=True)
    subprocess.run([CACHE / "suite" / "bin" / "pip", "install", "-q", SUITE], check=True)
    return program


def write_specification(name, **fields):
    folder = REPORTS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "specification.json"
    path.write_text(json.dumps({"outdir": str(folder), "exclude-cases": [], "exclude-agent-cases": {}, **fields}))
    return path


def echo(websocket):
    try:
        for message in websocket:
            websocket.send(message)
    except WebSocketError:
        pass  # a peer that breaks the protocol, as many cases do


def test_server(program, cases):
    site = WebSocketServer(("127.0.0.1", 0), echo, options=OPTIONS, log=None)
    site.start()
    url = f"ws://127.0.0.1:{site.server_port}"
    path = write_specification("server", servers=[{"agent": "greencore", "url": url}], cases=cases)
    # The suite runs beside the server, which this process is.
    green_subprocess.run([program, "-m", "fuzzingclient", "-s", path], stdout=subprocess.DEVNULL, check=True)
    site.stop()
    return path.parent


@contextmanager
def fuzzing_server(program, path, port):
    process = subprocess.Popen([program, "-m", "fuzzingserver", "-s", path], stdout=subprocess.DEVNULL)
    try:
        with gevent.Timeout(30):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    gevent.sleep(0.1)
        yield f"ws://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_client(program, cases):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    path = write_specification("client", url=f"ws://127.0.0.1:{port}", cases=cases)
    with fuzzing_server(program, path, port) as url:
        with connect(f"{url}/getCaseCount") as websocket:
            count = int(websocket.receive())
        for number in range(1, count + 1):
            with connect(f"{url}/runCase?case={number}&agent=greencore", **OPTIONS) as websocket:
                echo(websocket)
        connect(f"{url}/updateReports?agent=greencore").close()
    return path.parent


def summarize(folder):
    """Print the cases that are not OK, and how many there are of each kind. Return whether all is fine."""
    cases = json.loads((folder / "index.json").read_text())["greencore"]
    said = {name: {result["behavior"], result["behaviorClose"]} for name, result in cases.items()}
    for name, words in sorted(said.items()):
        if words != {"OK"}:
            print(f"{name:10} {' / '.join(sorted(words))}")
    kinds = collections.Counter(result["behavior"] for result in cases.values())
    print(f"{folder.name}: {len(cases)} cases:", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    return bool(cases) and all(words <= FINE for words in said.values())


def main():
    sides = {"server": test_server, "client": test_client}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sides", nargs="*", metavar="side", help="server or client; by default both")
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--python2", default="python2.7", help="the interpreter that the suite is installed with")
    options = parser.parse_args()
    if wrong := set(options.sides) - sides.keys():
        parser.error(f"no such side: {', '.join(sorted(wrong))}")
    program = installed(options.python2)
    folders = [sides[side](program, options.cases) for side in options.sides or sides]
    fine = [summarize(folder) for folder in folders]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()

"""tour.py: run every example, then a program of before greenlets, as it was and with them."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOPICS = ["determinism", "waiting", "spawning", "states", "shutdown", "timeouts", "events", "queues"]
PAGE_SECONDS = 0.15


def command(script, *arguments):
    path = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        "args": [sys.executable, "-m", "greencore", str(HERE / script), *map(str, arguments)],
        "env": {**os.environ, "PYTHONPATH": path},
    }


def title(text):
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def fetch(label, script, *arguments):
    """Run a program that fetches pages and says how long that took: print and return the seconds."""
    print(f"{label:<44}", end="", flush=True)
    said = subprocess.run(**command(script, *arguments), check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = float(said.split()[-2])
    print(f"{seconds:6.2f} s", flush=True)
    return seconds


def pages():
    title(f"pages: a program of before greenlets, and a server that takes {PAGE_SECONDS} s for each page")
    server = subprocess.Popen(**command("pages/server.py", PAGE_SECONDS), stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        one = fetch("one page, by legacy.py as it is:", "pages/legacy.py", port, 1)
        before = fetch("before: 200 pages, by legacy.py as it is:", "pages/legacy.py", port)
        after = fetch("after:  200 pages, its functions patched:", "pages/green.py", port)
        print(f"All 200 in the time of {after / one:.1f} pages: {before / after:.0f} times as fast.", flush=True)
    finally:
        server.terminate()
        server.wait()


def main():
    for topic in TOPICS:
        script = f"{topic}.py"
        title(f"{topic}: {(HERE / script).read_text().splitlines()[0].strip(chr(34))}")
        subprocess.run(**command(script), check=True)
    pages()


if __name__ == "__main__":
    main()

"""tour.py: run every example, then a program of before greenlets, as it was and with them."""

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOPICS = ["determinism", "waiting", "spawning", "states", "shutdown", "timeouts", "events", "queues"]


def run(script, *arguments):
    """Run a script, its output going to ours. Return the seconds that it took."""
    start = time.monotonic()
    path = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(
        [sys.executable, "-m", "greencore", str(HERE / script), *arguments],
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return time.monotonic() - start


def title(text):
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def main():
    for topic in TOPICS:
        script = HERE / f"{topic}.py"
        title(f"{topic}: {script.read_text().splitlines()[0].strip(chr(34))}")
        run(script.name)

    title("pages: 200 of them, 30 ms each")
    server = subprocess.Popen([sys.executable, str(HERE / "pages" / "server.py")], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        before = run("pages/legacy.py", port)
        print(f"before: {before:.2f} s", flush=True)
        after = run("pages/green.py", port)
        print(f"after:  {after:.2f} s, {before / after:.0f} times as fast", flush=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()

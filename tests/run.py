"""run.py [PYTEST'S ARGUMENTS]: run the whole suite as two pytest processes at once, each with a share of the files.

Half of the suite's time is waiting, so two processes take little more than half of it. Where the arguments name a file or a
test, or where there is one core, one process runs. The last lines are as pytest's: what failed, and the sums of both.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SHARES = 2
NOTHING_CHOSEN = 5  # pytest's exit status

# Files that take more than some seconds, and about how many on an idle machine: so the shares end together.
SECONDS = {
    "test_install.py": 70,
    "test_stdlib.py": 60,
    "test_native.py": 25,
    "test_garbage.py": 20,
    "test_hub.py": 20,
    "test_socket_close.py": 20,
    "test_greenlet.py": 12,
    "test_greenlet_model.py": 10,
    "test_source_rules.py": 12,
    "test_clients.py": 10,
    "test_faults.py": 10,
    "test_pywsgi_slow.py": 10,
}


def shares():
    """Return the files in two lists that take about the same time."""
    files = sorted(path for path in TESTS.rglob("test_*.py") if not {"dependents", "stdlib"} & set(path.parts))
    made, sums = [[] for _ in range(SHARES)], [0.0] * SHARES
    for path in sorted(files, key=lambda path: -SECONDS.get(path.name, 1)):
        least = sums.index(min(sums))
        made[least].append(str(path.relative_to(TESTS.parent)))
        sums[least] += SECONDS.get(path.name, 1)
    return [sorted(share) for share in made]


def command(number, arguments, files=()):
    cache = ["-o", f"cache_dir=.pytest_cache/{number}"] if files else []
    return [sys.executable, "-m", "pytest", *cache, *arguments, *files]


def names_tests(arguments):
    return any(not each.startswith("-") and (TESTS.parent / each.partition("::")[0]).exists() for each in arguments)


def last_lines(outputs, codes, seconds):
    """Return pytest's closing lines for all outputs together. A process that died in the middle is an error."""
    sums, told = {}, []
    for output, code in zip(outputs, codes):
        told += [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        closing = output.rstrip().rpartition("\n")[2]
        if not re.search(r" in [\d.]+s\b", closing):
            told.append(f"ERROR a process of the tests ended with status {code}, before its last test")
            closing = "1 error in 0s"
        for count, what in re.findall(r"(\d+) (\w+)", closing.partition(" in ")[0]):
            what = {"error": "errors", "warning": "warnings"}.get(what, what)
            sums[what] = sums.get(what, 0) + int(count)
    order = ["failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors"]
    text = ", ".join(f"{sums[what]} {what}" for what in order if what in sums)
    return [*told, f"===== {text or 'no tests ran'} in {seconds:.2f}s ====="]


def main():
    arguments = sys.argv[1:]
    if names_tests(arguments) or len(os.sched_getaffinity(0)) < SHARES:
        return subprocess.call(command(0, arguments))
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as later:
        first_files, second_files = shares()
        second = subprocess.Popen(command(1, arguments, second_files), stdout=later, stderr=subprocess.STDOUT)
        first = subprocess.Popen(
            command(0, arguments, first_files), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        outputs = [""]
        for line in iter(lambda: first.stdout.read(72), ""):
            print(line, end="", flush=True)
            outputs[0] += line
        codes = [first.wait(), second.wait()]
        later.seek(0)
        outputs.append(later.read())
    print(outputs[1])
    print(*last_lines(outputs, codes, time.monotonic() - began), sep="\n")
    codes = [code for code in codes if code != NOTHING_CHOSEN] or [NOTHING_CHOSEN]
    return max(codes, key=abs)


if __name__ == "__main__":
    sys.exit(main())

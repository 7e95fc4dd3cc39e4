#!/usr/bin/env python3
"""Print docs/stdlib.rst from files of results, one a version of Python: table.py RESULTS..."""

import json
import sys
import textwrap
from collections import Counter, defaultdict
from pathlib import Path

from run import gave_up

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tables import rst_table  # noqa: E402

HEAD = """\
The standard library's own tests
================================

Each interpreter comes with the tests of its standard library. They know nothing of greenlets, so they tell whether a
program that knows nothing of them either works once it is patched. ``tests/stdlib/run.py`` runs those of
``tests/stdlib/modules.txt``, each module in a process of its own, after ``gevent.monkey.patch_all()``: once with
greencore and once with gevent from PyPI. ::

    make test-stdlib                   # with this interpreter; PEER=python also with the gevent that is installed there
    .ci/stdlib 3.11 3.14               # with these, beside gevent, and write this page; all six by default
    MODULES="test_socket" .ci/stdlib   # just these modules; the others' results are kept

A test that hangs or takes its process down has failed, and the module goes on without it; where three of a class hang,
its others are not run, nor are those of a module where twelve do. What has failed is run once more.
``tests/stdlib/left_out.txt`` names the tests that are run with neither of the two, each with its reason.

Some interpreters miss modules of tests. ``.ci/stdlib`` lends what it can: CPython 3.11 gets Debian's, 3.12 those of
3.13 that fit it. A lent test that starts an interpreter in which it imports itself fails, unpatched too.
"""


def wrapped(text, indent=""):
    """Return the text in lines of at most 120 characters."""
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def passes(outcomes):
    return sum(outcome == "passed" for outcome, _ in outcomes.values())


def cell(sides):
    """Return "passes with greencore / with gevent"; greencore's alone where gevent was not run."""
    if not sides:
        return ""
    if not sides["ours"]:
        return "skipped"
    return " / ".join(
        f"{passes(sides[side])}{'*' if gave_up(sides[side]) else ''}" for side in ("ours", "peer") if side in sides
    )


def total(modules):
    modules = [sides for sides in modules.values() if "peer" in sides]
    return f"{sum(passes(m['ours']) for m in modules)} / {sum(passes(m['peer']) for m in modules)}"


def short(version):
    return ".".join(version.split(".")[:2])


def failures(runs):
    """Return what fails with greencore, {test: versions}, of three kinds: what passes with gevent; what passes unpatched
    and with neither; what does not pass unpatched either."""
    lost, alike, anyhow = defaultdict(list), defaultdict(list), defaultdict(list)
    for run in runs:
        for sides in run["modules"].values():
            ours, peer = sides["ours"], sides.get("peer", {})
            for test in [t for t, (outcome, _) in ours.items() if outcome == "failed"]:
                unpatched = sides["plain"].get(test, ("",))[0]
                kind = lost if peer.get(test, ("",))[0] == "passed" else alike if unpatched == "passed" else anyhow
                kind[test.removeprefix("test.")].append(short(run["python"]))
            for test in [t for t, (outcome, _) in peer.items() if outcome == "passed" and t not in ours]:
                lost[test.removeprefix("test.")].append(short(run["python"]))
    return lost, alike, anyhow


def print_tests(heading, tests):
    print(f"\n{heading}: {len(tests) or 'none'}.\n")
    for test, versions in sorted(tests.items()):
        print(wrapped(f"- ``{test}`` ({', '.join(versions)})", "  "))


def main():
    runs = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    runs.sort(key=lambda run: tuple(map(int, run["python"].split("."))))
    names = sorted({module for run in runs for module in run["modules"]})
    head = ["module", *(run["python"] for run in runs)]
    rows = [[name, *(cell(run["modules"].get(name)) for run in runs)] for name in names]
    last = ["all", *(total(run["modules"]) for run in runs)]
    gevents = ", ".join(sorted({f"gevent {run['gevent']} with greenlet {run['greenlet']}" for run in runs if "gevent" in run}))
    ours = ", ".join(sorted({run["greencore"] for run in runs}))
    print(HEAD)
    print(f"Tests passed, greencore / gevent. Written on {max(run['date'] for run in runs)}: greencore {ours}; {gevents}.")
    print("An empty field: not run, mostly since that version has no such module; one number: not run with gevent. \\*: so")
    print("many tests hung or died that others were not run.\n")
    print(rst_table([head, *rows, last]))
    lost, alike, anyhow = failures(runs)
    print_tests("What passes with gevent and not with greencore", lost)
    print_tests("What passes unpatched, and with neither", alike)
    modules = Counter(test.split(".")[0] for test in anyhow)
    names = ", ".join(f"``{module}`` {number}" for module, number in sorted(modules.items())) or "none"
    print()
    print(wrapped(f"What does not pass unpatched either, on this machine, is among the failures, too: {names}."))


if __name__ == "__main__":
    main()

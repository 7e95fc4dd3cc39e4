#!/usr/bin/env python3
"""Print the page docs/dependents.rst, made of the results that run.py keeps."""

import json
import sys
import textwrap
from pathlib import Path

from environment import RESULTS
from suites import SUITES

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tables import rst_table  # noqa: E402

HEAD = """\
Other packages' own tests
=========================

Packages that stand on gevent or greenlet bring tests of their own, which know nothing of greencore.
``tests/dependents/`` runs them in virtual environments that have the real gevent, greenlet and greencore installed side
by side: once with ``GREENCORE_ALIAS=0``, so with the real ones, and once with greencore. ::

    make test-dependents                              # all; an error is what passes with gevent only and has no reason
    make test-dependents ARGS="eventlet huey"         # just these suites; --list names them all
    make test-dependents ARGS="--fast --time 300"     # those that take seconds, as many as fit in five minutes
    .venv/bin/python tests/dependents/page.py >docs/dependents.rst    # make this page of what was run last

The tests come from a package's source distribution, and nothing of them is kept here. Where that has none, or where
they never run a worker, a server or a debugger in earnest, programs in ``tests/dependents/programs/`` do. A test that
hangs or takes its process down has failed, and the suite goes on without it; what has failed is run once more.
"""

NAMED = 3  # tests of a suite that pass with greencore only, at most


def item(text):
    """Return an item of a list, in lines of at most 120 characters."""
    return textwrap.fill(
        text, 120, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def passes(outcomes):
    return sum(outcome == "passed" for outcome, _ in outcomes.values())


def differences(suite, result):
    """Return [(test, reason)] of what passes with real gevent and not with greencore; a reason may be empty.

    Where greencore's run has no test of a file, since that could not be imported, the file is named instead.
    """
    ours = result["greencore"]
    lost = {}  # for its order
    for test, (outcome, _) in result["real"].items():
        if outcome == "passed" and ours.get(test, ("",))[0] != "passed":
            file = test.partition("::")[0]
            lost[file if test not in ours and file in ours else test] = None
    return [(test, reason_for(suite, test)) for test in lost]


def failures(suite, result):
    """Return the tests of a program of ours that fail with greencore, whatever they do with real gevent, for no reason."""
    found = [test for test, (outcome, _) in result["greencore"].items() if outcome == "failed"]
    return [test for test in found if suite.programs and not reason_for(suite, test)]


def gained(result):
    """Return the tests that pass with greencore and not with real gevent."""
    return [
        test
        for test, (outcome, _) in result["greencore"].items()
        if outcome == "passed" and result["real"].get(test, ("",))[0] != "passed"
    ]


def reason_for(suite, test):
    return next((reason for part, reason in suite.differences.items() if part in test), "")


def make():
    """Return the page's text, of the results that are there."""
    results = {suite: RESULTS / f"{suite.name}.json" for suite in SUITES}
    results = {suite: json.loads(path.read_text()) for suite, path in results.items() if path.exists()}
    rows = [["suite", "version", "greencore", "gevent", "what runs"]]
    for suite, result in results.items():
        counts = [str(passes(result[side])) for side in ("greencore", "real")]
        rows.append([suite.name, result["versions"]["package"], *counts, suite.what])
    parts = [HEAD, said_of(list(results.values())), rst_table(rows)]
    for title, lines in (
        ("What passes with gevent and not with greencore", lost_lines(results)),
        ("What passes with greencore and not with gevent", gained_lines(results)),
        ("What is run with neither", left_out_lines()),
    ):
        parts.append(f"{title}: {len(lines) or 'nothing'}." + "".join(f"\n\n{item(line)}" for line in lines))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def said_of(results):
    def each(name):
        return ", ".join(sorted({result["versions"][name] for result in results}))

    return (
        f"Tests passed. Written on {max(result['date'] for result in results)} with CPython {each('python')}: greencore\n"
        f"{each('greencore')}; gevent {each('gevent')} with greenlet {each('greenlet')}."
    )


def short(test):
    """Return a test's id without the folder that its file is in."""
    return "".join(test.partition("::")[0].rpartition("/")[2:] + test.partition("::")[1:])


def lost_lines(results):
    return [
        f"{suite.name}: ``{short(test)}``: {reason or 'no reason is known'}"
        for suite, result in results.items()
        for test, reason in differences(suite, result)
    ]


def gained_lines(results):
    lines = []
    for suite, result in results.items():
        tests = gained(result)
        if tests:
            more = f" and {len(tests) - NAMED} more" if len(tests) > NAMED else ""
            lines.append(f"{suite.name}: {', '.join(f'``{short(test)}``' for test in tests[:NAMED])}{more}")
    return lines


def left_out_lines():
    return [f"{suite.name}: ``{part}``: {reason}" for suite in SUITES for part, reason in suite.left_out.items()]


if __name__ == "__main__":
    print(make(), end="")

"""run.py: measure greencore beside gevent, in turns in one run, and write one table.

Each implementation has a virtual environment of its own under `--cache`, made on first use with the same interpreter.
A round runs every benchmark once with each, one process a time, the order of the two changing from round to round, so
that what slows the machine for a while slows both. The table shows, of each, the median over the rounds of the best
sample of a round, and how far the rounds' bests lie from that median.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEER = "gevent"


def clean_environment():
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GREENCORE_ALIAS", "GEVENT_LOOP")}


def environment(folder, requirements, cache):
    """Return the interpreter of a virtual environment, made once."""
    python = cache / folder / "bin" / "python"
    if not python.exists():
        venv.create(cache / folder, with_pip=True)
    pip = [python, "-m", "pip", "-q", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, *requirements], check=True, env=clean_environment())
    return python


def run(python, *arguments):
    """Return what worker.py prints, in a new process."""
    done = subprocess.run(
        [python, HERE / "worker.py", *arguments],
        capture_output=True, text=True, env=clean_environment(), cwd=HERE, timeout=600,
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} with {python} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def select(catalogue, patterns):
    return {
        name: entry
        for name, entry in catalogue.items()
        if not patterns or any(pattern in name or pattern in entry[0] for pattern in patterns)
    }


def measure(pythons, selected, options):
    """Return {benchmark: {"ours": [values of each round], "peer": ...}} and {"ours": version, ...}."""
    results = {name: {"ours": [], "peer": []} for name in selected}
    versions = {}
    for turn in range(options.rounds):
        order = ["ours", "peer"] if turn % 2 == 0 else ["peer", "ours"]
        for name, (module, *_) in selected.items():
            for who in order:
                found = run(pythons[who], module, name, str(options.samples))
                results[name][who].append(found["values"])
                versions[who] = found["version"]
                if (found["implementation"] == "greencore.hub") != (who == "ours"):
                    sys.exit(f"{pythons[who]} measured {found['implementation']}")
        print(f"round {turn + 1} of {options.rounds} done", file=sys.stderr)
    return results, versions


def run_go(cache, names):
    """Return {go benchmark: value} where Go is installed."""
    if shutil.which("go") is None:
        return {}
    binary = cache / "bench-go"
    subprocess.run(["go", "build", "-o", binary, "."], cwd=HERE / "go", check=True)
    return {name: float(subprocess.check_output([binary, name], text=True)) for name in sorted(names)}


def summary(rounds):
    """Return (median of the rounds' bests, largest distance from it as a share)."""
    bests = [min(values) for values in rounds]
    middle = statistics.median(bests)
    return middle, max(abs(best - middle) for best in bests) / middle


def show(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def table(selected, results, go):
    head = ["what", "unit", "greencore", "±", PEER, "±", "ratio"] + (["Go"] if go else [])
    rows = []
    for name, found in results.items():
        _, title, unit, goes = selected[name]
        (ours, our_spread), (peers, peer_spread) = summary(found["ours"]), summary(found["peer"])
        row = [title, unit, show(ours), f"{our_spread:.0%}", show(peers), f"{peer_spread:.0%}",
               f"{peers / ours:.1f}"]
        if go:
            row.append(show(go[goes]) if goes in go else "")
        rows.append(row)
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    line = "  ".join("=" * width for width in widths)
    lay = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows]]
    return "\n".join([line, lay[0], line, *lay[1:], line])


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def document(text, options, versions, go):
    today = datetime.date.today().isoformat()
    beside = f", {subprocess.check_output(['go', 'version'], text=True).split()[2]} beside them" if go else ""
    return f"""Benchmarks
==========

Written by ``make bench`` on {today}: CPython {platform.python_version()}, {processor()}, {os.cpu_count()} cores,
Linux {platform.release()}; greencore {versions["ours"]} and {PEER} {versions["peer"]}{beside}.

Both ran in turns, {options.rounds} rounds, each benchmark in a process of its own. A number is the median over the
rounds of a round's best sample; ± is the largest distance of a round from it. The ratio says how many times less
greencore takes. ``tests/bench`` has what each line does.

{text}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="only benchmarks or modules with this in their name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5, help="samples in a round")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench")
    parser.add_argument("--ours", help="an interpreter that has greencore, instead of making one")
    parser.add_argument("--peer", help=f"an interpreter that has {PEER}, instead of making one")
    parser.add_argument("--write", type=Path, help="write the page here, as well as the table to the output")
    options = parser.parse_args()

    pythons = {
        "ours": options.ours or environment("ours", ["setuptools", str(ROOT)], options.cache),
        "peer": options.peer or environment("peer", [PEER], options.cache),
    }
    selected = select(run(pythons["ours"], "--list"), options.patterns)
    results, versions = measure(pythons, selected, options)
    go = run_go(options.cache, {entry[3] for entry in selected.values()} - {None})
    text = table(selected, results, go)
    print(text)
    if options.write:
        options.write.write_text(document(text, options, versions, go))


if __name__ == "__main__":
    main()

"""run.py: measure greencore beside gevent, in turns in one run, and write one table.

Each implementation has a virtual environment of its own under `--cache`, made on first use with the same interpreter.
A round runs every benchmark once with each, one process a time, the order of the two changing from round to round, so
that what slows the machine for a while slows both. The table shows, of each, the median over the rounds of the best
sample of a round, and how far the rounds' bests lie from that median. beside.py adds asyncio, uvloop and Go.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import venv
from pathlib import Path

import beside

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tables import rst_table  # noqa: E402

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
                if (found["implementation"] == "greencore") != (who == "ours"):
                    sys.exit(f"{pythons[who]} measured {found['implementation']}")
        print(f"round {turn + 1} of {options.rounds} done", file=sys.stderr)
    return results, versions


def summary(rounds):
    """Return (median of the rounds' bests, largest distance from it as a share)."""
    bests = [min(values) for values in rounds]
    middle = statistics.median(bests)
    return middle, max(abs(best - middle) for best in bests) / middle


def show(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def rows_of(selected, results, beside):
    """Return the rows of the table as dictionaries: what the page and the plots are made of."""
    rows = []
    for name, found in results.items():
        _, title, unit, other = selected[name]
        row = {"name": name, "title": title, "unit": unit}
        for side, who in (("ours", "greencore"), ("peer", PEER)):
            row[who], row[f"{who} spread"] = summary(found[side])
        row |= {who: values[other] for who, values in beside.items() if other in values}
        rows.append(row)
    return rows


def table(rows, others):
    head = ["what", "unit", "greencore", "±", PEER, "±", "ratio", *others]
    lines = []
    for row in rows:
        # Long numbers would make the table too wide.
        micro = row["unit"] == "ns" and max(row[who] for who in ("greencore", PEER, *others) if who in row) >= 1e6
        shown = {who: show(row[who] / (1000 if micro else 1)) for who in ("greencore", PEER, *others) if who in row}
        line = [row["title"], "µs" if micro else row["unit"]]
        for who in ("greencore", PEER):
            line += [shown[who], f"{row[f'{who} spread']:.0%}"]
        line.append(f"{row[PEER] / row['greencore']:.1f}")
        lines.append(line + [shown.get(who, "") for who in others])
    return rst_table([head, *lines])


def servers(options, ours):
    """Return the tables of http/: the WSGI server beside others; nothing if only other benchmarks are asked for."""
    if options.patterns and "http" not in options.patterns:
        return ""
    parts = []
    for name in ("beside.py", "websocket.py"):
        command = [sys.executable, HERE / "http" / name, "--cache", str(options.cache)]
        command += ["--ours", str(ours)] if name == "beside.py" else []
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=None, text=True, env=clean_environment())
        if done.returncode:
            sys.exit(f"{name} failed")
        parts.append(done.stdout.strip())
    return "\n\n".join(parts)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def document(data):
    beside = "; ".join(f"{who} {version}" for who, version in data["beside"].items())
    return f"""Benchmarks
==========

Written by ``make bench`` on {data["date"]}: CPython {data["python"]}, {data["processor"]}, {data["cores"]} cores,
Linux {data["kernel"]}; greencore {data["greencore"]} and {PEER} {data[PEER]}.
Beside them: {beside}.

greencore and {PEER} ran in turns, {data["rounds"]} rounds, each benchmark in a process of its own. A number is the
median over the rounds of a round's best sample; ± is the largest distance of a round from it. The ratio says how many
times less greencore takes. The others ran once, after that, where they have something that does the same; their number
is the best of five samples. ``tests/bench`` has what each line does. :doc:`performance` has plots of some.

{table(data["rows"], data["beside"])}

The WSGI server beside others
-----------------------------

Each server has one core, the load the other one: wrk with 64 connections, or one plain client that sends or gets 10 MB
again and again. A number is the median over three rounds in turns: CPU time of the server, and in brackets how its p99
compares with its p50, or the rate. uWSGI has 64 threads. The last table is of WebSockets that echo 16 bytes, over 64
connections; the floor in C reads no HTTP and checks nothing. ``tests/bench/http`` has them all.

{data["servers"]}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="only benchmarks or modules with this in their name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5, help="samples in a round")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench")
    parser.add_argument("--ours", help="an interpreter that has greencore, instead of making one")
    parser.add_argument("--peer", help=f"an interpreter that has {PEER}, instead of making one")
    parser.add_argument("--aio", help="an interpreter that has uvloop, instead of making one")
    parser.add_argument("--write", type=Path, help="write the page here, and its numbers beside it, for the plots")
    options = parser.parse_args()

    pythons = {
        "ours": options.ours or environment("ours", ["setuptools", str(ROOT)], options.cache),
        "peer": options.peer or environment("peer", [PEER], options.cache),
    }
    aio = options.aio or environment("aio", ["uvloop"], options.cache)
    selected = select(run(pythons["ours"], "--list"), options.patterns)
    if not selected:
        print(servers(options, pythons["ours"]))
        return
    results, versions = measure(pythons, selected, options)
    others = beside.measure_all(options.cache, aio, {entry[3] for entry in selected.values()} - {None})
    data = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "rounds": options.rounds,
        "greencore": versions["ours"],
        PEER: versions["peer"],
        "beside": beside.versions(others, aio),
        "rows": rows_of(selected, results, others),
        "servers": servers(options, pythons["ours"]),
    }
    print(table(data["rows"], data["beside"]), data["servers"], sep="\n\n")
    if options.write:
        options.write.write_text(document(data))
        options.write.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Say what of the C sources the tests run: run.py [pytest arguments].

A copy of the sources under build/coverage is compiled for gcov, without optimisation. Without arguments all tests run
that are not slow; then the lines are listed that never ran and have no reason in reasons.txt, and it is an error if a
line that has one did run. ends.c has children that end by os._exit() leave their counts, too.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import reasons  # noqa: E402

from copies import copy_sources, virtual_environment  # noqa: E402

TARGET = ROOT / "build" / "coverage"
# Tests of the sources, and of builds other than this one; native.py runs those of the switching layer.
LEFT_OUT = ["docs", "native", "source_rules", "free_threaded"]


def measure(python):
    """Return gcovr's report of the files under src/."""
    report = TARGET / "coverage.json"
    # The same header counts in each file that includes it: gcovr adds them up.
    command = [python, "-m", "gcovr", "--root", TARGET, "--filter", "src/", "--exclude", "src/counts.c"]
    command += ["--merge-mode-functions", "merge-use-line-min", "--json", report, TARGET / "build"]
    subprocess.run(command, cwd=TARGET, check=True)
    return json.loads(report.read_text())["files"]


def percent(counts):
    ran = [count > 0 for count in counts]
    return f"{sum(ran)} of {len(ran)} ({100 * sum(ran) / len(ran):.1f} %)"


def show(files):
    """Print the share of lines and branches that ran, for each folder and in all, and the functions that never did."""
    folders = {}
    for file in files:
        folders.setdefault(str(Path(file["file"]).parent), []).append(file)
    for name, members in [*sorted(folders.items()), ("all", files)]:
        lines = [line for file in members for line in file["lines"] if not line.get("gcovr/noncode")]
        branches = [branch["count"] for line in lines for branch in line.get("branches", [])]
        print(f"{name:16} lines {percent(line['count'] for line in lines):24} branches {percent(branches)}")
    never = [
        (file["file"], function["lineno"], function["name"])
        for file in files
        for function in file["functions"]
        if function["execution_count"] == 0
    ]
    print(f"\n{len(never)} functions never ran:")
    for name, line, function in sorted(never):
        print(f"{name}:{line} {function}")


def main():
    copy_sources(TARGET)
    python = virtual_environment(TARGET, sys.executable, "gcovr>=8")
    native = TARGET / "build" / "native"
    shutil.rmtree(native, ignore_errors=True)  # counts of older sources would be taken for these
    for counts in TARGET.rglob("*.gcda"):
        counts.unlink()
    for notes in TARGET.glob("build/temp.*/*/src/**/*.gcno"):
        source = TARGET.joinpath(*notes.relative_to(TARGET / "build").parts[2:]).with_suffix(".c")
        if not source.exists():
            notes.unlink()  # it has another name now
    shutil.copy(HERE / "counts.c", TARGET / "src")
    ends = TARGET / "ends.so"
    compiler = os.environ.get("CC", "gcc")
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-o", ends, HERE / "ends.c", "-ldl"], check=True)
    build = dict(os.environ, GREENCORE_COVERAGE="1", GREENCORE_LTO="0")
    subprocess.run([python, "setup.py", "-q", "build_ext", "--inplace"], cwd=TARGET, env=build, check=True)
    arguments = sys.argv[1:]
    if not arguments:
        command = [python, TARGET / "tests" / "coverage" / "native.py", native]
        subprocess.run(command, cwd=TARGET, check=True, env=dict(os.environ, LD_PRELOAD=str(ends)))
        arguments = ["-m", "not slow", *(f"--ignore=tests/test_{name}.py" for name in LEFT_OUT)]
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    failed = subprocess.run(command, cwd=TARGET, env=dict(os.environ, LD_PRELOAD=str(ends))).returncode
    files = measure(python)
    show(files)
    if not sys.argv[1:] and not reasons.show(files, TARGET):
        failed = 1
    sys.exit(failed)


if __name__ == "__main__":
    main()

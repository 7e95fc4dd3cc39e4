"""Run tests where errors with memory show: run.py {references,sanitizers,valgrind} [pytest arguments].

Each kind has a copy of the sources, built its own way, under build/memory/:

references   with a debug build of Python (Debian: python3.11-dbg), counting references: see references.py
sanitizers   compiled with AddressSanitizer and UndefinedBehaviorSanitizer, without optimisation, with assertions
valgrind     under valgrind's memcheck
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from copies import copy_sources, virtual_environment  # noqa: E402

ALL = sorted(path.name for path in (ROOT / "tests").glob("test_*.py"))
RAW = [name for name in ALL if name.startswith("test_raw_")]


def files(names):
    return [f"test_{name}.py" for name in names.split()]


CORE = files(
    "channel event fd greenlet hub hub_error hub_order joinall links local lock loop order poll_many pool queue"
    " queue_standard select selectors sleep stacksize threadpool timeout util waiter"
)
NET = files("resolver resolver_packets server socket socket_close socket_connect socket_file")
# They read sources and documents, or run programs in which greencore is not, or not as it was built here.
OTHERS = files("docs free_threaded names native source_rules stdlib stubs")
TESTS = {
    # Not those whose programs are processes of their own, in which nothing is counted. Not greenlet_model: hypothesis
    # keeps what it has tried. Not no_memory: the interpreter's own assertions fail.
    "references": [*RAW, *files("asyncio capi introspection monitor pystate"), *CORE, *NET],
    "sanitizers": [*(name for name in ALL if name not in OTHERS), "isolated"],
    # Not those that lower the limit of descriptors, which are valgrind's, too.
    "valgrind": [*RAW, "test_capi.py", *CORE],
}
# Tests that only measure, dive to the recursion limit, limit the address space, of which the sanitizer's shadow takes
# most, or stacks and data, whose limits valgrind keeps to itself, or run a tool which is no longer itself then.
LEFT_OUT = {
    "references": "",
    "sanitizers": "not py_spy and not recursion and not mappings and not shadow_stacks and not memory_is_limited"
    " and not stops_nothing and not made_smaller and not profilers_of_memory and not holds_little",
    "valgrind": "not many and not recursion and not nested and not as_the_main_threads and not memory_is_limited",
}


def library(name):
    return subprocess.run(
        [os.environ.get("CC", "gcc"), f"-print-file-name={name}"], check=True, capture_output=True, text=True
    ).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=TESTS)
    parser.add_argument("--python", help="the interpreter to use")
    options, arguments = parser.parse_known_args()
    kind = options.kind
    target = ROOT / "build" / "memory" / kind
    copy_sources(target)
    python = virtual_environment(target, options.python or ("python3.11-dbg" if kind == "references" else sys.executable))

    report = target.with_suffix(".report")  # .PID; pytest would keep what the sanitizer prints as the process ends
    for old in target.parent.glob(f"{report.name}.*"):
        old.unlink()
    build = dict(os.environ, GREENCORE_DEBUG="1")
    test = dict(os.environ, PYTHONPATH=str(target / "tests" / "memory"))
    command = [python, "-m", "pytest"]
    if kind == "references":
        build["GREENCORE_DEBUG"] = "0"
        command += ["-p", "references"]
    elif kind == "sanitizers":
        build["GREENCORE_SANITIZE"] = "address,undefined"
        test |= {
            "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
            # The interpreter itself leaks at its end.
            "ASAN_OPTIONS": f"detect_leaks=0:log_path={report}:" + os.environ.get("ASAN_OPTIONS", ""),
            "UBSAN_OPTIONS": f"print_stacktrace=1:halt_on_error=1:log_path={report}",
            "PYTHONMALLOC": "malloc",
        }
    else:
        build["CFLAGS"] = os.environ.get("CFLAGS", "") + " -DGREEN_VALGRIND"
        test["PYTHONMALLOC"] = "malloc"
        command = [
            "valgrind",
            "--quiet",
            "--error-exitcode=99",
            f"--suppressions={target / 'tests' / 'memory' / 'valgrind.supp'}",
            # It takes the interpreter's own small integers for uninitialised.
            "--undef-value-errors=no",
            *command,
        ]
    subprocess.run([python, "setup.py", "-q", "build_ext", "--inplace"], cwd=target, env=build, check=True)
    if not any(argument.startswith("tests") for argument in arguments):
        arguments += ["-m", "not slow", *(f"tests/{name}" for name in TESTS[kind])]
        if LEFT_OUT[kind]:
            arguments += ["-k", LEFT_OUT[kind]]
    with subprocess.Popen([*command, "-p", "no:cacheprovider", *arguments], cwd=target, env=test) as tests:
        code = tests.wait()
    written = Path(f"{report}.{tests.pid}")
    if written.exists():
        print(written.read_text())
    sys.exit(code)


if __name__ == "__main__":
    main()

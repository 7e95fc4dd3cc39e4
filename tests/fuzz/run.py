"""Feed what parses with inputs that libFuzzer makes up: run.py [--seconds N | --runs N] [targets].

A copy of the sources under build/fuzz is compiled by clang with libFuzzer's counters and the address sanitizer, and
driver.c becomes the program that holds the interpreter. Targets: the target_*.py here, all of them by default, one
after the other; the time is shared. What is found is left in build/fuzz.found/. With --runs each target is given the
same inputs every time.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COPY = ROOT / "build" / "fuzz"
FOUND = ROOT / "build" / "fuzz.found"
sys.path.insert(0, str(ROOT / "tests"))

from copies import copy_sources  # noqa: E402

TARGETS = sorted(path.stem.removeprefix("target_") for path in HERE.glob("target_*.py"))
LENGTH = 1500  # bytes of an input at most


def build():
    """Return the program, with the extension beside it."""
    copy_sources(COPY)
    environment = dict(os.environ, CC="clang", GREENCORE_SANITIZE="address,fuzzer-no-link", GREENCORE_WERROR="0")
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=COPY, env=environment, check=True)
    ares = subprocess.run(["pkg-config", "--cflags", "--libs", "libcares"], check=True, capture_output=True, text=True)
    folder, version = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDVERSION")
    program = COPY / "fuzz"
    sources = [COPY / "tests/fuzz/driver.c", COPY / "src/net/resolver_pointer.c", COPY / "src/net/address.c"]
    command = ["clang", "-g", "-O1", "-D_GNU_SOURCE", "-fsanitize=fuzzer,address", "-rdynamic", "-o", program, *sources]
    command += [f"-I{COPY / 'src'}", f"-I{sysconfig.get_path('include')}", *shlex.split(ares.stdout)]
    command += [f"-L{folder}", f"-Wl,-rpath,{folder}", f"-lpython{version}", "-lm", "-ldl", "-lpthread", "-lutil"]
    subprocess.run(command, check=True)
    return program


def fuzz(program, target, limits):
    """Return the exit status of one target's run."""
    corpus = FOUND / "corpus" / target
    corpus.mkdir(parents=True)
    environment = {
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
        "FUZZ_TARGET": f"target_{target}",
        "FUZZ_CORPUS": str(corpus),
        "PYTHONPATH": os.pathsep.join([str(COPY / "tests" / "fuzz"), sysconfig.get_path("purelib")]),
        "PYTHONHOME": sys.base_prefix,
        "PYTHONHASHSEED": "0",
        "PYTHONMALLOC": "malloc",
        "PATH": os.environ["PATH"],
    }
    command = [program, corpus, *limits, f"-max_len={LENGTH}", "-timeout=20", "-seed=1", "-verbosity=0"]
    command += ["-print_final_stats=1", f"-artifact_prefix={FOUND}/{target}-"]
    print(f"---- {target}", flush=True)
    return subprocess.run(command, env=environment).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--runs", type=int, help="inputs for each target, in place of a time")
    options = parser.parse_args()
    targets = options.targets or TARGETS
    if wrong := set(targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(wrong))}")
    limits = [f"-max_total_time={max(options.seconds // len(targets), 1)}"]
    if options.runs is not None:
        limits = [f"-runs={options.runs}"]
    program = build()
    shutil.rmtree(FOUND, ignore_errors=True)
    failed = [target for target in targets if fuzz(program, target, limits)]
    if failed:
        sys.exit(f"failed, see {FOUND}: {', '.join(failed)}")


if __name__ == "__main__":
    main()

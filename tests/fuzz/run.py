"""Fuzz the way from bytes to environ for a while: run.py [seconds]. Needs clang and the headers of this interpreter.

The first inputs are those of tests/test_pywsgi_strict.py. What is found is left in build/fuzz/.
"""

import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "build" / "fuzz"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from build_support import llhttp  # noqa: E402


def build():
    """Return the program, compiled where a source is newer."""
    parser, include, packages = llhttp.build_parts()
    sources = [*sorted((ROOT / "src").rglob("*.c")), *(ROOT / name for name in parser), HERE / "driver.c"]
    sources += (ROOT / "src" / "switch").glob(f"swap_{sysconfig.get_platform().split('-')[-1]}.S")
    libraries = ["libuv", "libcares", *packages]
    found = subprocess.run(["pkg-config", "--cflags", "--libs", *libraries], check=True, capture_output=True, text=True)
    flags = [
        "-O1",
        "-g",
        "-std=gnu11",
        "-w",
        "-fsanitize=fuzzer,address",
        "-fno-omit-frame-pointer",
        f"-I{ROOT / 'src'}",
    ]
    flags += [f"-I{ROOT / name}" for name in include] + [f"-I{sysconfig.get_path('include')}"]
    folder, version = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDVERSION")
    ends = [
        *shlex.split(found.stdout),
        f"-L{folder}",
        f"-Wl,-rpath,{folder}",
        f"-lpython{version}",
        "-lm",
        "-ldl",
        "-lpthread",
    ]
    program = OUT / "requests"
    if not program.exists() or any(source.stat().st_mtime > program.stat().st_mtime for source in sources):
        OUT.mkdir(parents=True, exist_ok=True)
        subprocess.run(["clang", *flags, "-o", program, *sources, *ends], check=True)
    return program


def seeds():
    """Write the inputs of the tests; return their folder."""
    import greencore.alias

    greencore.alias.install()
    from test_pywsgi_strict import BODIES, CHUNKED, HEADS, LENIENT, NEXT, POST

    good = [
        NEXT,
        POST + b"Content-Length: 5\r\n\r\nhello" + NEXT,
        CHUNKED + b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n" + NEXT,
    ]
    inputs = [*good, *(data for _, data in HEADS.values()), *BODIES.values(), *(data for data, _ in LENIENT.values())]
    folder = OUT / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"seed-{number}").write_bytes(bytes([number % 256]) + data)
    return folder


def main():
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    command = [build(), seeds(), f"-max_total_time={seconds}", "-max_len=1500", "-timeout=20", "-print_final_stats=1"]
    environment = {
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
        "PYTHONPATH": f"{HERE}",
        "PYTHONHOME": sys.base_prefix,
        "PYTHONMALLOC": "malloc",
        "PATH": "/usr/bin:/bin",
    }
    sys.exit(subprocess.run([*command, f"-artifact_prefix={OUT}/"], env=environment).returncode)


if __name__ == "__main__":
    main()

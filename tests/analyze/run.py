"""Read the C sources with gcc's analyzer, clang-tidy and cppcheck: run.py [tools]. Whatever one of them says is an error.

What clang-tidy looks for is in .clang-tidy, what is let pass of cppcheck in cppcheck.txt.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from build_support import llhttp  # noqa: E402


def flags():
    """The compiler's flags that matter to a reader, who learns from assertions."""
    _, include, packages = llhttp.build_parts()
    command = ["pkg-config", "--cflags", "libuv", "libcares", *packages]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    system = [*include, sysconfig.get_path("include")]
    return ["-std=c11", "-D_GNU_SOURCE", "-Isrc", *(f"-isystem{path}" for path in system), *shlex.split(found.stdout)]


def gcc(source):
    # The analyzer wants some optimisation to see through inline functions.
    return ["gcc", *flags(), "-O1", "-fanalyzer", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-c", source, "-o", os.devnull]


def clang_tidy(source):
    return ["clang-tidy-14", "--quiet", source, "--", *flags()]


def cppcheck(source):
    suppressions = f"--suppressions-list={HERE.relative_to(ROOT) / 'cppcheck.txt'}"
    enabled = "--enable=warning,performance,portability"
    # A processor is chosen by macros that cppcheck would vary.
    given = ["-Isrc", "-DNDEBUG", "-D_GNU_SOURCE", "-D__x86_64__", f"-DPY_VERSION_HEX={sys.hexversion:#x}"]
    return ["cppcheck", "--quiet", "--std=c11", enabled, suppressions, *given, source]


TOOLS = {"gcc": gcc, "clang-tidy": clang_tidy, "cppcheck": cppcheck}


def read(name, source):
    """Whether the tool has nothing to say of the file; prints what it says."""
    done = subprocess.run(TOOLS[name](source), cwd=ROOT, capture_output=True, text=True)
    # clang-tidy counts on stderr what it has found in headers that are not ours.
    said = done.stdout + ("" if name == "clang-tidy" and done.returncode == 0 else done.stderr)
    if said.strip():
        print(f"---- {name} {source}\n{said}", flush=True)
    return done.returncode == 0 and not said.strip()


def main():
    names = sys.argv[1:] or list(TOOLS)
    if wrong := set(names) - set(TOOLS):
        sys.exit(f"no such tool: {', '.join(sorted(wrong))}; there are {', '.join(TOOLS)}")
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.c"))
    jobs = [(name, source) for name in names for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        clean = list(pool.map(lambda job: read(*job), jobs))
    print(f"{len(sources)} files read by {', '.join(names)}: {clean.count(False)} times something was said")
    sys.exit(not all(clean))


if __name__ == "__main__":
    main()

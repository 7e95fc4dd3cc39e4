"""native.py FOLDER: compile the tests of the switching layer for gcov in the folder, and run them.

Most run in children, which end by _exit(): ends.c, preloaded, and counts.c have their counts written.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import test_native as native  # noqa: E402


def main():
    folder = Path(sys.argv[1])
    variant = native.Variant(["-O0", "-DNDEBUG", "--coverage", "-Wl,-z,dynamic-undefined-weak"])
    folder.mkdir(parents=True, exist_ok=True)
    for source in native.SOURCES:
        variant.compile([source], "-c", "-o", folder / f"{source.parent.name}_{source.stem}.o")
    counts = Path(__file__).with_name("counts.c")
    native.Variant(["-fPIC"]).compile([counts], "-c", "-o", folder / "counts.o")
    program = native.link(variant, folder, native.SWITCH / f"swap_{native.HERE}.S", folder / "native")
    failed = [test for test in native.TESTS if variant.run(program, test).returncode != 0]
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()

"""The switching layer by itself: builds tests/native against it in several ways and runs each test there in a
process of its own, on this machine and on an emulated arm64."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NATIVE = ROOT / "tests" / "native"
SWITCH = ROOT / "src" / "switch"
HERE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
FLAGS = "-std=c11 -D_GNU_SOURCE -g -Wall -Wextra -Werror -pthread".split()
SOURCES = [*sorted(SWITCH.glob("*.c")), *sorted(NATIVE.glob("*.c"))]
TESTS = re.findall(r"X\((\w+)\)", (NATIVE / "main.c").read_text())
SWAP_TESTS = [name for name in TESTS if name.startswith("swap_")]
TIMEOUT = 120

ARM_ROOT = Path("/usr/aarch64-linux-gnu")
ARM_COMPILER = shutil.which("aarch64-linux-gnu-gcc")
ARM_EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")


class Variant:
    """A way to build and to run the tests, `without` those that it makes no sense for."""

    def __init__(self, flags, *, arch=HERE, runner=(), environ=None, without=()):
        self.flags = flags
        self.arch = arch
        self.runner = runner
        self.environ = {**os.environ, **(environ or {})}
        self.without = without
        self.compiler = "cc" if arch == HERE else ARM_COMPILER

    @property
    def missing(self):
        if self.compiler is None:
            return "no compiler: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
        if None in self.runner:
            return f"missing: {' or '.join(map(str, self.runner))}"
        return None

    def compile(self, sources, *options):
        flags = [*FLAGS, *self.flags, f"-I{ROOT / 'src'}", f"-I{NATIVE}"]
        subprocess.run([self.compiler, *flags, *options, *sources], check=True)

    def run(self, program, *tests, timeout=TIMEOUT):
        command = [*self.runner, program, *tests]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=self.environ)


# The emulator ignores limits of the address space, as they would limit itself.
LIMITS = ["failure_by_address_space_limit", *(name for name in TESTS if name.startswith("limit_"))]
# It counts resident pages in those of the machine that it runs on.
PAGES = ["stack_parked_has_one_page", "shed_keeps_live_frames_and_data", "guard_tripwire_is_as_wide_as_a_guard"]
# valgrind takes a guard hit, a limit or a fork with 100,000 stacks for its own.
UNDER_VALGRIND = [*SWAP_TESTS, "stack_cache_is_last_in_first_out", "trim_frees_what_was_not"]


def emulated(*options, without=()):
    return Variant(
        ["-O2", "-mbranch-protection=standard"],
        arch="aarch64",
        runner=(ARM_EMULATOR, *options, "-cpu", "max", "-L", ARM_ROOT),
        environ={"NATIVE_DIVISOR": "10"},
        without=[*LIMITS, *without],
    )


VARIANTS = {
    "optimized": Variant(["-O2", "-DNDEBUG"], environ={"NATIVE_MEASURES": "1"}),
    "debug": Variant(["-O0", "-DGREEN_DEBUG"]),
    "sanitized": Variant(
        ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
        environ={
            "NATIVE_DIVISOR": "10",
            "ASAN_OPTIONS": "handle_segv=0:handle_abort=0:detect_stack_use_after_return=1:detect_leaks=0",
        },
        without=["stack_parked_has_one_page"],  # its frames are larger
    ),
    "valgrind": Variant(
        ["-O1", "-DGREEN_VALGRIND"],
        runner=(shutil.which("valgrind"), "--quiet", "--error-exitcode=99"),
        environ={"NATIVE_DIVISOR": "100"},
        without=[name for name in TESTS if name not in UNDER_VALGRIND],
    ),
}
if HERE != "aarch64":
    VARIANTS["emulated"] = emulated()
    VARIANTS["emulated-64k-pages"] = emulated("-p", "65536", without=PAGES)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A function that builds a variant, once; the objects stay beside the program."""
    built = {}

    def build(name):
        variant = VARIANTS[name]
        if variant.missing:
            pytest.skip(variant.missing)
        if name not in built:
            folder = tmp_path_factory.mktemp(name)
            for source in SOURCES:
                variant.compile([source], "-c", "-o", folder / f"{source.parent.name}_{source.stem}.o")
            built[name] = link(variant, folder, SWITCH / f"swap_{variant.arch}.S", folder / "native")
        return variant, built[name]

    return build


def link(variant, folder, swap, target):
    """The dynamic linker binds everything first: it would need stack later, and more than the tests."""
    objects = sorted(folder.glob("*.o"))
    registers = NATIVE / f"registers_{variant.arch}.S"
    variant.compile([*objects, swap, registers, "-lm"], "-Wl,-z,now", "-o", target)
    return target


@pytest.mark.parametrize(
    ("name", "test"),
    [(name, test) for name in VARIANTS for test in TESTS if test not in VARIANTS[name].without],
)
def test_native(build, name, test):
    variant, program = build(name)
    done = variant.run(program, test)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or name != "valgrind"


def test_every_test_is_listed(build):
    variant, program = build("optimized")
    assert variant.run(program).stdout.split() == TESTS
    defined = [
        name
        for path in sorted(NATIVE.glob("test_*.c"))
        for name in re.findall(r"^void\n(\w+)\(void\)$", path.read_text(), re.MULTILINE)
    ]
    assert sorted(defined) == sorted(TESTS)
    for variant in VARIANTS.values():
        assert set(variant.without) < set(TESTS)


# Instructions that carry state over a swap or into a first frame: if one is left out, a test must fail.
CARRYING = {
    "x86_64": r"\s+(stmxcsr|fnstcw|ldmxcsr|fldcw|movq +[$%]\w+, \d+\(%\w+\)|movq +\d+\(%\w+\), %\w+).*",
    "aarch64": r"\s+(stp|ldp|mrs|msr|str|ldr) .*",
}
CARRYING_COUNT = {"x86_64": 21, "aarch64": 29}
MUTATED = {"aarch64": "optimized"} if HERE == "aarch64" else {HERE: "optimized", "aarch64": "emulated"}


@pytest.mark.parametrize("arch", MUTATED)
def test_every_saved_register_is_tested(build, arch, tmp_path):
    variant, program = build(MUTATED[arch])
    lines = (SWITCH / f"swap_{arch}.S").read_text().splitlines()
    numbers = [number for number, line in enumerate(lines) if re.fullmatch(CARRYING[arch], line)]
    survivors = []
    for number in numbers:
        mutant = tmp_path / "mutant.S"
        mutant.write_text("\n".join([*lines[:number], "", *lines[number + 1 :], ""]))
        target = link(variant, program.parent, mutant, tmp_path / "native")
        if not any(fails(variant, target, test) for test in SWAP_TESTS):
            survivors.append(lines[number])
    assert survivors == []
    assert len(numbers) == CARRYING_COUNT[arch]


def fails(variant, program, test):
    try:
        return variant.run(program, test, timeout=20).returncode != 0
    except subprocess.TimeoutExpired:
        return True


@pytest.mark.skipif(HERE != "x86_64", reason="x86-64's marks")
def test_marked_for_indirect_branches_but_not_for_shadow_stacks(tmp_path):
    """A loader that enforces shadow stacks must refuse the module, which is as fit as its least fit part."""
    target = tmp_path / "swap.o"
    Variant([]).compile([SWITCH / "swap_x86_64.S"], "-c", "-fcf-protection=full", "-o", target)
    notes = subprocess.run(["readelf", "-n", target], capture_output=True, text=True, check=True).stdout
    assert re.findall("x86 feature: (.*)", notes) == ["IBT"]


UNWOUND = "swap_passes_values_both_ways"


def test_debugger_unwinds_through_every_instruction(tmp_path):
    gdb = shutil.which("gdb")
    if gdb is None:
        pytest.skip("no debugger: apt-get install gdb")
    program = build_to_debug(Variant(["-O1", "-fno-inline"]), tmp_path)
    command = [gdb, "-nx", "-batch", "-x", NATIVE / "unwind.py", "--args", program, UNWOUND]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.stdout.splitlines()[-1:] == ["unwound"], done.stderr


@pytest.mark.skipif(HERE == "aarch64", reason="the machine itself is one")
def test_debugger_unwinds_emulated(tmp_path):
    gdb = shutil.which("gdb-multiarch")
    if gdb is None:
        pytest.skip("no debugger: apt-get install gdb-multiarch")
    variant = Variant(["-O1", "-fno-inline"], arch="aarch64", runner=(ARM_EMULATOR,))
    if variant.missing:
        pytest.skip(variant.missing)
    program = build_to_debug(variant, tmp_path)
    gate = tmp_path / "gate"
    with subprocess.Popen([ARM_EMULATOR, "-g", gate, "-L", ARM_ROOT, program, UNWOUND]) as emulator:
        try:
            wait_for_socket(gate)
            command = [gdb, "-nx", "-batch", "-ex", f"set sysroot {ARM_ROOT}", "-ex", f"file {program}"]
            command += ["-ex", f"target remote {gate}", "-x", NATIVE / "unwind.py"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        finally:
            emulator.kill()
    assert "unwound" in done.stdout.splitlines(), done.stderr


def build_to_debug(variant, folder):
    for source in SOURCES:
        variant.compile([source], "-c", "-o", folder / f"{source.parent.name}_{source.stem}.o")
    return link(variant, folder, SWITCH / f"swap_{variant.arch}.S", folder / "native")


def wait_for_socket(path):
    """Until it exists: the emulator takes only one connection, so none is tried here."""
    while not path.exists():
        os.sched_yield()

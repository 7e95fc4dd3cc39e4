"""Run by gdb, on the native tests: steps through swaps, an instruction at a time, and checks at each that
the stack can be unwound to its end, with the caller's registers as they were. Then unwinds a parked one.

Prints "unwound" at the end; any failure is an exception before that. The program is started here, or is
already there if gdb is attached to an emulator.
"""

import gdb

KEPT = {
    "i386:x86-64": "rbx rbp r12 r13 r14 r15",
    "aarch64": "x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 d8 d9 d10 d11 d12 d13 d14 d15",
}
SWAPS = 12


def names():
    found = []
    frame = gdb.newest_frame()
    while frame is not None:
        found.append(frame.name())
        frame = frame.older()
        assert len(found) < 50, found
    return found


def kept(frame):
    words = KEPT[frame.architecture().name()].split()
    return [str(frame.read_register(name)) for name in words]


def check_end(found):
    """A stack ends in the thread's first function, or in ours, with the entry above it once that runs."""
    if "green_swap_bottom" in found:
        ends = [["green_swap_bottom"], ["green_swap", "green_swap_bottom"], ["coro_entry", "green_swap_bottom"]]
        assert found[-2:] in ends, found
    else:
        assert found.index("main") >= 1, found


def step_through(left):
    """From the first instruction of green_swap to the last; `left` has registers by stack pointer."""
    caller = gdb.newest_frame().older()
    left[int(caller.read_register("sp"))] = kept(caller)
    seen = set()
    steps = 0
    while gdb.newest_frame().name() == "green_swap":
        found = names()
        check_end(found)
        outer = gdb.newest_frame().older()
        pointer = int(outer.read_register("sp"))
        if found[1] != "green_swap_bottom":
            assert kept(outer) == left[pointer], (steps, kept(outer), left[pointer])
        seen.add(pointer)
        gdb.execute("stepi", to_string=True)
        steps += 1
    assert len(seen) == 2 and steps > 10, (seen, steps)
    check_end(names())


def main():
    gdb.execute("set pagination off")
    gdb.execute("set confirm off")
    gdb.execute("break *green_swap", to_string=True)
    left = {}
    attached = gdb.selected_inferior().pid != 0
    gdb.execute("continue" if attached else "run", to_string=True)
    for _ in range(SWAPS):
        assert gdb.newest_frame().name() == "green_swap"
        step_through(left)
        gdb.execute("continue", to_string=True)
    gdb.execute("delete", to_string=True)
    gdb.execute("break coro_free", to_string=True)
    gdb.execute("continue", to_string=True)
    assert gdb.newest_frame().name() == "coro_free", names()
    gdb.execute("set $sp = self->sp")
    gdb.execute("set $pc = &green_swap_parked")
    found = names()
    assert found[-3:] == ["echo", "coro_entry", "green_swap_bottom"], found
    print("unwound")


main()

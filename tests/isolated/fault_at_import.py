"""fault_at_import.py LIBRARY RECORD CORE: let every call fail that the import of the extension makes, once each.

Each time in a child, since an import is for good; see each_fault.py.
"""

import gc
import importlib.util
import os
import sys


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def attempt(faults, path):
    """Return the exit status of a child: 0 when nothing was left to fail, 1 after a failure that was raised."""
    faults.arm()
    try:
        load("greencore._core", path)
    except (MemoryError, OSError, ImportError) as error:
        failed = faults.disarm()
        return 1 if failed is not None else f"{error!r} without a failure"
    except BaseException as error:
        return f"{faults.disarm()}: {error!r}"
    failed = faults.disarm()
    return 0 if failed is None else 2


def main():
    faults = load("faults", sys.argv[1])
    faults.watch(sys.argv[3], [], os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    counts = {1: 0, 2: 0}
    gc.freeze()
    while True:
        child = os.fork()
        if child == 0:
            status = attempt(faults, sys.argv[3])
            if isinstance(status, str):
                print(status, file=sys.stderr, flush=True)
                status = 3
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            break
        assert status in counts, status
        counts[status] += 1
    print(f"{counts[1]} raised, {counts[2]} unseen")


if __name__ == "__main__":
    main()

"""Processes of `multiprocessing` and `concurrent.futures` in a patched program."""

import subprocess
import sys

import pytest

PROGRAM = """
import greencore.alias
greencore.alias.install()
from gevent import monkey
monkey.patch_all()
import concurrent.futures, multiprocessing, os, sys, time
import gevent


def square(x):
    time.sleep(0.001)
    return x * x


def child(queue, lock):
    with lock:
        queue.put(("from", os.getpid() != int(sys.argv[2])))
        queue.put("x" * 300_000)


def main():
    context = multiprocessing.get_context(sys.argv[1])
    sys.argv[2:] = [str(os.getpid())]
    ticks = []
    ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.001)) for _ in range(5)])
    queue, lock = context.Queue(), context.Lock()
    process = context.Process(target=child, args=(queue, lock))
    with lock:
        process.start()
        gevent.sleep(0.01)
    print(queue.get()[0], len(queue.get()))
    process.join()
    print(process.exitcode, ticker.get() is not None)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(list(pool.map(square, range(6))))
    with context.Pool(2) as pool:
        print(pool.map(square, range(4)))
    recursive = context.RLock()
    with recursive, recursive:
        print(gevent.spawn(recursive.acquire, False).get())
    plain = context.Lock()
    gevent.spawn(plain.acquire).get()
    print(plain)
    semaphore = context.Semaphore(0)
    gevent.spawn_later(0.001, semaphore.release)
    print(semaphore.acquire(timeout=30), semaphore.acquire(timeout=0.001))


if __name__ == "__main__":
    main()
"""

EXPECTED = """\
from 300000
0 True
[0, 1, 4, 9, 16, 25]
[0, 1, 4, 9]
False
<Lock(owner=SomeOtherThread)>
True False
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes(method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), method, "0"], capture_output=True, text=True, timeout=100
    )
    assert (done.stdout, done.returncode) == (EXPECTED, 0), done.stderr


SHARING = """
import greencore.alias
greencore.alias.install()
from gevent import monkey
monkey.patch_all()
import multiprocessing, signal, socket, sys


def child(namespace, pipe):
    left = socket.socketpair()[0]
    try:
        pipe.send(left)
        pipe.recv()
    finally:
        left.close()
    namespace.value += 1 + len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def main():
    global pipe  # closed by the interpreter at its end
    context = multiprocessing.get_context(sys.argv[1])
    with context.Manager() as manager:
        namespace = manager.Namespace(value=1)
        pipe, other = context.Pipe()
        process = context.Process(target=child, args=(namespace, other))
        process.start()
        other.close()
        print(pipe.recv().family == socket.AF_UNIX)
        pipe.send(None)
        process.join()
        print(process.exitcode, namespace.value)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_processes_share(method, tmp_path):
    """A child talks to a manager though it has no hub yet; sockets can be sent, and signals still come then."""
    program = tmp_path / "program.py"
    program.write_text(SHARING)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), method], capture_output=True, text=True, timeout=100
    )
    assert (done.stdout, done.returncode, done.stderr) == ("True\n0 2\n", 0, "")

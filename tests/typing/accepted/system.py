"""Patching, processes, files, signals, the loop, tools."""

import signal as standard_signal
import subprocess as standard_subprocess

import greencore
from greencore import config, events, fileobject, monkey, os, select, selectors, signal_handler, subprocess, util
from greencore.core import loop
from greencore.hub import Hub


def patch() -> None:
    monkey.patch_all(thread=False, subprocess=True, Event=False)
    monkey.patch_socket(dns=False)
    if monkey.is_module_patched("socket"):
        print(monkey.get_original("socket", "socket"))


def processes() -> str:
    process: standard_subprocess.Popen[str] = subprocess.Popen(["true"], stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=5)
    subprocess.check_call(["true"])
    done = subprocess.run(["true"], capture_output=True)
    print(done.stdout.decode(), subprocess.check_output(["true"]))
    return out


def files(fd: int) -> int:
    with fileobject.FileObject(fd, "rb") as file:
        data: bytes = file.read()
    with fileobject.FileObjectThread("name") as text:
        first: str = text.readline()
    reader, writer = os.pipe()
    os.make_nonblocking(reader)
    os.nb_write(writer, data)
    ready, _, _ = select.select([reader], [], [], 1.0)
    selectors.DefaultSelector().register(reader, selectors.EVENT_READ)
    return len(first) + ready[0]


def stop(code: int) -> None:
    greencore.shutdown(code)


def look(event: object) -> None:
    if isinstance(event, events.EventLoopBlocked):
        print(event.blocking_time + 1.0)


def loops() -> float:
    signal_handler(standard_signal.SIGTERM, stop, 0)
    hub: Hub = greencore.get_hub()
    watcher = hub.loop.timer(0.1, ref=False)
    watcher.start(print, "now")
    hub.wait(hub.loop.io(0, 1))
    own: loop = hub.loop
    config.max_blocking_time = 0.5
    events.subscribers.append(look)
    util.print_run_info(thread_stacks=False)
    with util.assert_switches(max_blocking_time=0.1):
        greencore.sleep(0)
    guarded = util.wrap_errors(ValueError, int)
    print(guarded("7"))
    return own.now()

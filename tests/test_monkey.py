"""Patching: what is replaced, in which order things may happen, who is told."""

import warnings

import pytest
from isolated.run import check_code, run_code

from gevent import monkey


def test_get_original_of_unpatched():
    import time

    assert monkey.get_original("math", "pi") == __import__("math").pi
    assert monkey.get_original(["no_such_module_at_all", "math"], ["pi"]) == [__import__("math").pi]
    assert callable(monkey.get_original("time", "sleep")) and time.sleep
    with pytest.raises(AttributeError):
        monkey.get_original("math", "nothing")
    with pytest.raises(ImportError):
        monkey.get_original("no_such_module_at_all", "x")


def test_patch_item_and_back():
    import types

    module = types.ModuleType("a_module_to_patch")
    module.present = 1
    monkey.patch_item(module, "present", 2)
    monkey.patch_item(module, "present", 3)
    monkey.patch_item(module, "absent", 4)
    try:
        assert (module.present, module.absent) == (3, 4)
        assert monkey.saved["a_module_to_patch"] == {"present": 1}
        assert monkey.is_object_patched("a_module_to_patch", "present")
        assert not monkey.is_object_patched("a_module_to_patch", "absent")
        monkey.remove_item(module, "absent")
        assert not hasattr(module, "absent")
    finally:
        del monkey.saved["a_module_to_patch"]


def test_patch_module_needs_items():
    import types

    with pytest.raises(AttributeError, match="__implements__"):
        monkey.patch_module(types.ModuleType("target"), types.ModuleType("source"))


def test_everything_by_default():
    check_code(
        """
        import os, queue, select, selectors, signal, socket, ssl, subprocess, threading, time, _thread
        for module, name in [(os, "fork"), (queue, "SimpleQueue"), (select, "select"), (signal, "signal"),
                             (selectors, "DefaultSelector"), (socket, "socket"), (ssl, "SSLContext"),
                             (subprocess, "Popen"), (threading, "Event"), (time, "sleep"),
                             (_thread, "allocate_lock"), (threading, "local")]:
            assert monkey.is_object_patched(module.__name__, name), (module, name)
            assert monkey.get_original(module.__name__, name) is not getattr(module, name)
        assert not hasattr(select, "epoll")
        assert monkey.patch_all() is None
        """,
        "",
    )


def test_only_what_is_asked_for():
    check_code(
        """
        from gevent import monkey
        assert monkey.patch_all(thread=False, ssl=False, subprocess=False, queue=False)
        print(sorted(name for name in ("_thread", "threading", "ssl", "subprocess", "queue", "socket", "time")
                     if monkey.is_module_patched(name)))
        """,
        "['socket', 'time']",
        patched=False,
    )


def test_patching_again_differently_warns():
    status, output = run_code("import warnings; warnings.simplefilter('always'); monkey.patch_all(os=False)")
    assert status == 0
    assert "MonkeyPatchWarning: Patching more than once" in output


def test_events_and_veto():
    check_code(
        """
        from gevent import events, monkey
        seen = []
        def subscriber(event):
            seen.append(type(event).__name__)
            if isinstance(event, events.GeventWillPatchModuleEvent) and event.module_name == "time":
                raise events.DoNotPatch
        events.subscribers.append(subscriber)
        monkey.patch_all(extra=1)
        assert not monkey.is_module_patched("time")
        assert monkey.is_module_patched("socket")
        print(seen[0], *seen[-2:])
        """,
        "GeventWillPatchAllEvent GeventDidPatchBuiltinModulesEvent GeventDidPatchAllEvent",
        patched=False,
    )


def test_veto_of_everything():
    check_code(
        """
        from gevent import events, monkey
        def subscriber(event):
            raise events.DoNotPatch
        events.subscribers.append(subscriber)
        print(monkey.patch_all(), monkey.is_module_patched("socket"))
        """,
        "False False",
        patched=False,
    )


def test_locks_that_modules_had_before():
    check_code(
        """
        import logging, threading, sys, types
        module = types.ModuleType("early")
        module.lock, module.rlock, module.held = threading.Lock(), threading.RLock(), threading.Lock()
        module.held.acquire()
        sys.modules["early"] = module
        handler = logging.StreamHandler()
        from gevent import monkey
        monkey.patch_all()
        from gevent.thread import LockType, RLock
        print(type(module.lock) is LockType, type(module.rlock) is RLock, type(module.held) is LockType)
        print(type(handler.lock) is RLock, type(logging._lock) is RLock)
        """,
        """
        True True False
        True True
        """,
        patched=False,
    )


def test_patched_while_a_module_is_imported(tmp_path):
    (tmp_path / "patching_module.py").write_text(
        "from gevent import monkey; monkey.patch_all()\nimport time\ntime.sleep(0.001)\nvalue = 1\n"
    )
    check_code(
        f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import patching_module, threading
        def importer():
            import patching_module
            print(patching_module.value)
        thread = threading.Thread(target=importer)
        thread.start(); thread.join()
        """,
        "1",
        patched=False,
    )


def test_as_a_program(tmp_path):
    import subprocess
    import sys

    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom gevent import monkey\nprint(sys.argv[1:], __name__, monkey.is_module_patched('socket'),"
        " monkey.is_module_patched('time'))\n"
    )
    command = [sys.executable, "-c", "import greencore.alias; greencore.alias.install()\n"
               "from gevent.monkey import main; main()"]  # fmt: skip
    def run(*args):
        return subprocess.run([*command, *args], capture_output=True, text=True, timeout=60)

    assert run(str(script), "a").stdout == "['a'] __main__ True True\n"
    assert run("--no-time", str(script), "--b").stdout == "['--b'] __main__ True False\n"
    assert run("--time", str(script)).stdout == "[] __main__ False True\n"
    assert "USAGE" in run().stdout
    bad = run("--nonsense", str(script))
    assert bad.returncode == 1 and "Cannot patch 'nonsense'" in bad.stderr
    for option in ("-h", "--help"):
        helped = run(option, str(script))
        assert (helped.returncode, helped.stderr) == (0, "") and "USAGE" in helped.stdout
    missing = run("--no-time", str(tmp_path / "nosuch.py"))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"python -m gevent.monkey: can't open '{tmp_path}/nosuch.py': No such file or directory\n"


def test_warning_class():
    assert issubclass(monkey.MonkeyPatchWarning, RuntimeWarning)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        monkey._queue_warning("late", None)
    assert [str(warning.message) for warning in caught] == ["late"]


def test_sleep_and_close_are_no_methods():
    check_code(
        """
        import os, pickle, time

        class Native:
            sleep, close = time.sleep, os.close

        Native().sleep(0.0001)
        Native().close(os.dup(0))
        assert pickle.loads(pickle.dumps(time.sleep)) is time.sleep
        for wrong, error in [(-1, ValueError), (float("nan"), ValueError), (None, TypeError), ("1", TypeError)]:
            try:
                time.sleep(wrong)
            except error:
                continue
            raise AssertionError(wrong)
        """,
        "",
    )


def test_replaced_after_patching():
    """A program may replace the class of sockets, or the look-up, for all that connects."""
    check_code(
        """
        import socket

        class Proxy(socket.socket):
            def connect(self, address):
                print("proxy", address)

        green, look_up = socket.socket, socket.getaddrinfo
        socket.socket = Proxy
        socket.create_connection(("127.0.0.1", 1)).close()
        socket.getaddrinfo = lambda *args: [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("1.1.1.1", 2))]
        socket.create_connection(("127.0.0.1", 1)).close()
        socket.socket, socket.getaddrinfo = green, look_up
        try:
            socket.create_connection(("127.0.0.1", 1))
        except ConnectionRefusedError:
            print("refused")
        """,
        "proxy ('127.0.0.1', 1)\nproxy ('1.1.1.1', 2)\nrefused",
    )

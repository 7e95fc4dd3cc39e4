"""Signals and their handlers."""

import signal as standard

import pytest
from isolated.run import check_code, run_code

import gevent
from gevent import signal


def test_module_can_be_called():
    check_code(
        """
        import gevent, os, signal
        seen = []
        watcher = gevent.signal(signal.SIGUSR1, seen.append, "called")
        os.kill(os.getpid(), signal.SIGUSR1)
        while not seen: gevent.sleep(0.001)
        watcher.cancel()
        print(seen, gevent.signal.SIGUSR1 == signal.SIGUSR1)
        """,
        "['called'] True",
    )


def test_handlers_as_of_the_standard_module():
    def handler(signum, frame):
        pass

    before = signal.signal(standard.SIGUSR2, handler)
    try:
        assert signal.getsignal(standard.SIGUSR2) is handler is standard.getsignal(standard.SIGUSR2)
    finally:
        assert signal.signal(standard.SIGUSR2, before) is handler
    with pytest.raises(TypeError):
        signal.signal(standard.SIGUSR2, "no handler")
    with pytest.raises(ValueError):
        signal.signal(1000, handler)


def test_child_handlers_are_seen_as_set():
    def handler(signum, frame):
        pass

    before = signal.signal(standard.SIGCHLD, handler)
    assert signal.getsignal(standard.SIGCHLD) is handler
    assert signal.signal(standard.SIGCHLD, before) is handler
    assert signal.getsignal(standard.SIGCHLD) == before


def test_handler_runs_while_the_hub_sleeps():
    status, output = run_code(
        """
        import os, signal, threading, time
        def handler(signum, frame):
            print("handled")
        signal.signal(signal.SIGUSR1, handler)
        def send():
            monkey.get_original("time", "sleep")(0.05)
            os.kill(os.getpid(), signal.SIGUSR1)
        monkey.get_original("_thread", "start_new_thread")(send, ())
        began = time.monotonic()
        class Stop(Exception): pass
        def stop(signum, frame): raise Stop
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try: time.sleep(30)
        except Stop: print("stopped", time.monotonic() - began < 20)
        """
    )
    lines = output.splitlines()  # with the hub's report of Stop in between
    assert (status, lines[0], lines[-1]) == (0, "handled", "stopped True")


def test_interrupt_ends_a_sleeping_program():
    status, output = run_code(
        """
        import os, signal, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        monkey.get_original("_thread", "start_new_thread")(
            lambda: (monkey.get_original("time", "sleep")(0.05), os.kill(os.getpid(), signal.SIGINT)), ())
        try: time.sleep(30)
        except KeyboardInterrupt: print("interrupted")
        """
    )
    assert (status, output.splitlines()[-1]) == (0, "interrupted")  # after the hub's report


def test_wakeup_descriptor_stays_the_programs():
    check_code(
        """
        import os, signal, gevent
        r, w = os.pipe()
        os.set_blocking(w, False)
        signal.signal(signal.SIGUSR1, lambda *args: None)
        signal.set_wakeup_fd(w)
        os.kill(os.getpid(), signal.SIGUSR1)
        gevent.sleep(0.001)
        print(os.read(r, 10) == bytes([signal.SIGUSR1]))
        """,
        "True",
    )


assert gevent.signal is signal

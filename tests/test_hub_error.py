"""What the hub does with errors, with waits that cannot end, and with switches that nobody asked for."""

import re
import sys
import threading
import time

import pytest

import gevent
import greenlet
from gevent import get_hub
from gevent.event import Event
from gevent.exceptions import BlockingSwitchOutError, InvalidSwitchError, LoopExit
from gevent.hub import Hub, Waiter
from threads import in_thread


class Raised(Exception):
    pass


# Errors


@pytest.mark.parametrize("where", ["class", "object"])
def test_handle_error_is_replaceable(monkeypatch, where):
    hub = get_hub()
    seen = []
    if where == "class":
        monkeypatch.setattr(Hub, "handle_error", lambda self, *args: seen.append(args))
    else:
        monkeypatch.setattr(hub, "handle_error", lambda *args: seen.append(args), raising=False)
    callback = hub.loop.run_callback(lambda: 1 / 0)
    gevent.sleep(0)
    failing = gevent.spawn(lambda: 1 / 0)
    failing.join()
    assert [args[0] for args in seen] == [callback, failing]
    assert [args[1] for args in seen] == [ZeroDivisionError] * 2
    assert all(args[2].__traceback__ is args[3] for args in seen)


@pytest.mark.parametrize("where", ["class", "object"])
def test_not_errors_are_not_printed(monkeypatch, capsys, where):
    owner = Hub if where == "class" else get_hub()
    monkeypatch.setattr(owner, "NOT_ERROR", (*Hub.NOT_ERROR, Raised))

    def fail():
        raise Raised

    gevent.spawn(fail).join()
    get_hub().loop.run_callback(fail)
    gevent.sleep(0)
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    gevent.spawn(fail).join()
    assert "Raised" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["class", "object"])
def test_system_errors_are_raised_in_main(monkeypatch, capsys, where):
    owner = Hub if where == "class" else get_hub()
    monkeypatch.setattr(owner, "SYSTEM_ERROR", Raised)
    get_hub().loop.run_callback(lambda: (_ for _ in ()).throw(Raised))
    with pytest.raises(Raised):
        gevent.sleep(1)

    def fail():
        raise Raised

    gevent.spawn(fail)
    with pytest.raises(Raised):
        gevent.sleep(1)


def test_system_exit_in_a_greenlet_ends_main_silently(capsys):
    gevent.spawn(sys.exit, 7)
    with pytest.raises(SystemExit) as caught:
        gevent.sleep(1)
    assert caught.value.code == 7
    assert capsys.readouterr().err == ""


def test_after_a_system_error_the_failed_greenlet_s_links_are_served():
    served = []
    exiting = gevent.spawn(sys.exit)
    exiting.link(served.append)
    with pytest.raises(SystemExit):
        gevent.sleep(1)
    gevent.sleep(0)
    assert served == [exiting]


def test_an_error_without_a_context_is_raised_in_main(no_tracebacks):
    get_hub().loop.run_callback(get_hub().handle_error, None, Raised, Raised(1), None)
    with pytest.raises(Raised):
        gevent.sleep(1)


def test_a_system_error_reported_by_another_thread_reaches_main(no_tracebacks):
    hub = get_hub()
    thread = threading.Thread(target=hub.handle_error, args=("elsewhere", SystemError, SystemError("x"), None))
    thread.start()
    with pytest.raises(SystemError):
        gevent.sleep(10)
    thread.join()


def test_an_error_of_a_replaced_handle_error_does_not_end_the_hub(monkeypatch, capsys):
    def handle(*args):
        raise Raised

    monkeypatch.setattr(get_hub(), "handle_error", handle, raising=False)
    failing = gevent.spawn(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.get()
    gevent.sleep(0)
    assert "Raised" in capsys.readouterr().err


def test_what_is_printed_names_the_context(capsys):
    get_hub().handle_error("the context", Raised, Raised("why"), None)
    printed = capsys.readouterr().err
    assert "Raised: why" in printed and "the context failed with Raised" in printed


# Waiting for what never comes


def test_loop_exit_tells_who_waits_for_what():
    event = Event()
    waiting = gevent.spawn(event.wait)
    waiting.name = "a-waiting-one"
    with pytest.raises(LoopExit) as caught:
        gevent.event.AsyncResult().get()
    assert caught.value.hub is get_hub()
    text = str(caught.value)
    assert "block forever" in text
    assert "a-waiting-one" in text and repr(event) in text and "AsyncResult" in text
    event.set()
    waiting.join()


def test_loop_exit_of_many_lists_some():
    event = Event()
    waiting = [gevent.spawn(event.wait) for _ in range(500)]
    with pytest.raises(LoopExit) as caught:
        gevent.event.AsyncResult().get()
    text = str(caught.value)
    assert 50 < len(text.splitlines()) < 150 and re.search(r"and \d+ more", text)
    event.set()
    gevent.joinall(waiting)


def test_loop_exit_is_raised_again_and_the_hub_goes_on():
    for _ in range(3):
        with pytest.raises(LoopExit):
            get_hub().switch()
    assert gevent.spawn(lambda: 1).get() == 1


def test_loop_exit_of_another_thread_is_raised_there():
    def work():
        with pytest.raises(LoopExit):
            get_hub().switch()
        get_hub().destroy()

    in_thread(work)


def test_what_does_not_count_does_not_keep_the_hub_waiting():
    loop = get_hub().loop
    with loop.timer(10, ref=False) as timer, loop.async_(ref=False) as async_:
        timer.start(int)
        async_.start(int)
        with pytest.raises(LoopExit):
            get_hub().switch()
    sleeper = gevent.spawn(gevent.sleep, 10, ref=False)
    with pytest.raises(LoopExit):
        get_hub().switch()
    sleeper.kill()


def test_what_another_thread_will_provide_is_no_deadlock():
    loop = get_hub().loop
    waiter = Waiter()
    loop.ref()
    thread = threading.Thread(target=lambda: (time.sleep(0.01), loop.run_callback_threadsafe(waiter.switch, 6)))
    thread.start()
    assert waiter.get() == 6
    loop.unref()
    thread.join()
    with pytest.raises(LoopExit):
        get_hub().switch()


def test_unref_without_ref_is_refused():
    def work():
        with pytest.raises(ValueError):
            get_hub().loop.unref()
        get_hub().destroy()

    in_thread(work)


def test_an_event_shared_by_threads_is_no_deadlock():
    event, back = Event(), Event()

    def work():
        event.wait()
        back.set()
        get_hub().destroy()

    thread = threading.Thread(target=work)
    thread.start()
    while not event.linkcount():
        time.sleep(0.0001)
    event.set()
    assert back.wait(10)
    thread.join()


def test_an_async_watcher_is_no_deadlock():
    loop = get_hub().loop
    with loop.async_() as async_:
        seen = []
        async_.start(seen.append, 1)
        waiting = Event()
        async_.callback = lambda *args: (seen.append(args), waiting.set())
        thread = threading.Thread(target=async_.send)
        thread.start()
        waiting.wait()
        thread.join()
    assert seen == [(1,)]


def test_the_threadpool_is_no_deadlock():
    assert get_hub().threadpool.apply(time.sleep, (0.001,)) is None


# Switches that nobody asked for


def test_a_stray_switch_is_an_error(no_tracebacks):
    parked = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)
    get_hub().loop.run_callback(parked.switch, "stray")
    with pytest.raises(InvalidSwitchError, match="stray"):
        parked.get()


def test_a_stray_switch_into_hub_wait(no_tracebacks):
    timer = get_hub().loop.timer(10)
    parked = gevent.spawn(get_hub().wait, timer)
    gevent.sleep(0)
    get_hub().loop.run_callback(parked.switch, "stray")
    with pytest.raises(InvalidSwitchError, match="stray"):
        parked.get()
    assert not timer.active


def test_a_throw_into_a_waiting_greenlet(no_tracebacks):
    event = Event()
    parked = gevent.spawn(event.wait)
    gevent.sleep(0)
    get_hub().loop.run_callback(parked.throw, Raised)
    with pytest.raises(Raised):
        parked.get()
    assert event.linkcount() == 0


@pytest.mark.parametrize(
    "block",
    [
        lambda: gevent.sleep(0),
        lambda: gevent.sleep(1),
        lambda: Event().wait(),
        lambda: gevent.spawn(int).join(),
        lambda: get_hub().switch(),
        lambda: get_hub().wait(get_hub().loop.timer(1)),
    ],
)
def test_blocking_in_the_hub_is_refused(monkeypatch, block):
    seen = []
    monkeypatch.setattr(get_hub(), "handle_error", lambda *args: seen.append(args[1]), raising=False)
    get_hub().loop.run_callback(block)
    gevent.sleep(0)
    gevent.sleep(0)
    assert seen == [BlockingSwitchOutError]


def test_throwing_into_the_dead():
    dead = gevent.spawn(int)
    dead.join()
    assert dead.throw(Raised) is None and dead.value == 0
    raw = greenlet.greenlet(lambda: None)
    raw.switch()
    with pytest.raises(Raised):
        raw.throw(Raised)
    assert raw.switch() == ()


def test_switching_into_another_thread_is_refused():
    here = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)

    def work():
        for call in (here.switch, here.throw, get_hub().parent.switch):
            if call.__self__ is greenlet.getcurrent():
                continue
            with pytest.raises(greenlet.error):
                call()
        get_hub().destroy()

    in_thread(work)
    assert not here.dead
    here.kill()


def test_the_hub_of_another_thread_cannot_be_switched_to():
    hub = get_hub()

    def work():
        with pytest.raises(greenlet.error):
            hub.switch()

    in_thread(work)

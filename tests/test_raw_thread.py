"""Raw greenlets and native threads."""

import gc
import sysconfig
import threading
import weakref

import greenlet
import pytest
from greenlet import GreenletExit, getcurrent
from greenlet import greenlet as Greenlet
from greenlets import Oops, bounce, started
from threads import in_thread

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def test_switch_to_another_thread_is_refused():
    g = started()
    main = getcurrent()

    def other():
        for target in (g, main):
            with pytest.raises(greenlet.error, match="different thread"):
                target.switch()
            with pytest.raises(greenlet.error, match="different thread"):
                target.throw(Oops)
        return True

    assert in_thread(other)
    assert g.switch(1) == 1


def test_greenlet_of_an_exited_thread():
    g = in_thread(started)
    assert g.dead and not g
    assert "(thread exited) dead" in repr(g)
    with pytest.raises(greenlet.error, match="which happens to have exited"):
        g.switch()
    with pytest.raises(greenlet.error, match="which happens to have exited"):
        g.throw(Oops)


def test_main_greenlet_of_an_exited_thread():
    main = in_thread(getcurrent)
    assert main.dead
    with pytest.raises(greenlet.error, match="which happens to have exited"):
        main.switch()


def test_greenlet_made_in_an_exited_thread():
    g = in_thread(lambda: Greenlet(bounce))
    with pytest.raises(greenlet.error, match="which happens to have exited"):
        g.switch()
    g.parent = getcurrent()
    assert g.switch() is None
    assert g.switch(1) == 1


def test_locals_of_an_exited_threads_greenlet_are_released():
    class Thing:
        pass

    refs = []

    def park():
        local = Thing()
        refs.append(weakref.ref(local))
        getcurrent().parent.switch()
        return local

    g = in_thread(lambda: started(park))
    assert refs[0]() is not None
    del g
    gc.collect()
    assert refs[0]() is None


def test_frame_of_an_exited_threads_greenlet_outlives_it():
    def park():
        local = "value"
        getcurrent().parent.switch()
        return local

    g = in_thread(lambda: started(park))
    frame = g.gr_frame
    del g
    for _ in range(20):
        started(park)
    assert frame.f_locals["local"] == "value"


def test_greenlet_dropped_by_another_thread_is_killed_by_its_own():
    def park():
        try:
            getcurrent().parent.switch()
        except GreenletExit:
            killed_in.append(threading.get_ident())

    killed_in = []
    holder = [started(park)]
    in_thread(holder.clear)
    if not FREE_THREADED:  # there the reference itself goes back to its thread
        assert killed_in == []
        assert greenlet._greenlet.get_pending_cleanup_count() == 1
    getcurrent()
    assert killed_in == [threading.get_ident()]
    assert greenlet._greenlet.get_pending_cleanup_count() == 0


def test_main_greenlets_go_with_their_threads():
    before = greenlet._greenlet.get_total_main_greenlets()
    for _ in range(5):
        in_thread(lambda: started().switch())
    gc.collect()
    assert greenlet._greenlet.get_total_main_greenlets() <= before  # those of other tests may go meanwhile


def test_getcurrent_while_the_threads_state_is_cleared():
    """Late: the thread's own record is gone by then."""

    class Last:
        def __del__(self):
            seen.append((getcurrent(), Greenlet(lambda: 5).switch()))

    def use():
        greenlet._greenlet.set_thread_local("before", Last())
        getcurrent()
        greenlet._greenlet.set_thread_local("after", Last())

    seen = []
    in_thread(use)
    assert [result for _, result in seen] == [5, 5]
    seen.clear()
    in_thread(getcurrent)
    assert greenlet._greenlet.get_pending_cleanup_count() == 0


def test_many_threads_switch():
    def work():
        g = started()
        return [g.switch(i) for i in range(2000)]

    results = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [list(range(2000))] * 8

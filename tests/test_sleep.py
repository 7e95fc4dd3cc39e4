"""gevent.sleep()."""

import time

import pytest

import gevent


@pytest.mark.parametrize("seconds", [-1, -0.5, float("-inf"), 0, 0.0, False])
def test_sleep_of_nothing_lets_the_others_run(seconds):
    seen = []
    gevent.spawn(seen.append, 1)
    gevent.sleep(seconds)
    assert seen == [1]


@pytest.mark.parametrize(
    "wrong, error", [(float("nan"), ValueError), (None, TypeError), ("1", TypeError), ([], TypeError), (1j, TypeError)]
)
def test_sleep_refuses_what_is_no_time(wrong, error):
    with pytest.raises(error):
        gevent.sleep(wrong)


def test_sleep_of_more_than_a_float_holds():
    with pytest.raises(OverflowError):
        gevent.sleep(10**400)


def test_sleep_arguments():
    gevent.sleep(seconds=0)
    gevent.sleep(0, ref=True)
    gevent.sleep(0, False)
    for call in (
        lambda: gevent.sleep(0, True, 1),
        lambda: gevent.sleep(0, seconds=0),
        lambda: gevent.sleep(0, True, ref=True),
        lambda: gevent.sleep(second=0),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 2**62])
def test_sleep_for_ever_can_be_ended(seconds):
    sleeping = gevent.spawn(gevent.sleep, seconds)
    gevent.sleep(0.001)
    assert not sleeping.ready()
    sleeping.kill()
    assert sleeping.ready()


def test_sleep_never_ends_early():
    early = []

    def work(seconds):
        for _ in range(20):
            begin = time.monotonic()
            gevent.sleep(seconds)
            if time.monotonic() - begin < seconds:
                early.append(seconds)

    gevent.joinall([gevent.spawn(work, seconds) for seconds in (0.0001, 0.0005, 0.001, 0.0015, 0.0029)])
    assert early == []


def test_sleeps_shorter_than_a_millisecond():
    """The system's clock decides, not libuv's: the quickest of many is no multiple of a millisecond."""
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        gevent.sleep(0.0002)
        taken.append(time.perf_counter() - start)
    assert 0.0002 <= min(taken) < 0.001

"""Channel."""

import weakref

import greencore
import pytest
from greencore.queue import Channel, Empty, Full
from hubs import in_hub


class TestChannel:
    def test_subclass_with_methods_of_its_own(self):
        class Echo(Channel):
            def put(self, item, block=True, timeout=None):
                calls.append((item, block))

            def get(self, block=True, timeout=None):
                return "item" if block else "none"

        calls, channel = [], Echo()
        channel.put_nowait(1)
        assert calls == [(1, False)]
        assert channel.get_nowait() == "none" and next(channel) == "item"

    def test_hand_over(self, log):
        channel = Channel()

        def get():
            for _ in range(2):
                log.append(("got", channel.get()))

        getter = greencore.spawn(get)
        for item in "ab":
            log.append(("putting", item))
            channel.put(item)
        getter.join()
        assert log == [("putting", "a"), ("got", "a"), ("putting", "b"), ("got", "b")]

    def test_looks_full_and_empty(self):
        channel = Channel()
        assert channel.qsize() == 0 and channel.empty() and channel.full() and channel.balance == 0

    def test_nobody_there(self):
        channel = Channel()
        for get in (channel.get_nowait, lambda: channel.get(False), lambda: channel.get(timeout=0.001)):
            with pytest.raises(Empty):
                get()
        for put in (channel.put_nowait, lambda item: channel.put(item, False), lambda item: channel.put(item, timeout=0.001)):
            with pytest.raises(Full):
                put(1)
        assert channel.balance == 0

    def test_nowait_meets_who_waits(self):
        channel = Channel()
        getter = greencore.spawn(channel.get)
        greencore.sleep(0)
        assert channel.balance == -1 and channel.getters == [getter]
        channel.put_nowait(1)
        assert getter.get() == 1
        putter = greencore.spawn(channel.put, 2)
        greencore.sleep(0)
        assert channel.get_nowait() == 2
        putter.join()

    def test_hub(self):
        channel = Channel()
        assert isinstance(in_hub(channel.put, 1), Full)
        assert isinstance(in_hub(channel.get_nowait), Empty)
        getter = greencore.spawn(channel.get)
        greencore.sleep(0)
        assert in_hub(channel.put, 1) is None
        assert getter.get() == 1
        putter = greencore.spawn(channel.put, 2)
        greencore.sleep(0)
        assert in_hub(channel.get) == 2
        putter.join()

    def test_killed(self):
        channel = Channel()
        putters = [greencore.spawn(channel.put, n) for n in range(2)]
        greencore.sleep(0)
        putters[0].kill()
        assert channel.get() == 1
        putters[1].join()

    def test_in_order(self, log):
        channel = Channel()
        getters = [greencore.spawn(lambda n=n: log.append((n, channel.get()))) for n in range(3)]
        greencore.sleep(0)
        for item in "abc":
            channel.put(item)
        greencore.joinall(getters)
        assert log == [(0, "a"), (1, "b"), (2, "c")]

    def test_iteration(self):
        channel = Channel()
        greencore.spawn(lambda: [channel.put(item) for item in (1, 2, StopIteration)])
        assert list(channel) == [1, 2]

    def test_maxsize(self):
        with pytest.raises(ValueError):
            Channel(2)
        assert weakref.ref(channel := Channel(1))() is channel

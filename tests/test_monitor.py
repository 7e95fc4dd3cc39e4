"""The monitoring thread and its events."""

import io
import os
from _thread import get_ident

import pytest
from greenlet import gettrace

import gevent
from gevent import _monitor as monitor
from gevent import config, events


class FakeHub:
    def __init__(self):
        self.thread_ident = get_ident()
        self.exception_stream = io.StringIO()
        self.dead = False
        self.errors = []

    def __bool__(self):
        return not self.dead

    def handle_error(self, context, kind, value, tb):
        self.errors.append(kind)


class Process:
    def __init__(self):
        self.rss = 0

    def memory_full_info(self):
        return self


@pytest.fixture
def hub():
    return FakeHub()


@pytest.fixture
def thread(hub, monkeypatch):
    """A monitor without a native thread: the tests run it."""
    monkeypatch.setattr(monitor, "start_new_thread", lambda function, args: 1234)
    monkeypatch.setattr(monitor, "thread_sleep", lambda seconds: None)
    made = monitor.PeriodicMonitoringThread(hub)
    yield made
    made.kill()
    assert gettrace() is None


@pytest.fixture
def published():
    seen = []
    events.subscribers.append(seen.append)
    yield seen
    events.subscribers.remove(seen.append)


def test_a_blocked_hub_is_reported(thread, hub, published):
    tracer = thread._greenlet_tracer
    assert gettrace() is tracer
    assert thread.monitor_blocking(hub) is None
    culprit = object()
    tracer("switch", (None, culprit))
    assert thread.monitor_blocking(hub) is None
    greenlet, report = thread.monitor_blocking(hub)
    assert greenlet is culprit and published[0].greenlet is culprit and published[0].hub is hub
    assert "appears to be blocked" in hub.exception_stream.getvalue()
    assert any("Blocked Stack" in line for line in report)
    thread.ignore_current_greenlet_blocking()
    assert thread.monitor_blocking(hub) is None
    thread.monitor_current_greenlet_blocking()
    assert thread.monitor_blocking(hub)[0] is gevent.getcurrent()


def test_reports_can_be_quiet(thread, hub, published):
    before = config.print_blocking_reports
    config.print_blocking_reports = False
    try:
        thread.monitor_current_greenlet_blocking()
        assert thread.monitor_blocking(hub)
    finally:
        config.print_blocking_reports = before
    assert hub.exception_stream.getvalue() == "" and len(published) == 1


def test_functions(thread):
    def function(hub):
        pass

    for wrong in ((None, 1), (function, 0), (function, -1)):
        with pytest.raises(ValueError):
            thread.add_monitoring_function(*wrong)
    thread.add_monitoring_function(function, 1)
    assert [entry.period for entry in thread.monitoring_functions()] == [config.max_blocking_time, 1]
    thread.add_monitoring_function(function, 0.05)
    assert [entry.period for entry in thread.monitoring_functions()] == [config.max_blocking_time, 0.05]
    assert thread.calculate_sleep_time() == 0.05
    thread.add_monitoring_function(function, None)
    assert len(thread.monitoring_functions()) == 1


def test_it_ends_with_its_hub(thread, hub):
    def function(hub):
        calls.append(hub)
        hub.dead = True

    calls = []
    thread.add_monitoring_function(function, 0.0001)
    thread()
    assert calls == [hub] and not thread.should_run and gettrace() is None


def test_errors_go_to_the_hub(thread, hub):
    thread.add_monitoring_function(lambda hub: 1 // 0, 0.0001)
    thread()
    assert hub.errors == [ZeroDivisionError]


def test_memory(thread, published):
    process = Process()
    thread._get_process = lambda: process
    assert thread.can_monitor_memory_usage()
    before = config.max_memory_usage
    try:
        config.max_memory_usage = None
        assert thread.monitor_memory_usage(None) == -1
        config.max_memory_usage = 10
        kinds = []
        for process.rss in (5, 11, 11, 12, 10, 9, 20):
            event = thread.monitor_memory_usage(None)
            kinds.append(event and type(event).__name__)
    finally:
        config.max_memory_usage = before
    more, less = "MemoryUsageThresholdExceeded", "MemoryUsageUnderThreshold"
    assert kinds == [None, more, None, more, less, None, more]
    assert published[2].max_memory_usage == 12 and "used=10 max=10" in repr(published[2])


def test_memory_without_psutil(thread):
    thread._get_process = lambda: None
    with pytest.warns(monitor.MonitorWarning):
        thread.install_monitor_memory_usage()
    assert len(thread.monitoring_functions()) == 1


def test_fork_starts_it_again(thread):
    thread.pid = -1
    thread._on_fork()
    assert thread.pid == os.getpid()


def test_the_hubs_own(published):
    hub = gevent.get_hub()
    assert hub.start_periodic_monitoring_thread() is None
    config.monitor_thread = True
    try:
        thread = hub.start_periodic_monitoring_thread()
        assert hub.start_periodic_monitoring_thread() is thread
        assert thread.hub is hub and published[0].monitor is thread
        assert repr(hub) in repr(thread)
    finally:
        config.monitor_thread = False
        thread.kill()
        hub.periodic_monitoring_thread = None


def test_entry_points(monkeypatch, published):
    class Plugin:
        def load(self):
            return called.append

    called = []
    monkeypatch.setattr(events, "have_plugins", lambda: True)
    monkeypatch.setattr(events, "plugins", {events.GeventWillPatchAllEvent.ENTRY_POINT_NAME: [Plugin()]}.get)
    event = events.GeventWillPatchAllEvent({"socket": True}, {"extra": 1})
    events.notify_and_call_entry_points(event)
    assert published == called == [event]
    assert event.will_patch_module("socket") and event.will_patch_module("nothing") is None
    event.patch_all_arguments.clear()
    assert event.patch_all_arguments == {"socket": True} and event.patch_all_kwargs == {"extra": 1}
    assert "GeventWillPatchAllEvent {'socket': True}" in repr(event)


def test_interfaces():
    verify = pytest.importorskip("zope.interface.verify")
    for name in events.__all__:
        if name.startswith("I") and name[1:] in events.__all__:
            verify.verifyClass(getattr(events, name), getattr(events, name[1:]), tentative=True)

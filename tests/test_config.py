"""Settings, and the environment variables behind them."""

import os
import subprocess
import sys

import pytest

from gevent import _config
from gevent._config import Config, Setting, config, validate_bool

DEFAULTS = {
    "ares_flags": ("GEVENTARES_FLAGS", None),
    "ares_ndots": ("GEVENTARES_NDOTS", None),
    "ares_servers": ("GEVENTARES_SERVERS", None),
    "ares_tcp_port": ("GEVENTARES_TCP_PORT", None),
    "ares_timeout": ("GEVENTARES_TIMEOUT", None),
    "ares_tries": ("GEVENTARES_TRIES", None),
    "ares_udp_port": ("GEVENTARES_UDP_PORT", None),
    "disable_watch_children": ("GEVENT_NOWAITPID", False),
    "fileobject": ("GEVENT_FILE", ["posix", "thread"]),
    "fork_keeps_greenlets": ("GREENCORE_FORK_KEEPS_GREENLETS", False),
    "format_context": ("GEVENT_FORMAT_CONTEXT", "pprint.saferepr"),
    "libev_backend": ("GEVENT_BACKEND", None),
    "loop": ("GEVENT_LOOP", ["libev-cext", "libev-cffi", "libuv-cffi"]),
    "max_blocking_time": ("GEVENT_MAX_BLOCKING_TIME", 0.1),
    "max_memory_usage": ("GEVENT_MONITOR_MEMORY_MAX", None),
    "memory_monitor_period": ("GEVENT_MONITOR_MEMORY_PERIOD", 5),
    "monitor_thread": ("GEVENT_MONITOR_THREAD_ENABLE", False),
    "print_blocking_reports": ("GEVENT_MONITOR_PRINT_BLOCKING_REPORTS", True),
    "resolver": ("GEVENT_RESOLVER", ["ares", "thread", "dnspython", "block"]),
    "resolver_nameservers": ("GEVENT_RESOLVER_NAMESERVERS", None),
    "resolver_timeout": ("GEVENT_RESOLVER_TIMEOUT", None),
    "stack_size": ("GREENCORE_STACK_SIZE", None),
    "threadpool": ("GEVENT_THREADPOOL", "greencore.threadpool.ThreadPool"),
    "threadpool_idle_task_timeout": ("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT", 5.0),
    "trace_malloc": ("PYTHONTRACEMALLOC", False),
    "track_greenlet_tree": ("GEVENT_TRACK_GREENLET_TREE", True),
}


def test_names_variables_and_defaults():
    found = {name: (setting.environment_key, setting.default) for name, setting in config.settings.items()}
    assert found == DEFAULTS
    assert sorted(dir(config)) == sorted(DEFAULTS)


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("track_greenlet_tree", "no", False),
        ("monitor_thread", "ON", True),
        ("max_blocking_time", "0.5", 0.5),
        ("max_memory_usage", "2mb", 2 << 20),
        ("max_memory_usage", "3GB", 3 << 30),
        ("max_memory_usage", "1024", 1024),
        ("resolver_nameservers", "1.1.1.1,8.8.8.8", ["1.1.1.1", "8.8.8.8"]),
        ("ares_servers", "1.1.1.1,8.8.8.8", "1.1.1.1,8.8.8.8"),
        ("ares_timeout", "1.5", 1.5),
        ("ares_ndots", "0", 0),
        ("libev_backend", "select", "select"),
        ("threadpool_idle_task_timeout", "-1", -1.0),
        ("trace_malloc", "5", 5),
        ("format_context", "builtins.repr", repr),
    ],
)
def test_environment(monkeypatch, name, text, value):
    monkeypatch.setenv(DEFAULTS[name][0], text)
    fresh = Config()
    assert getattr(fresh, name) == value
    monkeypatch.delenv(DEFAULTS[name][0])
    assert getattr(fresh, name) == value


@pytest.mark.parametrize(
    "name, value",
    [
        ("max_blocking_time", -1),
        ("max_memory_usage", -5),
        ("resolver_timeout", "-2"),
        ("monitor_thread", "perhaps"),
        ("max_memory_usage", "much"),
        ("resolver", 5),
        ("threadpool", None),
    ],
)
def test_invalid_values(name, value):
    fresh = Config()
    before = getattr(fresh, name)
    with pytest.raises((ValueError, TypeError)):
        setattr(fresh, name, value)
    assert getattr(fresh, name) == before


def test_unknown_names():
    with pytest.raises(AttributeError):
        config.no_such_setting
    with pytest.raises(AttributeError):
        config.set("no_such_setting", 1)


@pytest.mark.parametrize("value, valid", [("1", True), (" Yes ", True), ("off", False), ("", False), (5, True), (None, False)])
def test_bool(value, valid):
    assert validate_bool(value) is valid
    with pytest.raises(ValueError):
        validate_bool("hmm")
    with pytest.raises(ValueError):
        _config.validate_invalid(value)


def test_importable_settings():
    fresh = Config()
    fresh.format_context = ["no.such.module", "pprint.pformat"]
    assert fresh.format_context.__name__ == "pformat"
    fresh.format_context = len
    assert fresh.format_context is len
    for wrong in ("no.such.module", "pprint.no_such_name", "nodot", "path/to.module", []):
        with pytest.raises(ImportError):
            fresh.format_context = wrong
    options = config.settings["resolver"].get_options()
    assert sorted(options) == ["ares", "block", "dnspython", "thread"]


def test_all_short_names_of_the_loop_are_one():
    loops = set(_config.Loop().get_options().values())
    assert len(loops) == 1 and Config().loop in loops


def test_a_setting_of_ones_own():
    class MyPluginSetting(_config.BoolSettingMixin, Setting):
        desc = "What it is for."
        default = False

    try:
        fresh = Config()
        assert MyPluginSetting.environment_key == "GEVENT_MYPLUGINSETTING"
        assert fresh.mypluginsetting is False
        fresh.mypluginsetting = "yes"
        assert fresh.mypluginsetting is True
        assert "What it is for." in MyPluginSetting.__doc__ and "GEVENT_MYPLUGINSETTING" in MyPluginSetting.__doc__
    finally:
        _config.ALL_SETTINGS.remove(MyPluginSetting)


def test_help():
    program = "from gevent import config; config.print_help()"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    assert all(key in out.stdout for key, _ in DEFAULTS.values())


def test_tracking_is_off_where_the_environment_says_so():
    program = "import gevent; print(gevent.Greenlet().spawning_greenlet)"
    out = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "GEVENT_TRACK_GREENLET_TREE": "0"},
    )
    assert out.stdout == "None\n", out.stderr

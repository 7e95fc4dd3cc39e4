"""Settings. Each has a name, a default and an environment variable; `greencore.config` holds them all.

A value is worked out when it is first read: what the program assigned, else the environment's, else
the default. Assign before the part that needs the setting is used. `config.print_help()` prints them all.
"""

import importlib
import os
from collections.abc import Callable

__all__ = ["config"]

ALL_SETTINGS = []


def validate_invalid(value):
    """Raise ValueError: no value is valid."""
    raise ValueError("Not a valid value: %r" % (value,))


def validate_bool(value):
    """Return True or False. Text is ``1``, ``true``, ``on``, ``yes`` or ``0``, ``false``, ``off``, ``no``, or empty: False.

    Raises ValueError for other text.
    """
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("1", "true", "on", "yes"):
            return True
        if word in ("", "0", "false", "off", "no"):
            return False
        raise ValueError("Invalid boolean string: %r" % (value,))
    return bool(value)


def validate_anything(value):
    """Return `value`: every value is valid."""
    return value


convert_str_value_as_is = validate_anything


class Setting:
    """One setting. A subclass is a kind of setting, an instance holds a value; `desc` says what it means."""

    name = ""
    environment_key = ""
    default: object = None
    #: The setting's place among all.
    order = 0
    #: Short names of values that are imported, and what they stand for.
    shortname_map: dict[str, str] = {}
    #: Whether the setting is documented.
    document = True
    desc = ""
    #: What values the setting takes.
    values = ""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "name" not in own:
            cls.name = cls.__name__.lower()
        if "environment_key" not in own:
            cls.environment_key = "GEVENT_" + cls.name.upper()
        cls.order = len(ALL_SETTINGS)
        cls.desc = cls.__doc__ = cls._describe("\n".join(map(str.strip, own.get("desc", "").strip().splitlines())))
        ALL_SETTINGS.append(cls)

    @classmethod
    def _describe(cls, desc):
        parts = [desc, cls.values]
        if cls.shortname_map:
            parts.append("Short names: %s." % ", ".join("``%s``" % name for name in cls.shortname_map))
        parts.append("Default: ``%r``. Environment: ``%s``." % (cls.default, cls.environment_key))
        return "\n\n".join(part for part in parts if part)

    validate = staticmethod(validate_invalid)

    def _convert(self, value):
        return value.split(",") if isinstance(value, str) else value

    def get(self):
        """Return the value; the first call may raise what validation raises."""
        if "value" not in self.__dict__:
            self.value = self.validate(self._convert(os.environ.get(self.environment_key, self.default)))
        return self.value

    def set(self, value):
        """Set the value, given as the program or the environment would. Raises ValueError or ImportError."""
        self.value = self.validate(self._convert(value))


def make_settings():
    """Return a new instance of each setting, by name."""
    return {kind.name: kind() for kind in ALL_SETTINGS}


class Config:
    """All settings, as attributes."""

    def __init__(self):
        self.settings = make_settings()

    def _setting(self, name):
        try:
            return self.settings[name]
        except KeyError:
            raise AttributeError("No configuration setting for: %r" % (name,)) from None

    def __getattr__(self, name):
        if name == "settings":  # while unpickling or copying
            raise AttributeError(name)
        return self._setting(name).get()

    def __setattr__(self, name, value):
        if name != "settings" and name in self.settings:
            self.set(name, value)
        else:
            super().__setattr__(name, value)

    def set(self, name, value):
        """Set one setting by name. AttributeError: there is no such setting."""
        self._setting(name).set(value)

    def __dir__(self):
        return list(self.settings)

    def print_help(self):
        """Print every setting's description."""
        import re
        import textwrap

        for name, setting in self.settings.items():
            print(name)
            for paragraph in setting.__doc__.split("\n\n"):
                # A paragraph whose lines are indented, a list, is printed as it is.
                whole = paragraph if re.search(r"^[ *-]", paragraph, re.MULTILINE) else textwrap.fill(paragraph, 110)
                print(textwrap.indent(whole, "    "))
                print()


class ImportableSetting:
    """A setting whose value is an object to import."""

    name: str
    shortname_map: dict[str, str]
    values = (
        "An object, the dotted name of one, or a list of such names (separated by commas in the environment), of "
        "which the first that can be imported counts."
    )

    def _import_one_of(self, candidates):
        if not candidates:
            raise ImportError("Cannot import from empty list")
        for candidate in candidates[:-1]:
            try:
                return self._import_one(candidate)
            except ImportError:
                continue
        return self._import_one(candidates[-1])

    def _import_one(self, path):
        if not isinstance(path, str):
            return path
        if "." not in path or "/" in path:
            raise ImportError(
                "Cannot import %r: neither package.module.name nor one of %r" % (path, list(self.shortname_map))
            )
        module_name, name = path.rsplit(".", 1)
        module = importlib.import_module(module_name)
        try:
            return getattr(module, name)
        except AttributeError:
            raise ImportError("Cannot import %r from %r" % (name, module)) from None

    def validate(self, value):
        if isinstance(value, (str, list, tuple)):
            names = [value] if isinstance(value, str) else value
            return self._import_one_of([self.shortname_map.get(name, name) for name in names])
        if not callable(value):
            raise TypeError("%s needs what can be called, or the name of it, not %r" % (self.name, value))
        return value

    def get_options(self):
        """Return what each short name stands for: the object, or the ImportError that it gives."""
        options = {}
        for short, path in self.shortname_map.items():
            try:
                options[short] = self._import_one(path)
            except ImportError as error:
                options[short] = error
        return options


class BoolSettingMixin:
    """A setting that is true or false."""

    values = (
        "True or false; in the environment ``1``, ``true``, ``on`` or ``yes``, and ``0``, ``false``, ``off`` or ``no``."
    )
    validate = staticmethod(validate_bool)
    _convert = staticmethod(convert_str_value_as_is)


class IntSettingMixin:
    """A setting that is a whole number, or None."""

    values = "A whole number, or None."
    validate = staticmethod(validate_anything)

    def _convert(self, value):
        return int(value) if value else None


class FloatSettingMixin:
    """A setting that is a positive number, or None."""

    values = "A number greater than 0, or None."

    def _convert(self, value):
        return float(value) if value else None

    def validate(self, value):
        if value is not None and value <= 0:
            raise ValueError("Must be positive")
        return value


class ByteCountSettingMixin(FloatSettingMixin):
    """A setting that is a number of bytes, or None; as text with a suffix k, m or g, or kb, mb or gb."""

    values = "A number of bytes, as text with a suffix k, m or g (kb, mb, gb), or None."
    _UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

    def _convert(self, value):
        if not value or not isinstance(value, str):
            return value
        text = value.strip().lower()
        short = text.removesuffix("b")
        unit = self._UNITS.get(short[-1:])
        return int(text) if unit is None else int(short[:-1]) * unit


class Resolver(ImportableSetting, Setting):
    desc = "What makes `Hub.resolver`, which answers DNS queries."
    default = ["ares", "thread", "dnspython", "block"]
    shortname_map = {
        "ares": "greencore.resolver.ares.Resolver",
        "thread": "greencore.resolver.thread.Resolver",
        "block": "greencore.resolver.blocking.Resolver",
        "dnspython": "greencore.resolver.dnspython.Resolver",
    }


class Threadpool(ImportableSetting, Setting):
    desc = "What makes `Hub.threadpool`."
    default = "greencore.threadpool.ThreadPool"


class ThreadpoolIdleTaskTimeout(Setting):
    name = "threadpool_idle_task_timeout"
    desc = "Seconds after which an idle thread of the hub's own thread pool ends; -1: never."
    values = "A number."
    default = 5.0

    def _convert(self, value):
        return float(value) if value else None

    validate = staticmethod(validate_anything)


class Loop(ImportableSetting, Setting):
    desc = "The loop's class. There is one, which all short names stand for."
    default = ["libev-cext", "libev-cffi", "libuv-cffi"]
    shortname_map = dict.fromkeys(("libev-cext", "libev-cffi", "libuv-cffi", "libuv"), "greencore.core.loop")


class FormatContext(ImportableSetting, Setting):
    name = "format_context"
    desc = "A function that turns the context of an error that the hub reports into a string."
    default = "pprint.saferepr"


class LibevBackend(Setting):
    name = "libev_backend"
    environment_key = "GEVENT_BACKEND"
    desc = "How the loop watches descriptors. Kept for programs that set it: libuv makes its own choice."
    values = "Anything."
    validate = staticmethod(validate_anything)
    _convert = staticmethod(convert_str_value_as_is)


class FileObject(ImportableSetting, Setting):
    environment_key = "GEVENT_FILE"
    desc = "The kind of `FileObject`."
    default = ["posix", "thread"]
    shortname_map = {
        "thread": "greencore._fileobjectcommon.FileObjectThread",
        "posix": "greencore._fileobjectposix.FileObjectPosix",
        "block": "greencore._fileobjectcommon.FileObjectBlock",
    }


class WatchChildren(BoolSettingMixin, Setting):
    name = "disable_watch_children"
    environment_key = "GEVENT_NOWAITPID"
    desc = "Whether `patch_os` leaves `os.waitpid` as it is. Read once, when `greencore.os` is imported."
    default = False


class TraceMalloc(IntSettingMixin, Setting):
    name = "trace_malloc"
    environment_key = "PYTHONTRACEMALLOC"
    desc = "The number of frames that the interpreter traces allocations with; read here, set in the environment."
    default = False


class TrackGreenletTree(BoolSettingMixin, Setting):
    name = "track_greenlet_tree"
    desc = (
        "Whether a new `Greenlet` notes where it was spawned: `spawning_greenlet`, `spawning_stack` and "
        "`spawn_tree_locals`. Without it spawning is faster."
    )
    default = True

    def set(self, value):
        super().set(value)
        if config.settings.get(self.name) is self:
            from greencore._core import set_track_greenlet_tree

            set_track_greenlet_tree(self.value)


class StackSize(ByteCountSettingMixin, Setting):
    name = "stack_size"
    environment_key = "GREENCORE_STACK_SIZE"
    default = None
    desc = """
    The bytes of machine stack that greenlets get which begin from now on.

    By default as much as the main thread has, so that all code runs in any greenlet. Who has a million greenlets may
    want less, ``65536``, say, but C code is not safe on so little. Too little is raised to what the interpreter needs.
    An attribute `stack_size`, set before its start, does the same for one greenlet.
    """

    def set(self, value):
        super().set(value)
        if config.settings.get(self.name) is self:
            from greencore._core import set_stack_size

            set_stack_size(self.value)


class ForkKeepsGreenlets(BoolSettingMixin, Setting):
    name = "fork_keeps_greenlets"
    environment_key = "GREENCORE_FORK_KEEPS_GREENLETS"
    default = False
    desc = """
    Whether the greenlets of a process go on in a child that it forks, as in real gevent.

    By default only the greenlet that forks does, as only the thread that forks does: otherwise what
    the others do would be done twice.
    """


class MonitorThread(BoolSettingMixin, Setting):
    name = "monitor_thread"
    environment_key = "GEVENT_MONITOR_THREAD_ENABLE"
    desc = (
        "Whether each hub has a native thread beside it that reports when the loop is blocked (see "
        "`max_blocking_time`) or memory grows (see `max_memory_usage`). `Hub.start_periodic_monitoring_thread` "
        "starts one at any time."
    )
    default = False


class MaxBlockingTime(FloatSettingMixin, Setting):
    name = "max_blocking_time"
    desc = (
        "Seconds for which the loop may be blocked before the monitoring thread reports it, roughly. The monitor "
        "uses `greenlet.settrace`; a trace function that replaces it should call it, too."
    )
    default = 0.1


class PrintBlockingReports(BoolSettingMixin, Setting):
    name = "print_blocking_reports"
    environment_key = "GEVENT_MONITOR_PRINT_BLOCKING_REPORTS"
    desc = "Whether the report of a blocked loop is printed. Subscribers get their event anyhow."
    default = True


class MonitorMemoryPeriod(FloatSettingMixin, Setting):
    name = "memory_monitor_period"
    environment_key = "GEVENT_MONITOR_MEMORY_PERIOD"
    desc = "Seconds between the monitoring thread's looks at memory, roughly; the monitor has a lower limit."
    default = 5


class MonitorMemoryMaxUsage(ByteCountSettingMixin, Setting):
    name = "max_memory_usage"
    environment_key = "GEVENT_MONITOR_MEMORY_MAX"
    desc = "Bytes of memory above which the monitoring thread publishes events. None: no limit."


class AresSettingMixin:
    """A setting of c-ares's channel, handed on as it is; `from_text` makes the value of the environment's text."""

    name: str
    get: Callable[[], object]
    document = False
    values = "What `greencore.ares.channel` takes as the argument of that name."
    from_text = staticmethod(str)
    validate = staticmethod(validate_anything)

    def _convert(self, value):
        return self.from_text(value) if isinstance(value, str) else value

    @property
    def kwarg_name(self):
        """The keyword argument of the resolver's channel that the setting is for."""
        return self.name.partition("_")[2]


class AresFlags(AresSettingMixin, Setting):
    name = "ares_flags"
    environment_key = "GEVENTARES_FLAGS"
    from_text = int
    desc = "Flags of c-ares's channel (ARES_FLAG_*), as a number."


class AresTimeout(AresSettingMixin, Setting):
    name = "ares_timeout"
    environment_key = "GEVENTARES_TIMEOUT"
    from_text = float
    document = True
    desc = "Older name of `resolver_timeout`."


class AresTries(AresSettingMixin, Setting):
    name = "ares_tries"
    environment_key = "GEVENTARES_TRIES"
    from_text = int
    desc = "How often the ares resolver asks each server."


class AresNdots(AresSettingMixin, Setting):
    name = "ares_ndots"
    environment_key = "GEVENTARES_NDOTS"
    from_text = int
    desc = "How many dots a name needs to be tried as it is before the search list."


class AresUDPPort(AresSettingMixin, Setting):
    name = "ares_udp_port"
    environment_key = "GEVENTARES_UDP_PORT"
    from_text = int
    desc = "The name servers' UDP port."


class AresTCPPort(AresSettingMixin, Setting):
    name = "ares_tcp_port"
    environment_key = "GEVENTARES_TCP_PORT"
    from_text = int
    desc = "The name servers' TCP port."


class AresServers(AresSettingMixin, Setting):
    name = "ares_servers"
    environment_key = "GEVENTARES_SERVERS"
    document = True
    desc = "Older name of `resolver_nameservers`."


class ResolverNameservers(AresSettingMixin, Setting):
    name = "resolver_nameservers"
    document = True
    desc = "Numeric addresses of the name servers that the ares and dnspython resolvers ask, not the system's."
    values = "A list of strings, or one string with commas; or None."
    _convert = Setting._convert

    @property
    def kwarg_name(self):
        return "servers"


class ResolverTimeout(FloatSettingMixin, AresSettingMixin, Setting):
    name = "resolver_timeout"
    document = True
    desc = (
        "Seconds: with the ares resolver until a server is asked again, with the dnspython resolver for a query in all."
    )

    @property
    def kwarg_name(self):
        return "timeout"


config = Config()


if __name__ == "__main__":
    config.print_help()


def ares_options():
    """Return arguments for c-ares's channel, a dict: those for which a setting has a value."""
    return {
        setting.kwarg_name: value
        for setting in config.settings.values()
        if isinstance(setting, AresSettingMixin) and (value := setting.get()) is not None
    }

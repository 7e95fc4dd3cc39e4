"""Events: objects that are handed to subscribers when something of interest happens.

A subscriber is a function of one argument in the list `subscribers`. With zope.event installed, the list and
`notify` are zope.event's. The interfaces are zope.interface's, and plain classes without it.
"""

from greencore._base.plugins import DoNotPatch, have_plugins, plugins

try:
    from zope.event import notify, subscribers
except ImportError:
    subscribers = []

    def notify(event):
        """Call each subscriber with `event`."""
        for subscriber in subscribers:
            subscriber(event)


try:
    from zope.interface import Attribute, Interface, implementer
except ImportError:

    class Interface:  # type: ignore[no-redef]
        """The base of interfaces, which say what an object offers."""

    def Attribute(doc):
        """Stand for an attribute in an interface; `doc` describes it."""
        return property(doc=doc)

    def implementer(interface):
        """Return a decorator that changes nothing: nobody can ask for the interfaces of a class."""
        return lambda cls: cls


__all__ = [
    "subscribers",
    "IEventLoopBlocked",
    "EventLoopBlocked",
    "IMemoryUsageThresholdExceeded",
    "MemoryUsageThresholdExceeded",
    "IMemoryUsageUnderThreshold",
    "MemoryUsageUnderThreshold",
    "IPeriodicMonitorThread",
    "IPeriodicMonitorThreadStartedEvent",
    "PeriodicMonitorThreadStartedEvent",
    "IGeventPatchEvent",
    "GeventPatchEvent",
    "IGeventWillPatchEvent",
    "DoNotPatch",
    "GeventWillPatchEvent",
    "IGeventDidPatchEvent",
    "IGeventWillPatchModuleEvent",
    "GeventWillPatchModuleEvent",
    "IGeventDidPatchModuleEvent",
    "GeventDidPatchModuleEvent",
    "IGeventWillPatchAllEvent",
    "GeventWillPatchAllEvent",
    "IGeventDidPatchBuiltinModulesEvent",
    "GeventDidPatchBuiltinModulesEvent",
    "IGeventDidPatchAllEvent",
    "GeventDidPatchAllEvent",
]


def notify_and_call_entry_points(event):
    """Notify the subscribers, then call what installed packages register as entry points of the group
    `event.ENTRY_POINT_NAME`."""
    notify(event)
    if have_plugins():
        for plugin in plugins(event.ENTRY_POINT_NAME):
            plugin.load()(event)


class IPeriodicMonitorThread(Interface):
    """The thread that looks after a hub."""

    def add_monitoring_function(function, period):
        """Call `function(hub)` about every `period` seconds, in the monitor's thread, where nothing may
        block a greenlet. A known function gets the new period; None removes it."""


class IPeriodicMonitorThreadStartedEvent(Interface):
    """A hub started its monitoring thread: a chance to add functions to it."""

    monitor = Attribute("The `IPeriodicMonitorThread`.")


@implementer(IPeriodicMonitorThreadStartedEvent)
class PeriodicMonitorThreadStartedEvent:
    """A hub started its monitoring thread."""

    #: The group of the entry points that are called.
    ENTRY_POINT_NAME = "gevent.plugins.hub.periodic_monitor_thread_started"

    def __init__(self, monitor):
        self.monitor = monitor


class IEventLoopBlocked(Interface):
    """A greenlet has kept a hub from running for too long. Published in the monitoring thread."""

    greenlet = Attribute("The greenlet that does not switch.")
    blocking_time = Attribute("The seconds for which it has run, roughly.")
    info = Attribute("The lines of the report; subscribers may change the list.")
    hub = Attribute("The hub that waits, or None.")


@implementer(IEventLoopBlocked)
class EventLoopBlocked:
    """A greenlet has kept a hub from running for too long."""

    def __init__(self, greenlet, blocking_time, info, *, hub=None):
        vars(self).update(greenlet=greenlet, blocking_time=blocking_time, info=info, hub=hub)


class IMemoryUsageThresholdExceeded(Interface):
    """The process uses more memory than it should, and more than at the last such event.
    Published in the monitoring thread."""

    mem_usage = Attribute("Bytes used.")
    max_allowed = Attribute("Bytes that the process should use at most.")
    memory_info = Attribute("What psutil says in full.")


class _MemoryEvent:
    mem_usage: int
    max_allowed: int
    memory_info: object

    def __init__(self, mem_usage, max_allowed, memory_info):
        vars(self).update(mem_usage=mem_usage, max_allowed=max_allowed, memory_info=memory_info)

    def __repr__(self):
        kind = type(self).__name__
        return f"<{kind} used={self.mem_usage:d} max={self.max_allowed:d} details={self.memory_info!r}>"


@implementer(IMemoryUsageThresholdExceeded)
class MemoryUsageThresholdExceeded(_MemoryEvent):
    """The process uses more memory than it should, and the use grows."""


class IMemoryUsageUnderThreshold(Interface):
    """The process uses no longer more memory than it should. Published in the monitoring thread."""

    mem_usage = Attribute("Bytes used.")
    max_allowed = Attribute("Bytes that the process should use at most.")
    max_memory_usage = Attribute("Bytes that were used while it was more.")
    memory_info = Attribute("What psutil says in full.")


@implementer(IMemoryUsageUnderThreshold)
class MemoryUsageUnderThreshold(_MemoryEvent):
    """The process uses no longer more memory than it should."""

    def __init__(self, mem_usage, max_allowed, memory_info, max_usage):
        super().__init__(mem_usage, max_allowed, memory_info)
        self.max_memory_usage = max_usage


class IGeventPatchEvent(Interface):
    """Something about monkey-patching."""

    source = Attribute("The object that the new items come from.")
    target = Attribute("The object that is patched.")


@implementer(IGeventPatchEvent)
class GeventPatchEvent:
    """Something about monkey-patching."""

    def __init__(self, source, target):
        self.source = source
        self.target = target

    def __repr__(self):
        return "<%s source=%r target=%r at %x>" % (type(self).__name__, self.source, self.target, id(self))


class IGeventWillPatchEvent(IGeventPatchEvent):
    """Something is about to be patched, unless a subscriber raises `DoNotPatch`."""


@implementer(IGeventWillPatchEvent)
class GeventWillPatchEvent(GeventPatchEvent):
    """Something is about to be patched."""


class IGeventDidPatchEvent(IGeventPatchEvent):
    """Something was patched."""


@implementer(IGeventDidPatchEvent)
class GeventDidPatchEvent(GeventPatchEvent):
    """Something was patched."""


class IGeventWillPatchModuleEvent(IGeventWillPatchEvent):
    """A module is about to be patched. Source and target are modules."""

    module_name = Attribute("The name of the target.")
    target_item_names = Attribute("The names to patch, a list that subscribers may change.")


@implementer(IGeventWillPatchModuleEvent)
class GeventWillPatchModuleEvent(GeventWillPatchEvent):
    """A module is about to be patched."""

    #: The group of the entry points that are called.
    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_module"

    def __init__(self, module_name, source, target, items):
        super().__init__(source, target)
        self.module_name = module_name
        self.target_item_names = items


class IGeventDidPatchModuleEvent(IGeventDidPatchEvent):
    """A module was patched."""

    module_name = Attribute("The name of the target.")


@implementer(IGeventDidPatchModuleEvent)
class GeventDidPatchModuleEvent(GeventDidPatchEvent):
    """A module was patched."""

    #: The group of the entry points that are called.
    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_module"

    def __init__(self, module_name, source, target):
        super().__init__(source, target)
        self.module_name = module_name


class IGeventWillPatchAllEvent(IGeventWillPatchEvent):
    """`patch_all` begins. Next come the events of each module, then
    `IGeventDidPatchBuiltinModulesEvent`, then `IGeventDidPatchAllEvent`.

    With `DoNotPatch` nothing at all is patched. Source and target mean nothing.
    """

    patch_all_arguments = Attribute("All arguments of `patch_all` by name, a copy.")
    patch_all_kwargs = Attribute("Those that `patch_all` does not know itself, a copy.")

    def will_patch_module(module_name):
        """Return whether the module is among those to patch."""


class _PatchAllEvent(GeventPatchEvent):
    def __init__(self, patch_all_arguments, patch_all_kwargs):
        super().__init__(None, None)
        self._patch_all_arguments = patch_all_arguments
        self._patch_all_kwargs = patch_all_kwargs

    @property
    def patch_all_arguments(self):
        """All arguments of `patch_all` by name, a copy."""
        return self._patch_all_arguments.copy()

    @property
    def patch_all_kwargs(self):
        """Those arguments that `patch_all` does not know itself, a copy."""
        return self._patch_all_kwargs.copy()

    def __repr__(self):
        return "<%s %r at %x>" % (type(self).__name__, self._patch_all_arguments, id(self))


@implementer(IGeventWillPatchAllEvent)
class GeventWillPatchAllEvent(_PatchAllEvent, GeventWillPatchEvent):
    """`patch_all` begins."""

    #: The group of the entry points that are called.
    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_all"

    def will_patch_module(self, module_name):
        """Return whether the module is among those to patch, None for one that `patch_all` doesn't know."""
        return self._patch_all_arguments.get(module_name)


class IGeventDidPatchBuiltinModulesEvent(IGeventDidPatchEvent):
    """The standard library's modules were patched: the time to patch others. Source and target mean nothing."""

    patch_all_arguments = Attribute("All arguments of `patch_all` by name, a copy.")
    patch_all_kwargs = Attribute("Those that `patch_all` does not know itself, a copy.")


@implementer(IGeventDidPatchBuiltinModulesEvent)
class GeventDidPatchBuiltinModulesEvent(_PatchAllEvent, GeventDidPatchEvent):
    """The standard library's modules were patched."""

    #: The group of the entry points that are called.
    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_builtins"


class IGeventDidPatchAllEvent(IGeventDidPatchEvent):
    """All is patched, plugins' work included. Source and target mean nothing."""


@implementer(IGeventDidPatchAllEvent)
class GeventDidPatchAllEvent(_PatchAllEvent, GeventDidPatchEvent):
    """All is patched."""

    #: The group of the entry points that are called.
    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_all"

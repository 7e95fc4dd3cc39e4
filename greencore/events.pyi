from collections.abc import Callable, MutableSequence
from types import ModuleType
from typing import Any, ClassVar

from greencore._core import Hub, greenlet as _greenlet
from greencore.monkey import DoNotPatch as DoNotPatch

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

subscribers: MutableSequence[Callable[[Any], object]]

def notify(event: object) -> None: ...
def notify_and_call_entry_points(event: Any) -> None: ...

# The interfaces: with zope.interface they can be asked about, for type checkers they are protocols by name only.

class IPeriodicMonitorThread:
    def add_monitoring_function(self, function: Callable[[Hub], object], period: float | None) -> None: ...

class IPeriodicMonitorThreadStartedEvent:
    monitor: IPeriodicMonitorThread

class IEventLoopBlocked:
    greenlet: _greenlet
    blocking_time: float
    info: list[str]
    hub: Hub | None

class IMemoryUsageThresholdExceeded:
    mem_usage: int
    max_allowed: int
    memory_info: Any

class IMemoryUsageUnderThreshold:
    mem_usage: int
    max_allowed: int
    max_memory_usage: int
    memory_info: Any

class IGeventPatchEvent:
    source: Any
    target: Any

class IGeventWillPatchEvent(IGeventPatchEvent): ...
class IGeventDidPatchEvent(IGeventPatchEvent): ...

class IGeventWillPatchModuleEvent(IGeventWillPatchEvent):
    module_name: str
    target_item_names: list[str]

class IGeventDidPatchModuleEvent(IGeventDidPatchEvent):
    module_name: str

class IGeventWillPatchAllEvent(IGeventWillPatchEvent):
    patch_all_arguments: dict[str, Any]
    patch_all_kwargs: dict[str, Any]
    def will_patch_module(self, module_name: str) -> bool | None: ...

class IGeventDidPatchBuiltinModulesEvent(IGeventDidPatchEvent):
    patch_all_arguments: dict[str, Any]
    patch_all_kwargs: dict[str, Any]

class IGeventDidPatchAllEvent(IGeventDidPatchEvent): ...

# The events.

class PeriodicMonitorThreadStartedEvent:
    ENTRY_POINT_NAME: ClassVar[str]
    monitor: IPeriodicMonitorThread
    def __init__(self, monitor: Any) -> None: ...

class EventLoopBlocked:
    greenlet: _greenlet
    blocking_time: float
    info: list[str]
    hub: Hub | None
    def __init__(
        self, greenlet: _greenlet, blocking_time: float, info: list[str], *, hub: Hub | None = None
    ) -> None: ...

class _MemoryEvent:
    mem_usage: int
    max_allowed: int
    memory_info: Any
    def __init__(self, mem_usage: int, max_allowed: int, memory_info: Any) -> None: ...

class MemoryUsageThresholdExceeded(_MemoryEvent): ...

class MemoryUsageUnderThreshold(_MemoryEvent):
    max_memory_usage: int
    def __init__(self, mem_usage: int, max_allowed: int, memory_info: Any, max_usage: int) -> None: ...

class GeventPatchEvent:
    source: Any
    target: Any
    def __init__(self, source: Any, target: Any) -> None: ...

class GeventWillPatchEvent(GeventPatchEvent): ...
class GeventDidPatchEvent(GeventPatchEvent): ...

class GeventWillPatchModuleEvent(GeventWillPatchEvent):
    ENTRY_POINT_NAME: ClassVar[str]
    module_name: str
    target_item_names: list[str]
    def __init__(self, module_name: str, source: ModuleType, target: ModuleType, items: list[str]) -> None: ...

class GeventDidPatchModuleEvent(GeventDidPatchEvent):
    ENTRY_POINT_NAME: ClassVar[str]
    module_name: str
    def __init__(self, module_name: str, source: ModuleType, target: ModuleType) -> None: ...

class _PatchAllEvent(GeventPatchEvent):
    def __init__(self, patch_all_arguments: dict[str, Any], patch_all_kwargs: dict[str, Any]) -> None: ...
    @property
    def patch_all_arguments(self) -> dict[str, Any]: ...
    @property
    def patch_all_kwargs(self) -> dict[str, Any]: ...

class GeventWillPatchAllEvent(_PatchAllEvent, GeventWillPatchEvent):
    ENTRY_POINT_NAME: ClassVar[str]
    def will_patch_module(self, module_name: str) -> bool | None: ...

class GeventDidPatchBuiltinModulesEvent(_PatchAllEvent, GeventDidPatchEvent):
    ENTRY_POINT_NAME: ClassVar[str]

class GeventDidPatchAllEvent(_PatchAllEvent, GeventDidPatchEvent):
    ENTRY_POINT_NAME: ClassVar[str]

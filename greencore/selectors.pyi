from selectors import (
    EVENT_READ as EVENT_READ,
    EVENT_WRITE as EVENT_WRITE,
    BaseSelector as BaseSelector,
    EpollSelector as EpollSelector,
    PollSelector as PollSelector,
    SelectorKey as SelectorKey,
    SelectSelector as SelectSelector,
)

from greencore.hub import Hub

__all__ = ["DefaultSelector", "GeventSelector"]

class GeventSelector(EpollSelector):
    def __init__(self, hub: Hub | None = None) -> None: ...
    @property
    def hub(self) -> Hub: ...

DefaultSelector = GeventSelector

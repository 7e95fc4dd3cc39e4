"""Exceptions of the hub and of all that blocks."""

from greencore._core import (
    BlockingSwitchOutError,
    ConcurrentObjectUseError,
    GreenletExit,
    HubDestroyed,
    InvalidSwitchError,
    InvalidThreadUseError,
    LoopExit,
)

__all__ = ["LoopExit"]

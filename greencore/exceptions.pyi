from greencore._core import (
    BlockingSwitchOutError as BlockingSwitchOutError,
    ConcurrentObjectUseError as ConcurrentObjectUseError,
    GreenletExit as GreenletExit,
    HubDestroyed as HubDestroyed,
    InvalidSwitchError as InvalidSwitchError,
    InvalidThreadUseError as InvalidThreadUseError,
    LoopExit as LoopExit,
)

__all__ = ["LoopExit"]

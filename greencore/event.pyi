from greencore._core import AsyncResult as AsyncResult, Event as Event

__all__ = ["Event", "AsyncResult"]

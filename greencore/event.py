"""Event and AsyncResult: waiting for something to happen, or for a value."""

from greencore._core import AsyncResult, Event

__all__ = ["Event", "AsyncResult"]

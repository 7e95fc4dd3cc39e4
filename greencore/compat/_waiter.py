"""Handing values from the hub to a greenlet."""

from greencore._core import MultipleWaiter, Waiter

__all__ = ["Waiter", "MultipleWaiter"]

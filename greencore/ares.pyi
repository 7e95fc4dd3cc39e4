from greencore._core import channel as channel

__all__ = ["channel"]

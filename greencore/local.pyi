from greencore._core import all_local_dicts_for_greenlet as all_local_dicts_for_greenlet, local as local

__all__ = ["local"]

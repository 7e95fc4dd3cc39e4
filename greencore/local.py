"""Objects whose attributes are each greenlet's own."""

from greencore._core import _local_get_dict, all_local_dicts_for_greenlet, local

__all__ = ["local"]

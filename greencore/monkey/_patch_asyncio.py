"""Give each greenlet an asyncio loop of its own, up to CPython 3.12. Later ones need nothing: there the running loop is
part of what a switch carries. Patched when `asyncio` is imported.
"""

import sys

from greencore.monkey._lazy import when_imported
from greencore.monkey.api import patch_item


def patch_when_imported():
    if sys.version_info < (3, 13):
        when_imported("asyncio.events", patch)


def patch(module):
    native_get, native_set = module._get_running_loop, module._set_running_loop

    def _set_running_loop(loop):
        """Set the running greenlet's loop. This stands in only until the first loop runs."""
        from greencore._core import track_asyncio

        track_asyncio(native_get, native_set)
        module._set_running_loop = native_set
        native_set(loop)

    patch_item(module, "_set_running_loop", _set_running_loop)

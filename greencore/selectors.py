"""The standard `selectors` module, whose DefaultSelector lets other greenlets run."""

import selectors as __selectors__
from errno import EBADF, EINVAL

from greencore._base.tools import copy_globals
from greencore._core import get_hub

__implements__ = ["DefaultSelector"]
__extra__ = ["GeventSelector"]
__all__ = [*__implements__, *__extra__]
__imports__ = copy_globals(__selectors__, globals(), names_to_ignore=__all__, dunder_names_to_keep=())

from greencore.select import epoll, poll, select  # noqa: E402 - the standard module has a name `select` of its own


class GeventSelector(__selectors__.EpollSelector):
    """A selector whose select() lets other greenlets run.

    hub: accepted for compatibility; select() waits in the hub of the thread that calls it. Regular files, which epoll
    refuses, are always ready.
    """

    _selector_cls = epoll

    def __init__(self, hub=None):
        super().__init__()
        self._files = {}  # {descriptor: events} of what is always ready

    @property
    def hub(self):
        """The hub of the running thread."""
        return get_hub()

    def register(self, fileobj, events, data=None):
        """Watch `fileobj`, a descriptor or an object with fileno(), for EVENT_READ, EVENT_WRITE or both.

        Returns its SelectorKey. Raises ValueError for invalid events or a descriptor that isn't open, KeyError if it is
        registered already.
        """
        try:
            return super().register(fileobj, events, data)
        except PermissionError:
            key = __selectors__._BaseSelectorImpl.register(self, fileobj, events, data)
            self._files[key.fd] = events
            return key
        except OSError as error:
            if error.errno not in (EBADF, EINVAL):  # EINVAL: the number is the epoll object's own by now
                raise
            raise ValueError(f"Invalid file descriptor: {fileobj!r}") from error

    def modify(self, fileobj, events, data=None):
        """Change what a registered `fileobj` is watched for, or its data. Returns the new SelectorKey."""
        key = self.get_key(fileobj)
        if key.fd not in self._files:
            return super().modify(fileobj, events, data)
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def unregister(self, fileobj):
        """Watch `fileobj` no longer. Returns its SelectorKey; raises KeyError if it isn't registered."""
        key = super().unregister(fileobj)
        self._files.pop(key.fd, None)
        return key

    def select(self, timeout=None):
        """Return the [(SelectorKey, events)] that are ready, waiting `timeout` seconds at most; None: for ever; 0 or
        less: not at all, though other greenlets run once."""
        if not self._files:
            return super().select(timeout)
        ready = super().select(0)
        return ready + [(self._fd_to_key[fd], events) for fd, events in self._files.items()]


DefaultSelector = GeventSelector


def _gevent_do_monkey_patch(patch_request):
    selectors = __selectors__
    patch_request.default_patch_items()
    # As a class attribute the standard function, being a builtin, is no method; ours would be.
    if getattr(selectors.SelectSelector, "_select", None) in (patch_request.get_original("select", "select"), select):

        def _select(self, *args):
            return select(*args)

        _select._gevent_monkey = True
        selectors.SelectSelector._select = _select
    if hasattr(selectors.PollSelector, "_selector_cls"):
        selectors.PollSelector._selector_cls = poll
    if patch_request.patch_kwargs["aggressive"]:
        patch_request.remove_item(selectors, "EpollSelector", "KqueueSelector", "DevpollSelector")
        selectors.DefaultSelector = DefaultSelector

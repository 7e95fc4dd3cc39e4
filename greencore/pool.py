"""Groups of greenlets: Group keeps track of them, Pool also limits how many there are."""

from queue import Full as QueueFull

from greencore._base.tools import CallbackLink
from greencore._core import GroupBase, IMap, IMapUnordered, spawn_map
from greencore.event import Event  # noqa: F401 - programs import it from here
from greencore.greenlet import Greenlet, GreenletExit, joinall
from greencore.hub import getcurrent, kill as _kill
from greencore.lock import DummySemaphore, Semaphore
from greencore.timeout import Timeout

__all__ = ["Group", "Pool", "PoolFull"]


class GroupMappingMixin:
    """apply() and map() in their variants, for a class with spawn(func, *args, **kwargs).

    What spawn() returns has get() and rawlink(). The class also answers the three questions below.
    """

    __slots__ = ()

    def spawn(self, func, *args, **kwargs):
        """Run func(*args, **kwargs), and return what stands for its result."""
        raise NotImplementedError

    def _apply_immediately(self):
        """Whether apply() is to call the function at once, in the running greenlet."""
        raise NotImplementedError

    def _apply_async_use_greenlet(self):
        """Whether apply_async() is to leave spawn(), which would block, to a greenlet."""
        raise NotImplementedError

    def _apply_async_cb_spawn(self, callback, result):
        """Call callback(result), now or soon."""
        raise NotImplementedError

    def apply(self, func, args=None, kwds=None):
        """Return func(*args, **kwds), run by spawn(), or raise what it raises."""
        args, kwds = args or (), kwds or {}
        if self._apply_immediately():
            return func(*args, **kwds)
        return self.spawn(func, *args, **kwds).get()

    def apply_cb(self, func, args=None, kwds=None, callback=None):
        """As apply(); callback(result) is called then, too."""
        value = self.apply(func, args, kwds)
        if callback is not None:
            self._apply_async_cb_spawn(callback, value)
        return value

    def apply_async(self, func, args=None, kwds=None, callback=None):
        """Return what has get() for the result of func(*args, **kwds); never block, even when full.

        callback: called with the result, unless there was an error.
        """
        if self._apply_async_use_greenlet():
            return Greenlet.spawn(self.apply_cb, func, args, kwds, callback)
        task = self.spawn(func, *(args or ()), **(kwds or {}))
        if callback is not None:
            task.link(pass_value(callback))
        return task

    def map(self, func, iterable):
        """Return the list of func(item) for the items, each run by spawn(), or raise the first error."""
        # This has a greenlet of its own, since the caller may be a member that blocks the others' places.
        return Greenlet.spawn(spawn_map, self.spawn, func, iterable).get()

    def map_cb(self, func, iterable, callback=None):
        """As map(); callback(result) is called then, too."""
        result = self.map(func, iterable)
        if callback is not None:
            callback(result)
        return result

    def map_async(self, func, iterable, callback=None):
        """Return a greenlet that runs map(); callback(result) is called at its end."""
        return Greenlet.spawn(self.map_cb, func, iterable, callback)

    def _imap(self, kind, func, iterables, maxsize=None):
        if len(iterables) == 1:
            return kind.spawn(func, iter(iterables[0]), spawn=self.spawn, maxsize=maxsize)
        return kind.spawn(func, zip(*iterables), spawn=self.spawn, _zipped=True, maxsize=maxsize)

    def imap(self, func, *iterables, **kwargs):
        """Return an iterator over func(*items), in order, where items come from each of the iterables.

        maxsize: how many results may wait to be read before no more is run; None: as many as there are.
        """
        return self._imap(IMap, func, iterables, **kwargs)

    def imap_unordered(self, func, *iterables, **kwargs):
        """As imap(), but the results come as they are ready, which keeps fewer of them waiting."""
        return self._imap(IMapUnordered, func, iterables, **kwargs)


class Group(GroupBase, GroupMappingMixin):
    """Greenlets that run, without a limit. One that has ended is a member no more.

    It can be iterated over, has a length, and is false when empty. greenlet_class is what spawn() makes; set it on a
    subclass or an object for another.
    """

    greenlet_class = Greenlet

    def __repr__(self):
        return "<%s at 0x%x %s>" % (type(self).__name__, id(self), self.greenlets)

    def join(self, timeout=None, raise_error=False):
        """Wait until the group has been empty once, or `timeout` seconds have passed. Return whether it has.

        raise_error: raise the error of one of the present members, if any of them ends with one.
        """
        members = list(self.greenlets) if raise_error else []
        emptied = self._empty_event.wait(timeout)
        for member in members:
            if member.exception is not None:
                if hasattr(member, "_raise_exception"):
                    member._raise_exception()
                raise member.exception
        return emptied

    def _condemn(self, greenlet, exception):
        """Raise `exception` in a member, soon, and note that, so that it is done once."""
        if hasattr(greenlet, "kill"):
            greenlet.kill(exception, block=False)
        else:
            _kill(greenlet, exception)
        self.dying.add(greenlet)

    def kill(self, exception=GreenletExit, block=True, timeout=None):
        """Raise `exception` in all members, and wait until they have ended, `timeout` seconds at most."""
        timer = Timeout._start_new_or_dummy(timeout)
        joined = {}  # by identity: a member whose hash raises is one that could not be discarded
        try:
            while self.greenlets:
                for greenlet in self.greenlets - self.dying:
                    self._condemn(greenlet, exception)
                waited_for = {id(greenlet): greenlet for greenlet in self.greenlets if id(greenlet) not in joined}
                if not block or not waited_for:
                    break
                joinall(list(waited_for.values()))
                joined.update(waited_for)
        except Timeout as expired:
            if expired is not timer:
                raise
        finally:
            timer.cancel()

    def killone(self, greenlet, exception=GreenletExit, block=True, timeout=None):
        """Kill the greenlet if it is a member and was not killed before."""
        if greenlet in self.greenlets and greenlet not in self.dying:
            self._condemn(greenlet, exception)
            if block:
                greenlet.join(timeout)

    def full(self):
        """Whether there is no place left: False, since there is no limit."""
        return False

    def wait_available(self, timeout=None):
        """Do nothing: there always is a place."""

    def _apply_async_use_greenlet(self):
        return self.full()

    def _apply_immediately(self):
        return getcurrent() in self

    def _apply_async_cb_spawn(self, callback, result):
        Greenlet.spawn(callback, result)


class PoolFull(QueueFull):
    """There was no place in a Pool, and the caller would not wait (longer)."""


class Pool(Group):
    """A Group of at most `size` greenlets: spawn() and add() wait for a place.

    size: None is no limit, 0 a pool that never has a place. greenlet_class: what spawn() makes.
    Raises TypeError for a size that is no integer, ValueError for a negative one.
    """

    def __init__(self, size=None, greenlet_class=None):
        if size is not None and not hasattr(size, "__index__"):
            raise TypeError(f"size must be an integer or None, not {size!r}")
        if size is not None and size < 0:
            raise ValueError("size must not be negative: %r" % (size,))
        super().__init__()
        self.size = size
        if greenlet_class is not None:
            self.greenlet_class = greenlet_class
        self._semaphore = DummySemaphore() if size is None else Semaphore(size)

    def wait_available(self, timeout=None):
        """Wait until there is a place, `timeout` seconds at most. Return how many there are."""
        return self._semaphore.wait(timeout=timeout)

    def full(self):
        """Whether there is no place left."""
        return self.free_count() <= 0

    def free_count(self):
        """Return how many places there are, 1 when there is no limit."""
        # A member may leave its place to others for a while: an idle connection of a WSGI server does.
        return 1 if self.size is None else max(0, self._semaphore.counter)


class pass_value(CallbackLink):
    """A link that hands its source's value to `callback`, unless the source failed. It equals its callback."""

    __slots__ = []

    def __call__(self, source):
        if source.successful():
            self.callback(source.value)

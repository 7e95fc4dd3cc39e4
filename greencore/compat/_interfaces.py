"""What loops, watchers and callbacks offer, in words. With zope.interface, their classes declare these interfaces."""

from greencore._core import callback, watcher
from greencore.core import loop
from greencore.events import Attribute, Interface, implementer

__all__ = ["ICallback", "ILoop", "IWatcher"]


class ILoop(Interface):
    """An event loop, as `Hub.loop` is one.

    Watchers made by it take `ref`, whether the loop goes on while they are active, and mostly `priority`, which is kept
    and has no effect.
    """

    default = Attribute("Whether it is a default loop.")
    approx_timer_resolution = Attribute("The shortest sleep that makes sense, in seconds.")

    def run(nowait=False, once=False):
        """Run until nothing is left to wait for; `once`: one iteration; `nowait`: one that does not sleep. The hub
        calls it; only where no hub runs may a program do so."""

    def now():
        """Return the seconds on the clock of its timers, which starts anywhere."""

    def update_now():
        """Look at the clock."""

    def destroy():
        """Close all that it watches with. It is of no use afterwards."""

    def closing_fd(fd):
        """Wake all who watch the descriptor `fd`, which is about to be closed. Return whether there were any."""

    def run_callback(func, *args):
        """Queue the call func(*args) and return its `ICallback`."""

    def run_callback_threadsafe(func, *args):
        """Do as run_callback, from any thread, and wake the loop."""

    def io(fd, events, ref=True, priority=None):
        """Return a watcher of the descriptor `fd`; events: 1 to read, 2 to write, or their sum."""

    def timer(after, repeat=0.0, ref=True, priority=None):
        """Return a watcher that fires `after` seconds from its start, and again every `repeat` seconds if given."""

    def signal(signum, ref=True, priority=None):
        """Return a watcher of the signal `signum`."""

    def idle(ref=True, priority=None):
        """Return a watcher that fires whenever nothing else is ready."""

    def prepare(ref=True, priority=None):
        """Return a watcher that fires before the loop polls."""

    def check(ref=True, priority=None):
        """Return a watcher that fires after the loop has polled."""

    def fork(ref=True, priority=None):
        """Return a watcher that fires in a forked child."""

    def async_(ref=True, priority=None):
        """Return a watcher whose send() makes it fire, from any thread."""

    def child(pid, trace=0, ref=True):
        """Return a watcher of the end of the child process `pid`; trace: of its stops, too."""

    def stat(path, interval=0.0, ref=True, priority=None):
        """Return a watcher of what os.stat says of `path`, looked at every `interval` seconds."""


class IWatcher(Interface):
    """Calls back when something happens."""

    def start(callback, *args, **kwargs):
        """Call callback(*args) whenever it fires, until stop()."""

    def stop():
        """Call back no more. It may be started again."""

    def close():
        """Stop for good."""


class ICallback(Interface):
    """A call that was queued. It is made in the hub, so it must not block."""

    pending = Attribute("Whether the call is still to be made.")

    def stop():
        """Do not make the call, if it is still to be made."""

    def close():
        """Do the same as stop()."""


for _interface, _class in ((ILoop, loop), (IWatcher, watcher), (ICallback, callback)):
    implementer(_interface)(_class)

"""Noticing that a client goes away while the application waits for something else."""

import select

from greencore._base.originals import get_original
from greencore.event import Event
from greencore.hub import getcurrent, kill as _kill

_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
_AGAIN = 1  # s


class ClientWatch:
    """Sets environ["greencore.client_gone"], an Event, when the client has closed its half of the connection.

    sock: the connection. kills: the running greenlet, which the application runs in, is killed then, too. stop() ends it.
    """

    def __init__(self, sock, environ, kills):
        self.event = environ["greencore.client_gone"] = Event()
        self._greenlet = getcurrent() if kills else None
        self._fileno = sock.fileno()
        self._poll = get_original("select", "poll")()
        self._poll.register(self._fileno, _GONE)
        loop = sock.hub.loop
        self._reading = loop.io(self._fileno, 1)
        self._later = loop.timer(_AGAIN, ref=False)
        self._reading.start(self._look)

    def _look(self):
        if self._poll.poll(0):
            self.stop()
            self.event.set()
            if self._greenlet is not None:
                _kill(self._greenlet)
            return
        # Bytes that nobody has read yet keep the connection readable, so its end can't be waited for: look again later.
        self._reading.stop()
        self._later.start(self._reading.start, self._look)

    def stop(self):
        """Look no more."""
        for watcher in (self._reading, self._later):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reading = self._later = None

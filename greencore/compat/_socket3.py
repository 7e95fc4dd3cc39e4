"""Names that code written for gevent imports from here; `greencore.socket` has them all."""

from greencore.socket import *
from greencore.socket import (
    SocketIO,
    __all__,
    __dns__,
    __extensions__,
    __implements__,
    __imports__,
    __socket__,
    _closedsocket,
    _wrefsocket,
    cancel_wait_ex,
    socket,
    socketpair,
)

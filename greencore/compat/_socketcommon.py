"""Names that code written for gevent imports from here; `greencore.socket` has them all."""

from greencore.socket import *
from greencore.socket import (
    EAGAIN,
    EALREADY,
    EBADF,
    ECONNREFUSED,
    EHOSTUNREACH,
    EINPROGRESS,
    EINVAL,
    EISCONN,
    EWOULDBLOCK,
    SocketMixin,
    __dns__,
    __extensions__,
    __imports__,
    __socket__,
    _implements,
    _resolve_addr,
    cancel_wait,
    cancel_wait_ex,
    wait,
    wait_on_socket,
    wait_read,
    wait_readwrite,
    wait_write,
)

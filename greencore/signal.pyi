from signal import *
from signal import (
    getsignal as getsignal,
    pthread_kill as pthread_kill,
    set_wakeup_fd as set_wakeup_fd,
    signal as signal,
)

__all__ = ["getsignal", "pthread_kill", "set_wakeup_fd", "signal"]

from time import *
from time import pthread_getcpuclockid as pthread_getcpuclockid, sleep as sleep

__all__ = ["pthread_getcpuclockid", "sleep"]

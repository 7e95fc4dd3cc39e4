from threading import Thread as Thread, Timer as Timer

from greencore._core import Lock as Lock
from greencore.local import local as local
from greencore.thread import RLock as RLock, get_ident as get_ident

__all__: list[str]

def main_native_thread() -> Thread: ...
def move_main_thread(main_thread: Thread) -> None: ...

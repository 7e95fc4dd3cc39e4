"""Queues, events, results, locks: what greenlets hand to each other."""

import greencore
from greencore.event import AsyncResult, Event
from greencore.local import local
from greencore.lock import BoundedSemaphore, DummySemaphore, RLock, Semaphore
from greencore.queue import Channel, Empty, Full, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue


def untyped() -> None:
    queue = Queue()
    queue.put(1)
    queue.put("two", timeout=1)
    print(queue.get_nowait())


def worker(tasks: Queue[str], results: Queue[int]) -> None:
    for task in tasks:
        results.put(len(task))
        tasks.task_done()


def produce() -> int:
    tasks: Queue[str] = Queue(maxsize=10)
    results: Queue[int] = Queue()
    greencore.spawn(worker, tasks, results)
    tasks.put("task")
    tasks.join(timeout=1)
    try:
        return results.get(block=False)
    except Empty:
        return 0


def others() -> None:
    stack: LifoQueue[bytes] = LifoQueue()
    ordered: PriorityQueue[tuple[int, str]] = PriorityQueue(items=[(1, "a")])
    simple: SimpleQueue[float] = SimpleQueue()
    joinable: JoinableQueue[int] = JoinableQueue(5)
    channel: Channel[str] = Channel()
    stack.put(b"x")
    priority, text = ordered.get()
    print(priority + 1, text.upper())
    simple.put_nowait(0.5)
    try:
        joinable.put(1, block=False)
    except Full:
        channel.put("full")


def results() -> str:
    result: AsyncResult[str] = AsyncResult()
    event = Event()
    result.set("done")
    event.set()
    if event.wait(timeout=0.1):
        return result.get(timeout=1).upper()
    return result.get_nowait()


class Context(local):
    user: str = ""


def locks(guard: Semaphore | DummySemaphore) -> None:
    lock = RLock()
    with lock, guard, BoundedSemaphore(2):
        if lock.acquire(blocking=False):
            lock.release()
    context = Context()
    context.user = "someone"

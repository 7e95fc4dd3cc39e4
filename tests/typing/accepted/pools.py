"""Pools of greenlets and of threads."""

import time

from greencore import Greenlet, get_hub
from greencore.event import AsyncResult
from greencore.pool import Group, Pool
from greencore.threadpool import ThreadPool, ThreadPoolExecutor


def length(text: str) -> int:
    return len(text)


def join(text: str, count: int) -> bytes:
    return (text * count).encode()


def greenlets() -> int:
    pool = Pool(10)
    lengths: list[int] = pool.map(length, ["a", "bb"])
    for number in pool.imap(length, ["a", "bb"], maxsize=2):
        lengths.append(number)
    for data in pool.imap_unordered(join, ["a"], [1]):
        print(data.decode())
    one: Greenlet[bytes] = pool.spawn(join, "x", count=2)
    two: Greenlet[int] = pool.apply_async(length, ("abc",), callback=print)
    three: Greenlet[list[int]] = pool.map_async(length, ["a"])
    pool.join(timeout=1, raise_error=True)
    group = Group()
    group.add(one)
    group.kill(block=False)
    return pool.apply(length, ("abc",)) + two.get() + len(three.get()) + pool.free_count()


def threads() -> float:
    pool = ThreadPool(3)
    result: AsyncResult[float] = pool.spawn(time.monotonic)
    hub = get_hub()
    hub.threadpool.apply(length, ("abc",))
    with ThreadPoolExecutor(2) as executor:
        print(executor.submit(join, "x", 3).result())
    return result.get() + sum(pool.map(length, ["a"]))

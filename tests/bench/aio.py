"""aio.py NAME [uvloop]: the same work in asyncio's tasks; prints nanoseconds an operation, or bytes.

`echo` serves instead, by a Protocol: it prints its port.
"""

import asyncio
import gc
import sys
import time

from weight import PARKED, weigh

SAMPLES = 5
LEAST = 0.05  # seconds a sample


async def yield_among(n, count):
    async def run():
        for _ in range(n // count):
            await asyncio.sleep(0)

    await asyncio.gather(*(run() for _ in range(count)))


async def yield10(n):
    await yield_among(n, 10)


async def yield1000(n):
    await yield_among(n, 1000)


async def nothing():
    pass


async def spawn(n):
    for _ in range(n // 100):
        for _ in range(100):
            asyncio.create_task(nothing())
        await asyncio.sleep(0)


async def spawnjoin(n):
    for _ in range(n):
        await asyncio.create_task(nothing())


async def channel1(n):
    queue = asyncio.Queue(1)

    async def take():
        for _ in range(n):
            await queue.get()

    taking = asyncio.create_task(take())
    for i in range(n):
        await queue.put(i)
    await taking


async def pingpong(n):
    there, back = asyncio.Queue(), asyncio.Queue()

    async def answer():
        for _ in range(n):
            back.put_nowait(await there.get())

    answering = asyncio.create_task(answer())
    for i in range(n):
        there.put_nowait(i)
        await back.get()
    await answering


async def mutex(n):
    lock = asyncio.Semaphore()
    for _ in range(n):
        await lock.acquire()
        lock.release()


async def mutex10(n):
    lock = asyncio.Semaphore()

    async def run():
        for _ in range(n // 10):
            async with lock:
                await asyncio.sleep(0)

    await asyncio.gather(*(run() for _ in range(10)))


async def parked():
    """Return the bytes that one of PARKED tasks adds while it waits."""
    gate = asyncio.Event()

    async def wait():
        await gate.wait()

    first = asyncio.create_task(wait())
    await asyncio.sleep(0)
    gc.collect()
    before = sum(weigh())
    kept = [asyncio.create_task(wait()) for _ in range(PARKED)]
    await asyncio.sleep(0)
    after = sum(weigh())
    gate.set()
    await asyncio.gather(first, *kept)
    return (after - before) / PARKED


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def measure(work):
    """Return the best of some samples, in nanoseconds an operation."""
    n, spent = 1000, 0
    while spent < LEAST:
        start = time.perf_counter()
        await work(n)
        spent = time.perf_counter() - start
        if spent < LEAST:
            n = 1000 * round(n / 1000 * min(10, 1 + 1.1 * LEAST / spent))
    gc.collect()
    gc.disable()
    best = float("inf")
    for _ in range(SAMPLES):
        start = time.perf_counter()
        await work(n)
        best = min(best, (time.perf_counter() - start) / n * 1e9)
        gc.collect()
    return best


TIMED = {work.__name__: work for work in (yield10, yield1000, spawn, spawnjoin, channel1, pingpong, mutex, mutex10)}


def main(name, loop="asyncio"):
    if loop == "uvloop":
        import uvloop

        uvloop.install()
    if name == "echo":
        asyncio.run(echo())
    elif name == "parked":
        print(asyncio.run(parked()))
    elif name in TIMED:
        print(asyncio.run(measure(TIMED[name])))
    else:
        sys.exit(3)  # there is nothing like it


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Wrong programs. Each line with a comment of mypy's error codes is to be an error, and no other line."""

import greencore
from greencore import Greenlet, Timeout, event, lock, monkey, pywsgi, server, socket, subprocess
from greencore.event import AsyncResult, Event
from greencore.pool import Pool
from greencore.queue import Channel, Queue
from greencore.threadpool import ThreadPool
from greencore.websocket import WebSocket, connect


def square(number: int) -> int:
    return number * number


class Job(Greenlet[str]):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


def spawning() -> None:
    greencore.spawn(square, "x")  # wrong: arg-type
    greencore.spawn(square)  # wrong: call-arg
    greencore.spawn(square, 1, 2)  # wrong: call-arg
    greencore.spawn(square, number=1, other=2)  # wrong: call-arg
    greencore.spawn_later(1, square, "x")  # wrong: arg-type
    greencore.spawn_later(square, 1)  # wrong: arg-type
    greencore.spawn_raw(square, "x")  # wrong: arg-type
    Greenlet.spawn(square, "x")  # wrong: arg-type
    greencore.spawn(1)  # wrong: arg-type
    text: str = greencore.spawn(square, 3).get()  # wrong: assignment
    greencore.spwan(square, 3)  # wrong: attr-defined
    greencore.spawn(square, 3).gett()  # wrong: attr-defined
    greencore.sleep("1")  # wrong: arg-type
    Job(3)  # wrong: arg-type
    number: int = Job("x").get()  # wrong: assignment
    Job("x").uri  # wrong: attr-defined
    greencore.joinall(3)  # wrong: arg-type
    greencore.joinall([3])  # wrong: type-var
    Timeout("soon")  # wrong: arg-type
    print(text, number)


async def waiting() -> None:
    await greencore.spawn(square, 3).get()  # wrong: misc


def handing_over(numbers: Queue[int], channel: Channel[bytes], result: AsyncResult[int]) -> None:
    numbers.put("x")  # wrong: arg-type
    text: str = numbers.get()  # wrong: assignment
    numbers.puts(1)  # wrong: attr-defined
    channel.put("x")  # wrong: arg-type
    result.set("x")  # wrong: arg-type
    other: str = result.get()  # wrong: assignment
    Event().set(True)  # wrong: call-arg
    event.Evnt()  # wrong: attr-defined
    lock.Semaphore("1")  # wrong: arg-type
    Queue(maxsize="3")  # wrong: arg-type
    print(text, other)


def pools() -> None:
    pool = Pool(3)
    pool.spawn(square, "x")  # wrong: arg-type
    texts: list[str] = pool.map(square, [1])  # wrong: arg-type
    pool.map(square, 3)  # wrong: arg-type
    pool.imap(square, [1], size=3)  # wrong: call-overload
    Pool("3")  # wrong: arg-type
    ThreadPool(3).spawn(square, "x")  # wrong: arg-type
    ThreadPool()  # wrong: call-arg
    print(texts)


def no_application(path: str) -> str:
    return path


def servers() -> None:
    server.StreamServer(("", 0), print, backlogs=3)  # wrong: call-arg
    server.StreamServer(None, print)  # wrong: arg-type
    server.StreamServer(("", 0), no_application)  # wrong: arg-type
    pywsgi.WSGIServer(":80", no_application)  # wrong: arg-type
    pywsgi.WSGIServer(":80", keep_alive=3)  # wrong: call-arg
    pywsgi.WSGIServer(":80", max_body="3")  # wrong: arg-type
    pywsgi.WSGIServer(":80", watch_clients="all")  # wrong: arg-type


def system() -> None:
    monkey.patch_all(threads=False, thread="no")  # wrong: arg-type
    monkey.patch_socket(dsn=True)  # wrong: call-arg
    socket.create_connection("localhost:80")  # wrong: arg-type
    socket.socket().sendall("text")  # wrong: arg-type
    subprocess.run(["true"], chek=True)  # wrong: call-overload
    greencore.get_hub().looop  # wrong: attr-defined
    greencore.get_hub().loop.timer("1")  # wrong: arg-type


def websockets(websocket: WebSocket) -> None:
    websocket.send(3)  # wrong: arg-type
    message: str = websocket.receive()  # wrong: assignment
    connect("ws://localhost", compres=False)  # wrong: call-arg
    print(message)

"""Greenlets: functions with arguments and results, subclasses, links, waiting for several."""

from greencore import (
    Greenlet,
    GreenletExit,
    Timeout,
    getcurrent,
    idle,
    iwait,
    joinall,
    killall,
    sleep,
    spawn,
    spawn_later,
    spawn_raw,
    wait,
    with_timeout,
)


def square(number: int, *, factor: int = 1) -> int:
    return number * number * factor


class Job(Greenlet[str]):
    def __init__(self, url: str, tries: int = 3) -> None:
        super().__init__()
        self.url = url
        self.tries = tries

    def _run(self) -> str:
        sleep(0.01)
        return self.url * self.tries


def report(source: Greenlet[int]) -> None:
    print(source.value, source.exception, source.successful())


def spawning() -> int:
    first = spawn(square, 3, factor=2)
    second: Greenlet[int] = Greenlet.spawn(square, 4)
    third = spawn_later(0.1, square, 5)
    fourth = Greenlet(square, 6)
    fourth.start()
    first.link(report)
    second.rawlink(report)
    spawn_raw(square, 7)
    done: list[Greenlet[int]] = joinall([first, second, third, fourth], timeout=1, raise_error=True)
    for greenlet in iwait(done):
        print(greenlet.get())
    killall(done, block=False)
    wait(done, count=1)
    finished: bool = wait(timeout=0)
    print(finished, getcurrent().dead)
    return first.get() + sum(greenlet.get() for greenlet in done)


def subclass() -> str:
    job = Job("http://localhost", tries=2)
    job.start()
    print(job.url.upper())
    text: str = job.get()
    return text


def limits() -> int | None:
    with Timeout(1.5) as timeout:
        sleep(0.1)
        timeout.cancel()
    with Timeout(2, False):
        idle()
    try:
        with Timeout(1, ValueError("too late")):
            return with_timeout(2, square, 3)
    except (Timeout, GreenletExit):
        return None


def fallback() -> int | str:
    return with_timeout(1, square, 3, timeout_value="none")
